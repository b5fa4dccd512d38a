#include "core/worst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DB, API, WEB, OTHER, COUNT };

/* web depends on api, api on db; other on nothing. */
static const size_t edges[] = {DB, API};
static const struct plan_app apps[COUNT] = {
    [API] = {.deps = &edges[0], .dep_count = 1}, [WEB] = {.deps = &edges[1], .dep_count = 1}};

#define NONE                                                                                                           \
    { -1, -1, false }

static void nothing_takes_no_time(void **state) {
    (void)state;
    const struct worst_time times[COUNT] = {NONE, NONE, NONE, NONE};
    assert_int_equal(worst_ms(apps, times, COUNT, false), 0);
}

static void downs_go_one_after_the_other(void **state) {
    (void)state;
    const struct worst_time times[COUNT] = {{10, -1, false}, NONE, {100, -1, false}, {50, -1, false}};
    assert_int_equal(worst_ms(apps, times, COUNT, false), 110); /* also through one that stays */
    assert_int_equal(worst_ms(apps, times, COUNT, true), 100);
}

static void ups_wait_for_their_dependencies_and_their_own_end(void **state) {
    (void)state;
    const struct worst_time times[COUNT] = {{10, 1000, false}, NONE, {100, 30, false}, {-1, 5, false}};
    /* web is down at 100, db at 110 and up at 1110; web's own dependency, api, stays up. */
    assert_int_equal(worst_ms(apps, times, COUNT, false), 1110);
    const struct worst_time all[COUNT] = {{10, 1000, false}, {20, 2000, false}, {100, 30, false}, NONE};
    assert_int_equal(worst_ms(apps, all, COUNT, false), 130 + 1000 + 2000 + 30);
}

static void one_that_waits_for_all_ends_comes_after_them(void **state) {
    (void)state;
    const struct worst_time times[COUNT] = {{10, -1, false}, NONE, {100, -1, false}, {-1, 5, true}};
    assert_int_equal(worst_ms(apps, times, COUNT, false), 115);
}

static void one_without_a_limit_has_none(void **state) {
    (void)state;
    const struct worst_time times[COUNT] = {{10, WORST_NO_LIMIT, false}, {-1, 7, false}, NONE, NONE};
    assert_true(worst_ms(apps, times, COUNT, false) == WORST_NO_LIMIT);
}

static void what_it_depended_on_before_counts_for_its_end_alone(void **state) {
    (void)state;
    static const size_t on_db[] = {DB};
    const struct plan_app two[] = {{0}, {.deps = on_db, .extra_count = 1}};
    const struct worst_time times[] = {{10, 1000, false}, {20, 5, false}};
    assert_int_equal(worst_ms(two, times, 2, false), 30 + 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_takes_no_time),
        cmocka_unit_test(downs_go_one_after_the_other),
        cmocka_unit_test(ups_wait_for_their_dependencies_and_their_own_end),
        cmocka_unit_test(one_that_waits_for_all_ends_comes_after_them),
        cmocka_unit_test(one_without_a_limit_has_none),
        cmocka_unit_test(what_it_depended_on_before_counts_for_its_end_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
