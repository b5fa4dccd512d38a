#include "cli/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void assert_moment(const char *stamp, const char *expected) {
    struct text out TEXT_AUTO = {0};
    moment_print(stamp, &out);
    assert_string_equal(text_get(&out), expected);
}

static void test_local(void **state) {
    (void)state;
    (void)setenv("TZ", "XXX-2", 1);
    tzset();
    assert_moment("2024-12-31T23:00:01.123Z", "2025-01-01 01:00:01.123");
}

static void test_anything_else(void **state) {
    (void)state;
    assert_moment("2024-12-31T23:00:01Z", "2024-12-31T23:00:01Z");
    assert_moment("2024-12-31T23:00:01.123+02:00", "2024-12-31T23:00:01.123+02:00");
    assert_moment("", "");
    assert_moment("\033[2Jnow", "now");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_anything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
