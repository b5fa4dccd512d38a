#include "core/unit_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/value.h"

/* web waits for api and cache, api for db; backup waits for db and does not start by itself. */
static const size_t api_deps[] = {3};
static const size_t web_deps[] = {0, 2};
static const size_t backup_deps[] = {3};
static struct unit_app apps[] = {
    {api_deps, 1, true, 30, 10}, {web_deps, 2, true, 5, 2},        {NULL, 0, true, 50, 1},
    {NULL, 0, true, 20, 60},     {backup_deps, 1, false, 900, 15},
};
enum { COUNT = sizeof apps / sizeof *apps };

static void the_longest_chain_counts(void **state) {
    (void)state;
    int64_t scratch[COUNT];
    struct unit_times times = unit_time(apps, COUNT, READY_WHEN_ALL, STOP_REVERSE, scratch);
    assert_int_equal(times.start_ms, 20 + 30 + 5);
    assert_int_equal(times.stop_ms, 60 + 15);
    times = unit_time(apps, COUNT, READY_WHEN_ANY, STOP_PARALLEL, scratch);
    assert_int_equal(times.start_ms, 55);
    assert_int_equal(times.stop_ms, 60);
    assert_int_equal(unit_time(apps, COUNT, READY_WHEN_STARTED, STOP_REVERSE, scratch).start_ms, 0);
    assert_int_equal(unit_time(apps, 0, READY_WHEN_ALL, STOP_REVERSE, scratch).start_ms, 0);
}

static void sums_do_not_overflow(void **state) {
    (void)state;
    int64_t scratch[COUNT];
    apps[0].start_ms = apps[3].start_ms = VALUE_DURATION_MAX_MS;
    assert_true(unit_time(apps, COUNT, READY_WHEN_ALL, STOP_REVERSE, scratch).start_ms == VALUE_DURATION_MAX_MS);
    apps[0].start_ms = 30;
    apps[3].start_ms = 20;
}

static void each_pre_start_may_take_as_long(void **state) {
    (void)state;
    struct app_config config = {.ready_timeout_ms = 30000, .kill_timeout_ms = 7000, .pre_start.count = 2};
    struct unit_app app = {0};
    unit_time_app(&config, &app);
    assert_int_equal(app.start_ms, 90000);
    assert_int_equal(app.stop_ms, 7000);
    config.ready_timeout_ms = 0;
    unit_time_app(&config, &app);
    assert_int_equal(app.start_ms, 0); /* the supervisor asks for more as long as it lasts */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_chain_counts),
        cmocka_unit_test(sums_do_not_overflow),
        cmocka_unit_test(each_pre_start_may_take_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
