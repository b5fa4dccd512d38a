#include "core/display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void lines_are_made_safe(void **state) {
    (void)state;
    static const struct {
        const char *line;
        const char *shown;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"tab\there, caf\xC3\xA9 \xE2\x82\xAC", "tab\there, caf\xC3\xA9 \xE2\x82\xAC"},
        {"\033[31mred\033[0m", "\033[31mred\033[0m\033[0m"},
        {"\033[2J\033[Hcleared", "cleared"},
        {"\033]0;title\007rest", "rest"},
        {"\033cfull reset", "full reset"},
        {"bell\007 and \x7F", "bell and "},
        {"windows\r", "windows"},
        {" 10%\r 50%\r100%\r\r", "100%"},
        {"c1 \xC2\x9B"
         "31m, not \xC2\xA9",
         "c1 31m, not \xC2\xA9"},
        {"torn \033[3", "torn "},
        {"torn \033", "torn "},
        {"latin \xE9\xC2", "latin \xE9\xC2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out = {0};
        display_clean(rows[i].line, strlen(rows[i].line), &out);
        assert_string_equal(text_get(&out), rows[i].shown);
        text_fini(&out);
    }
}

static void prefixes_are_padded_and_coloured(void **state) {
    (void)state;
    struct text out = {0};
    struct display display = {.is_terminal = true, .has_colour = true, .has_prefix = true, .name_width = 5};
    display_line(&display, 0, "web", "hi\r", 3, &out);
    assert_string_equal(text_get(&out), "\033[36mweb   |\033[0m hi\n");
    text_clear(&out);
    display = (struct display){.has_prefix = true, .name_width = 3};
    display_line(&display, 9, "web", "as\007 is\r", 7, &out);
    assert_string_equal(text_get(&out), "web | as\007 is\r\n");
    text_clear(&out);
    display = (struct display){0};
    display_line(&display, 9, "web", "bare", 4, &out);
    assert_string_equal(text_get(&out), "bare\n");
    text_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_made_safe),
        cmocka_unit_test(prefixes_are_padded_and_coloured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
