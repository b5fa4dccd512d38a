#include "core/card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_card(struct card card, struct card_style style, const char *expected) {
    struct text out TEXT_AUTO = {0};
    card_print(&card, style, &out);
    assert_string_equal(text_get(&out), expected);
}

static const struct card crashed = {
    .name = "backend",
    .state = "backoff",
    .cause = "exited with code 3 after 1.2s",
    .exit_code = 3,
    .tail = "first\nboom: größe\n",
    .log = "/srv/demo/logs/backend.log",
    .next_start_ms = 1600,
    .attempt = 3,
    .max_restarts = 10,
    .window_ms = 300000,
};

static void test_crash(void **state) {
    (void)state;
    assert_card(crashed, (struct card_style){0},
                "backend: exited with code 3 after 1.2s\n"
                "  | first\n"
                "  | boom: größe\n"
                "  log: /srv/demo/logs/backend.log\n"
                "  next try in 1.6s (3 of 10 in 5m)\n");
}

static void test_gave_up(void **state) {
    (void)state;
    struct card card = crashed;
    card.state = "failed";
    card.tail = NULL;
    card.log = NULL;
    assert_card(card, (struct card_style){0},
                "backend: exited with code 3 after 1.2s\n"
                "  gave up; upkeep start backend tries again\n");
}

static void test_end_not_in_the_cause(void **state) {
    (void)state;
    struct card card = {.name = "web",
                        .state = "failed",
                        .cause = "not ready within 30s: connection refused on 127.0.0.1:80",
                        .exit_code = -1,
                        .exit_signal = "SIGTERM",
                        .next_start_ms = -1};
    assert_card(card, (struct card_style){0},
                "web: not ready within 30s: connection refused on 127.0.0.1:80\n"
                "  its process was ended by SIGTERM\n"
                "  gave up; upkeep start web tries again\n");
}

static void test_next(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    struct card card = crashed;
    card.max_restarts = 0;
    card_next(&card, &out);
    assert_string_equal(text_get(&out), "next try in 1.6s (3 so far)");
    text_clear(&out);
    card.next_start_ms = -1;
    card.attempt = 0;
    card_next(&card, &out);
    assert_string_equal(text_get(&out), "next try");
    text_clear(&out);
    card.state = "stopped";
    card_next(&card, &out);
    assert_string_equal(text_get(&out), "");
}

static void test_width_and_colour(void **state) {
    (void)state;
    struct card card = crashed;
    card.tail = "\033[31ma long line of output\033[0m\n";
    card.log = NULL;
    assert_card(card, (struct card_style){.colour = true, .width = 14},
                "\033[1;31mbackend: exited with code 3 after 1.2s\033[0m\n"
                "  | \033[2ma long li…\033[0m\n"
                "  next try in…\n");
}

static void test_tail_is_bounded(void **state) {
    (void)state;
    struct card card = crashed;
    struct text tail TEXT_AUTO = {0};
    for (int i = 1; i <= 30; i++)
        text_printf(&tail, "line %d\n", i);
    card.tail = text_get(&tail);
    struct text out TEXT_AUTO = {0};
    card_print(&card, (struct card_style){0}, &out);
    assert_null(strstr(text_get(&out), "line 20\n"));
    assert_non_null(strstr(text_get(&out), "\n  | line 21\n"));
    assert_non_null(strstr(text_get(&out), "\n  | line 30\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_gave_up),
        cmocka_unit_test(test_end_not_in_the_cause),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_width_and_colour),
        cmocka_unit_test(test_tail_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
