#include "daemon/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void grows_with_time(void **state) {
    (void)state;
    static const int64_t elapsed[] = {0, 99, 999, 1000, 4999, 5000, 29999, 30000, 86400000};
    static const int64_t interval[] = {1, 1, 1, 10, 25, 50, 100, 250, 250};
    for (size_t i = 0; i < sizeof elapsed / sizeof *elapsed; i++)
        assert_int_equal(pace_interval_ms(elapsed[i], 0), interval[i]);
}

/* All that tries takes less than a quarter of the time. */
static void grows_with_what_is_tried(void **state) {
    (void)state;
    for (int64_t count = 1; count <= 4000; count *= 2) {
        int64_t total_us = count * 50;
        assert_true(pace_interval_ms(0, total_us) * 1000 >= total_us * 4 - 1000);
    }
    assert_int_equal(pace_interval_ms(0, 50), 1);
    assert_int_equal(pace_interval_ms(0, 100 * 50), 20);
    assert_int_equal(pace_interval_ms(60000, 100 * 50), 250);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_with_time),
        cmocka_unit_test(grows_with_what_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
