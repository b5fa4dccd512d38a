/* The list of findings, its bounds, and what "did you mean" takes for near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/diag.h"
#include "core/limits.h"

static void expect_printed(const struct diag *diag, const char *expected) {
    TEXT_AUTO struct text text = {0};
    diag_print(diag, &text);
    assert_string_equal(text_get(&text), expected);
}

static void test_places(void **state) {
    (void)state;
    struct diags diags = {0};
    char file[] = "upkeep.ini";
    diags_add(&diags, DIAG_ERROR, file, 12, "unknown key \"%s\"", "prot");
    diags_add(&diags, DIAG_WARNING, file, 0, "is empty");
    diags_add(&diags, DIAG_NOTE, NULL, 0, "nothing to do");
    file[0] = 'X'; /* the list has its own copy */
    assert_int_equal(diags.count, 3);
    assert_int_equal(diags.errors, 1);
    expect_printed(&diags.list[0], "upkeep.ini:12: unknown key \"prot\"");
    expect_printed(&diags.list[1], "upkeep.ini: is empty");
    expect_printed(&diags.list[2], "nothing to do");
    diags_fini(&diags);
    assert_int_equal(diags.count, 0);
    diags_fini(&diags);
}

static void test_stays_on_one_line(void **state) {
    (void)state;
    struct diags diags = {0};
    diags_add(&diags, DIAG_ERROR, "f", 1, "%s", "a\nb\r\tc\033[31m\x7f caf\xc3\xa9");
    assert_string_equal(diags.list[0].text, "a b  c [31m  caf\xc3\xa9");
    diags_fini(&diags);
}

static void test_repeated_findings_are_listed_once(void **state) {
    (void)state;
    struct diags diags = {0};
    diags_add(&diags, DIAG_ERROR, "f", 1, "x");
    diags_add(&diags, DIAG_ERROR, "f", 1, "x");
    assert_int_equal(diags.count, 1);
    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.dropped, 0);
    diags_add(&diags, DIAG_ERROR, "g", 1, "x");
    diags_add(&diags, DIAG_ERROR, "f", 2, "x");
    diags_add(&diags, DIAG_WARNING, "f", 1, "x");
    diags_add(&diags, DIAG_ERROR, NULL, 1, "x");
    diags_add(&diags, DIAG_ERROR, NULL, 1, "x");
    diags_add(&diags, DIAG_ERROR, "f", 1, "y");
    assert_int_equal(diags.count, 6);
    diags_fini(&diags);
}

static void test_bound(void **state) {
    (void)state;
    struct diags diags = {0};
    for (unsigned i = 0; i < LIMIT_DIAGS + 7; i++)
        diags_add(&diags, DIAG_ERROR, "f", i + 1, "x");
    assert_int_equal(diags.count, LIMIT_DIAGS);
    assert_int_equal(diags.dropped, 7);
    assert_int_equal(diags.errors, LIMIT_DIAGS + 7);
    diags_fini(&diags);
}

static const char *const keys[] = {"command",     "cwd",          "env",        "env_file", "port",
                                   "stop_signal", "kill_timeout", "depends_on", "ready",    NULL};

static void test_nearest(void **state) {
    (void)state;
    static const struct {
        const char *word;
        const char *nearest; /* NULL: none */
    } rows[] = {
        {"comand", "command"},
        {"commmand", "command"},
        {"cmomand", "command"}, /* two neighbours swapped are one mistake */
        {"Command", "command"},
        {"PORT", "port"},
        {"prot", "port"},
        {"cd", "cwd"},
        {"stopsignal", "stop_signal"},
        {"stop-signal", "stop_signal"},
        {"kil_timout", "kill_timeout"},
        {"envfile", "env_file"},
        {"depend_on", "depends_on"},
        {"ready", "ready"},
        {"reday", "ready"},
        {"memory", NULL},
        {"x", NULL},
        {"zz", NULL},
        {"", NULL},
        {"autorestart", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *nearest = diag_nearest(rows[i].word, keys);
        if (!rows[i].nearest)
            assert_null(nearest);
        else
            assert_string_equal(nearest ? nearest : "(none)", rows[i].nearest);
    }
}

static void test_nearest_bounds(void **state) {
    (void)state;
    static const char *const none[] = {NULL};
    assert_null(diag_nearest("port", none));

    char longest[LIMIT_NAME + 2];
    memset(longest, 'a', sizeof(longest));
    longest[LIMIT_NAME + 1] = '\0';
    const char *const long_keys[] = {"", longest, longest + 1, NULL};
    assert_ptr_equal(diag_nearest(longest + 1, long_keys), longest + 1);
    assert_null(diag_nearest(longest, long_keys));
    assert_ptr_equal(diag_nearest(longest + 5, long_keys), longest + 1);
}

/* The nearest wins, not the first that is near. */
static void test_nearest_of_several(void **state) {
    (void)state;
    static const char *const words[] = {"start", "restart", "restarts", NULL};
    assert_string_equal(diag_nearest("restar", words), "restart");
    assert_string_equal(diag_nearest("strat", words), "start");
}

static void test_nearest_name(void **state) {
    (void)state;
    static const char *const apps[] = {"backend", "frontend", "db", NULL};
    static const char *const pairs[][2] = {
        {"backned", "backend"},
        {"shop-backend", "backend"},
        {"Front", "frontend"},
        {"end", NULL},
        {"backend-frontend", NULL},
        {"api", NULL},
        {"mydb", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *nearest = diag_nearest_name(pairs[i][0], apps);
        assert_string_equal(nearest ? nearest : "", pairs[i][1] ? pairs[i][1] : "");
    }
}

static bool is_of(const struct diag *diag, void *context) {
    return diag->app && strcmp(diag->app, context) == 0;
}

static void test_taken_out(void **state) {
    (void)state;
    struct diags diags = {0};
    char web[] = "web";
    diags_find(&diags, RULE_PROGRAM, &(struct diag_place){.app = web}, "no program");
    diags_find(&diags, RULE_PROGRAM, &(struct diag_place){.app = "api"}, "no program there");
    diags_find(&diags, RULE_STALE_BUILD, &(struct diag_place){.app = web}, "old");
    diags_find(&diags, RULE_STALE_BUILD, &(struct diag_place){0}, "old, too");
    assert_int_equal(diags_take_out(&diags, is_of, web), 2);
    assert_int_equal(diags.count, 2);
    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.warnings, 1);
    assert_string_equal(diags.list[0].app, "api");
    assert_string_equal(diags.list[1].text, "old, too");
    diags_fini(&diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_stays_on_one_line),
        cmocka_unit_test(test_repeated_findings_are_listed_once),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_taken_out),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_bounds),
        cmocka_unit_test(test_nearest_of_several),
        cmocka_unit_test(test_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
