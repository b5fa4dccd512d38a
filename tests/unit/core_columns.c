#include "core/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t columns(const char *string) {
    return columns_count(string, strlen(string));
}

static void assert_cut(const char *string, size_t width, const char *expected) {
    struct text out TEXT_AUTO = {0};
    columns_cut(string, width, &out);
    assert_string_equal(text_get(&out), expected);
}

static void assert_clean(const char *string, const char *expected) {
    struct text out TEXT_AUTO = {0};
    columns_clean(string, strlen(string), &out);
    assert_string_equal(text_get(&out), expected);
}

static void test_count(void **state) {
    (void)state;
    assert_int_equal(columns(""), 0);
    assert_int_equal(columns("abc"), 3);
    assert_int_equal(columns("größe"), 5);
    assert_int_equal(columns("e\xcc\x81"), 1); /* a combining accent */
    assert_int_equal(columns("日本"), 4);
    assert_int_equal(columns("🚀"), 2);
    assert_int_equal(columns("\xff\xc3"), 2);         /* no UTF-8: a column a byte */
    assert_int_equal(columns("\xed\xa0\x80"), 3);     /* a surrogate is none */
    assert_int_equal(columns("\xf4\x90\x80\x80"), 4); /* beyond Unicode */
}

static void test_cut(void **state) {
    (void)state;
    assert_cut("backend", 7, "backend");
    assert_cut("backend", 6, "backe…");
    assert_cut("日本語", 5, "日本…");
    assert_cut("日本語", 4, "日…"); /* half a character is none */
    assert_cut("backend", 1, "…");
    assert_cut("backend", 0, "");
}

static void test_clean(void **state) {
    (void)state;
    assert_clean("plain größe", "plain größe");
    assert_clean("\033[1;31mred\033[0m", "red");
    assert_clean("\033]0;title\atext", "text");
    assert_clean("\033]0;title\033\\text", "text");
    assert_clean("\033(Btext", "text");
    assert_clean("\033", "");
    assert_clean("\033[31", "");
    assert_clean("a\tb\rc\x7f", "a b?c?");
    assert_clean("\xc2\x9b"
                 "31m",
                 "?31m"); /* the one-byte form of CSI */
    assert_clean("a\xff", "a\xef\xbf\xbd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
