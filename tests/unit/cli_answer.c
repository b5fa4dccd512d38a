#include "cli/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(int64_t bytes, const char *expected) {
    struct text out TEXT_AUTO = {0};
    answer_print_bytes(bytes, &out);
    assert_string_equal(text_get(&out), expected);
}

static void test_bytes(void **state) {
    (void)state;
    assert_bytes(0, "0");
    assert_bytes(1023, "1023");
    assert_bytes(1024, "1.0K");
    assert_bytes(51200000, "48.8M");
    assert_bytes(300LL << 30, "300G");
}

/* The order is the contract's, what is missing is null, what is new is kept. */
static void test_complete(void **state) {
    (void)state;
    json_t *object = json_pack("{s:s, s:s, s:i, s:f}", "news", "kept", "name", "web", "pid", 7, "cpu_percent", 0.3);
    json_t *whole = answer_complete(object, ANSWER_INSTANCE);
    struct text out TEXT_AUTO = {0};
    answer_print(whole, true, &out);
    assert_string_equal(text_get(&out),
                        "{\"app\":null,\"name\":\"web\",\"instance\":null,\"state\":null,\"pid\":7,\"uptime_ms\":null,"
                        "\"restarts\":null,\"exit_code\":null,\"exit_signal\":null,\"why\":null,\"next_start_ms\":null,"
                        "\"port\":null,\"health\":null,\"memory_bytes\":null,\"cpu_percent\":0.3,\"stale\":null,"
                        "\"status_text\":null,\"reloading\":null,\"said_errno\":null,\"health_misses\":null,"
                        "\"health_retries\":null,\"health_answer\":null,\"health_age_ms\":null,\"news\":\"kept\"}\n");
    json_decref(whole);
    json_decref(object);
}

/* A supervisor that sends nonsense gets a card all the same. */
static void test_card_of_nonsense(void **state) {
    (void)state;
    json_t *failure = json_pack("{s:[i, n], s:i, s:s}", "tail", 1, "cause", 3, "instance", "none");
    struct text out TEXT_AUTO = {0};
    answer_print_card(failure, (struct card_style){0}, &out);
    assert_string_equal(text_get(&out), "?: for an unknown reason\n");
    json_decref(failure);
    text_clear(&out);
    answer_print_card(NULL, (struct card_style){0}, &out);
    assert_string_equal(text_get(&out), "?: for an unknown reason\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_card_of_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
