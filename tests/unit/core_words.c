/* Word splitting against the rules of XCU 2.2, and that quoting is undone by splitting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/words.h"

/* Words joined by '|', or the error in parentheses. */
static void expect_split(const char *string, const char *expected) {
    struct words words;
    TEXT_AUTO struct text error = {0};
    TEXT_AUTO struct text joined = {0};
    if (!words_split(string, &words, &error)) {
        text_printf(&joined, "(%s)", text_get(&error));
    } else {
        for (size_t i = 0; i < words.count; i++)
            text_printf(&joined, "%s%s", i ? "|" : "", words.list[i]);
        assert_null(words.list[words.count]);
        words_fini(&words);
    }
    if (strcmp(text_get(&joined), expected) != 0)
        fail_msg("[%s] gives [%s], not [%s]", string, text_get(&joined), expected);
}

static void test_shell_sign(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"npm run build && npm start", "&&"},
        {"a || b", "||"},
        {"a | b", "|"},
        {"a ; b", ";"},
        {"a; b", ";"},
        {"a &", "&"},
        {"a > out.log 2>&1", ">"},
        {"a 2>&1", "2>&1"},
        {"a >>out.log", ">>out.log"},
        {"a &> out.log", "&>"},
        {"a < in", "<"},
        {"node $HOME/x.js", "$HOME"},
        {"a $(b)", "$("},
        {"a '&&' \"|\" \\; '$HOME' '>'", ""},
        {"find . -exec ls {} \\;", ""},
        {"sh -c 'a; b && c'", ""},
        {"a b&c x=1>2 http://h/?a&b;c $5 $", ""},
        {"a -- 'x;' \"y\";", ";"},
        {"a 'never closed", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TEXT_AUTO struct text sign = {0};
        bool is_there = words_shell_sign(rows[i][0], &sign);
        if (is_there != (rows[i][1][0] != '\0') || strcmp(text_get(&sign), rows[i][1]) != 0)
            fail_msg("[%s] gives [%s], not [%s]", rows[i][0], text_get(&sign), rows[i][1]);
    }
}

static void test_split(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {" \t\n ", ""},
        {"a\rb", "a\rb"},
        {"a", "a"},
        {"  a  b\tc\nd  ", "a|b|c|d"},
        {"sh -c 'a; b'", "sh|-c|a; b"},
        {"''", ""},
        {"'' a", "|a"},
        {"a \"\" b", "a||b"},
        {"a'b'\"c\"d", "abcd"},
        {"'a \"b\" \\c'", "a \"b\" \\c"},
        {"\"a 'b'\"", "a 'b'"},
        {"\"\\\"\\\\\\$\\`\"", "\"\\$`"},
        {"\"\\a\\ \\n\"", "\\a\\ \\n"},
        {"\"a\\\nb\"", "ab"},
        {"\"a\nb\"", "a\nb"},
        {"'a\\\nb'", "a\\\nb"},
        {"a\\ b \\'c \\\"d \\\\e", "a b|'c|\"d|\\e"},
        {"a\\\nb", "ab"},
        {"a \\\n b", "a|b"},
        {"a \\\n", "a"},
        {"\\\n", ""},
        {"\\\n''", ""},
        {"\\a\\b", "ab"},
        {"*.c $HOME ${X} ~ # ; | & > `x` a=b", "*.c|$HOME|${X}|~|#|;|||&|>|`x`|a=b"},
        {"caf\xc3\xa9 \xff", "caf\xc3\xa9|\xff"},
        {"'abc", "(a single quote (') is never closed)"},
        {"a 'b' '", "(a single quote (') is never closed)"},
        {"\"abc'", "(a double quote (\") is never closed)"},
        {"\"abc\\\"", "(a double quote (\") is never closed)"},
        {"\"\\", "(a double quote (\") is never closed)"},
        {"abc\\", "(a backslash at the end has nothing to quote)"},
        {"\\", "(a backslash at the end has nothing to quote)"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_split(rows[i][0], rows[i][1]);
}

static void test_output_is_written_on_success_only(void **state) {
    (void)state;
    struct words words = {.count = 42};
    TEXT_AUTO struct text error = {0};
    assert_false(words_split("'", &words, &error));
    assert_int_equal(words.count, 42);
}

static void expect_quoted(const char *word, const char *expected) {
    TEXT_AUTO struct text text = {0};
    words_quote(word, &text);
    assert_string_equal(text_get(&text), expected);
}

static void test_quote(void **state) {
    (void)state;
    expect_quoted("plain-word_1.2/x:y=z@%+,", "plain-word_1.2/x:y=z@%+,");
    expect_quoted("", "''");
    expect_quoted("a b", "'a b'");
    expect_quoted("it's", "'it'\\''s'");
    expect_quoted("$x", "'$x'");
    expect_quoted("~", "'~'");
    expect_quoted("a\nb", "'a\nb'");
}

/* Random words over the bytes that mean something: quoting and splitting gives them back. */
static void test_round_trip(void **state) {
    (void)state;
    static const char bytes[] = "ab '\"\\$`\n\t~#;|*";
    uint32_t seed = 1;
    for (int round = 0; round < 5000; round++) {
        char words_in[4][8];
        TEXT_AUTO struct text command = {0};
        size_t count = (size_t)round % 4 + 1;
        for (size_t i = 0; i < count; i++) {
            size_t len = 0;
            for (; len < 7; len++) {
                seed = seed * 1664525 + 1013904223;
                if (seed >> 29 == 0)
                    break;
                words_in[i][len] = bytes[(seed >> 16) % (sizeof(bytes) - 1)];
            }
            words_in[i][len] = '\0';
            words_quote(words_in[i], &command);
            text_str(&command, i % 2 ? " " : "\t \n");
        }
        struct words words;
        TEXT_AUTO struct text error = {0};
        assert_true(words_split(text_get(&command), &words, &error));
        assert_int_equal(words.count, count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(words.list[i], words_in[i]);
        words_fini(&words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell_sign),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_output_is_written_on_success_only),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
