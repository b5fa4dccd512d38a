#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/notify_message.h"

static struct notify_message parse(const char *text) {
    struct notify_message message;
    notify_message_parse(text, strlen(text), &message);
    return message;
}

static void reads_every_assignment(void **state) {
    (void)state;
    struct notify_message message =
        parse("READY=1\nSTATUS=two of three\nMAINPID=4711\nERRNO=2\nWATCHDOG=1\nWATCHDOG_USEC=3000000\n"
              "EXTEND_TIMEOUT_USEC=5000000\nRELOADING=1\nMONOTONIC_USEC=123456789\nSTOPPING=1\nBARRIER=1");
    assert_true(message.ready);
    assert_true(message.has_status);
    assert_string_equal(message.status, "two of three");
    assert_int_equal(message.main_pid, 4711);
    assert_int_equal(message.error, 2);
    assert_true(message.watchdog);
    assert_false(message.watchdog_trigger);
    assert_int_equal(message.watchdog_us, 3000000);
    assert_int_equal(message.extend_us, 5000000);
    assert_true(message.reloading);
    assert_int_equal(message.monotonic_us, 123456789);
    assert_true(message.stopping);
    assert_true(message.barrier);
}

static void passes_over_what_it_does_not_know(void **state) {
    (void)state;
    struct notify_message message = parse("\n\nX_TOMORROW=7\nno assignment\n=1\nREADY\nready=1\nREADYX=1\nFDSTORE=1\n");
    struct notify_message nothing = parse("");
    assert_memory_equal(&message, &nothing, sizeof message);
}

static void takes_only_values_that_make_sense(void **state) {
    (void)state;
    struct notify_message message = parse("READY=yes\nMAINPID=-1\nERRNO=x\nSTOPPING=11\nWATCHDOG_USEC=1e6");
    assert_false(message.ready);
    assert_false(message.stopping);
    assert_int_equal(message.main_pid, 0);
    assert_int_equal(message.error, 0);
    assert_false(message.has_watchdog_us);
    assert_true(parse("WATCHDOG_USEC=0").has_watchdog_us);
    assert_int_equal(parse("MAINPID=4294967297").main_pid, 0);
    assert_int_equal(parse("EXTEND_TIMEOUT_USEC=9223372036854775808").extend_us, 0);
    assert_int_equal(parse("EXTEND_TIMEOUT_USEC=9223372036854775807").extend_us, INT64_MAX);
    assert_true(parse("WATCHDOG=trigger").watchdog_trigger);
}

static void lets_the_last_of_a_name_count(void **state) {
    (void)state;
    assert_string_equal(parse("STATUS=a\nSTATUS=b").status, "b");
    assert_true(parse("STATUS=\n").has_status);
    assert_false(parse("READY=1\nREADY=0").ready);
}

static void ends_at_a_nul(void **state) {
    (void)state;
    struct notify_message message;
    static const char bytes[] = "STATUS=x\0\nREADY=1";
    notify_message_parse(bytes, sizeof bytes - 1, &message);
    assert_false(message.ready);
    assert_string_equal(message.status, "x");
}

static void keeps_a_status_fit_for_a_terminal_and_json(void **state) {
    (void)state;
    assert_string_equal(parse("STATUS=\x1b[2Jgr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80").status,
                        "?[2Jgr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_string_equal(parse("STATUS=a\tb\rc\x7f").status, "a?b?c?");
    assert_string_equal(parse("STATUS=\xff\xc3 \xed\xa0\x80\xc0\xaf\xc2\x9b").status, "?? ??????");
}

static void cuts_a_status_between_characters(void **state) {
    (void)state;
    char text[2048] = "STATUS=x";
    for (size_t i = strlen(text); i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xbc", 3);
    struct notify_message message = parse(text);
    assert_int_equal(strlen(message.status), LIMIT_STATUS - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_assignment),
        cmocka_unit_test(passes_over_what_it_does_not_know),
        cmocka_unit_test(takes_only_values_that_make_sense),
        cmocka_unit_test(lets_the_last_of_a_name_count),
        cmocka_unit_test(ends_at_a_nul),
        cmocka_unit_test(keeps_a_status_fit_for_a_terminal_and_json),
        cmocka_unit_test(cuts_a_status_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
