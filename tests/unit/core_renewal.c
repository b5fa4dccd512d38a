#include "core/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void each_by_itself(void **state) {
    (void)state;
    static const struct {
        struct renewal_app app;
        bool complete;
        enum renewal renewal;
    } cases[] = {
        {{.state = RENEWAL_IS_UP}, true, RENEWAL_NONE},
        {{.state = RENEWAL_IS_UP, .has_changed = true, .is_started = true}, true, RENEWAL_NONE},
        {{.state = RENEWAL_IS_UP, .is_named = true}, false, RENEWAL_NAMED},
        {{.state = RENEWAL_IS_UP, .is_named = true}, true, RENEWAL_NAMED},
        {{.state = RENEWAL_IS_DOWN, .autostart = true}, false, RENEWAL_NONE},
        {{.state = RENEWAL_IS_DOWN, .autostart = true}, true, RENEWAL_DOWN},
        {{.state = RENEWAL_IS_DOWN, .autostart = true, .is_named = true}, false, RENEWAL_NAMED},
        {{.state = RENEWAL_IS_DOWN, .autostart = true, .is_named = true}, true, RENEWAL_NAMED},
        {{.state = RENEWAL_IS_DOWN}, true, RENEWAL_NONE},
        {{.state = RENEWAL_IS_DOWN, .is_named = true}, false, RENEWAL_NONE},
        {{.state = RENEWAL_IS_DOWN, .is_named = true}, true, RENEWAL_NONE},
        {{.state = RENEWAL_HAS_FAILED}, false, RENEWAL_NONE},
        {{.state = RENEWAL_HAS_FAILED}, true, RENEWAL_FAILED},
        {{.state = RENEWAL_HAS_FAILED, .is_named = true}, false, RENEWAL_NAMED},
        {{.state = RENEWAL_HAS_FAILED, .is_named = true}, true, RENEWAL_NAMED},
        {{.state = RENEWAL_IS_DONE}, true, RENEWAL_NONE},
        {{.state = RENEWAL_IS_DONE, .has_changed = true}, false, RENEWAL_NONE},
        {{.state = RENEWAL_IS_DONE, .has_changed = true}, true, RENEWAL_AGAIN},
        {{.state = RENEWAL_IS_DONE, .is_named = true}, false, RENEWAL_NAMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct renewal_app app = cases[i].app;
        renewal_decide(&app, 1, cases[i].complete);
        if (app.renewal != cases[i].renewal)
            fail_msg("case %zu: %d", i, (int)app.renewal);
    }
}

enum { SEED, MIGRATE, API, WEB, APPS };

/* migrate depends on seed, api on migrate, web on api. */
static const size_t edges[] = {SEED, MIGRATE, API};
static const struct renewal_app stack[APPS] = {
    [SEED] = {.state = RENEWAL_IS_DONE, .autostart = true},
    [MIGRATE] = {.deps = &edges[0], .dep_count = 1, .state = RENEWAL_IS_DONE, .autostart = true},
    [API] = {.deps = &edges[1], .dep_count = 1, .state = RENEWAL_IS_UP, .autostart = true},
    [WEB] = {.deps = &edges[2], .dep_count = 1, .state = RENEWAL_IS_UP, .autostart = true},
};

static void assert_decided(const struct renewal_app *given, bool complete, const enum renewal *wanted) {
    struct renewal_app apps[APPS];
    for (size_t i = 0; i < APPS; i++)
        apps[i] = given[i];
    renewal_decide(apps, APPS, complete);
    for (size_t i = 0; i < APPS; i++)
        if (apps[i].renewal != wanted[i])
            fail_msg("app %zu: %d", i, (int)apps[i].renewal);
}

static void oneshots_run_again_for_what_starts(void **state) {
    (void)state;
    struct renewal_app apps[APPS];
    for (size_t i = 0; i < APPS; i++)
        apps[i] = stack[i];
    assert_decided(apps, true, (const enum renewal[APPS]){0});
    /* What goes on between them needs nothing. */
    apps[WEB].is_named = true;
    assert_decided(apps, true, (const enum renewal[APPS]){[WEB] = RENEWAL_NAMED});
    apps[WEB].is_named = false;
    apps[API].is_started = apps[API].has_changed = true;
    assert_decided(apps, true, (const enum renewal[APPS]){[SEED] = RENEWAL_AGAIN, [MIGRATE] = RENEWAL_AGAIN});
    assert_decided(apps, false, (const enum renewal[APPS]){0});
}

static void each_reason_has_words(void **state) {
    (void)state;
    assert_null(renewal_why(RENEWAL_NONE));
    assert_null(renewal_why(RENEWAL_NAMED));
    for (int renewal = RENEWAL_FAILED; renewal <= RENEWAL_AGAIN; renewal++)
        assert_non_null(renewal_why((enum renewal)renewal));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_by_itself),
        cmocka_unit_test(oneshots_run_again_for_what_starts),
        cmocka_unit_test(each_reason_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
