/* Each of inih's traps, and the forms of a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/inifile.h"
#include "core/limits.h"

struct reading {
    struct text found; /* `LINE [SECTION]` and `LINE KEY=VALUE`, one a line; a newline in a value is `|` */
    struct text said;
};

static void on_section(void *context, const char *name, unsigned line) {
    struct reading *reading = context;
    text_printf(&reading->found, "%u [%s]\n", line, name);
}

static void on_setting(void *context, const char *key, const char *value, unsigned line) {
    struct reading *reading = context;
    text_printf(&reading->found, "%u %s=", line, key);
    for (; *value; value++)
        text_char(&reading->found, *value == '\n' ? '|' : *value);
    text_char(&reading->found, '\n');
}

/* Reads a copy of exactly len bytes, so that a sanitizer sees every read behind them. */
static struct reading read_bytes(const char *bytes, size_t len) {
    struct reading reading = {0};
    struct diags diags = {0};
    struct inifile_sink sink = {on_section, on_setting, &reading};
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    bool is_good = inifile_read(copy, len, "f", &sink, &diags);
    free(copy);
    assert_int_equal(is_good, diags.errors == 0);
    for (size_t i = 0; i < diags.count; i++) {
        diag_print(&diags.list[i], &reading.said);
        text_char(&reading.said, '\n');
    }
    diags_fini(&diags);
    return reading;
}

static void expect_bytes(const char *bytes, size_t len, const char *found, const char *said) {
    struct reading reading = read_bytes(bytes, len);
    assert_string_equal(text_get(&reading.found), found);
    assert_string_equal(text_get(&reading.said), said);
    text_fini(&reading.found);
    text_fini(&reading.said);
}

static void expect(const char *string, const char *found, const char *said) {
    expect_bytes(string, strlen(string), found, said);
}

static void what_is_plain(void **state) {
    (void)state;
    expect("", "", "");
    expect("\n\n# c\n ; c\n", "", "");
    expect("[a]\nk = v\n", "1 [a]\n2 k=v\n", "");
    expect("k=v", "1 k=v\n", "");
    expect("k =", "1 k=\n", "");
    expect("  \n[a b]\t\nk\t =\t v w \t\n", "2 [a b]\n3 k=v w\n", "");
    expect("k = [x]\nl = = =\n", "1 k=[x]\n2 l== =\n", "");
}

static void no_comment_after_a_value(void **state) {
    (void)state;
    expect("k = sh -c 'a ; b' # c ;d\n", "1 k=sh -c 'a ; b' # c ;d\n", "");
    expect("k = a\n  b ; c\n", "1 k=a|b ; c\n", "");
    expect("[s]\nk = \"a\n", "1 [s]\n2 k=\"a\n", "");
}

static void colons_stay(void **state) {
    (void)state;
    expect("k = node a:b\n", "1 k=node a:b\n", "");
    expect("k = http://x/?a=b\n", "1 k=http://x/?a=b\n", "");
    expect("k = a\n  b:c=d\n", "1 k=a|b:c=d\n", "");
    expect("k: v\n", "", "f:1: ':' before any '=': a setting is written 'k = VALUE'\n");
    expect("a:b = v\n  w\nl = 1\n", "3 l=1\n", "f:1: ':' before any '=': a setting is written 'a = VALUE'\n");
}

static void lines_that_go_on(void **state) {
    (void)state;
    expect("k = a\n  b\n\tc\nl = d\n", "1 k=a|b|c\n4 l=d\n", "");
    expect("k =\n  a\n\n  # c\n  b\n\n\n[s]\n", "1 k=|a|||b\n8 [s]\n", "");
    expect("k = a\nk = b\n", "1 k=a\n2 k=b\n", "");
    expect("k = a\n  k = b\n", "1 k=a|k = b\n", "");
    expect("k = a\n# c\n  b\n", "1 k=a||b\n", "");
}

static void indented_without_a_value(void **state) {
    (void)state;
    static const char said[] =
        "indented, but there is no value above to go on with: keys and sections begin in the first column\n";
    char expected[200];
    (void)snprintf(expected, sizeof(expected), "f:2: %s", said);
    expect("[a]\n  k = v\n  w\n", "1 [a]\n2 k=v|w\n", expected);
    (void)snprintf(expected, sizeof(expected), "f:1: %s", said);
    expect(" [a]\nk = v\n", "1 [a]\n2 k=v\n", expected);
    (void)snprintf(expected, sizeof(expected), "f:4: %s", said);
    expect("[a]\nk = v\n[b]\n  l = w\n", "1 [a]\n2 k=v\n3 [b]\n4 l=w\n", expected);
}

static void what_is_nothing(void **state) {
    (void)state;
    expect("junk\n", "", "f:1: neither a [section] nor 'KEY = VALUE' nor a comment\n");
    expect("k = v\njunk\n more\n", "1 k=v\n",
           "f:2: neither a [section] nor 'KEY = VALUE' nor a comment (a line that goes on with the value above is "
           "indented)\n");
    expect("= v\n", "", "f:1: no key before the '='\n");
    expect("[a\nk = v\n", "1 [a]\n2 k=v\n", "f:1: section without its closing ']'\n");
    expect("[a] x\nk = v\n", "1 [a]\n2 k=v\n", "f:1: text after the section's ']' (a comment has a line of its own)\n");
}

static void byte_order_mark_and_crlf(void **state) {
    (void)state;
    expect("\xEF\xBB\xBF[a]\r\nk = v\r\n  w\r\n\r\n# c\r\nl = x\r\n", "1 [a]\n2 k=v|w\n6 l=x\n", "");
    expect("\xEF\xBB\xBF", "", "");
    expect("\xEF\xBB\xBFk = v", "1 k=v\n", "");
    expect("k = \xEF\xBB\xBF\n", "1 k=\xEF\xBB\xBF\n", "");
}

static void nul_bytes(void **state) {
    (void)state;
    static const char key[] = "[a]\nk = v\0w\n  more\nl = x\n";
    expect_bytes(key, sizeof(key) - 1, "1 [a]\n4 l=x\n", "f:2: NUL byte in the line\n");
    static const char more[] = "k = v\n  \0\n  w\n";
    expect_bytes(more, sizeof(more) - 1, "1 k=v||w\n", "f:2: NUL byte in the line\n");
    static const char section[] = "[a\0]\nk = v\n";
    expect_bytes(section, sizeof(section) - 1, "2 k=v\n", "f:1: NUL byte in the line\n");
    expect_bytes("\0", 1, "", "f:1: NUL byte in the line\n");
    expect_bytes("\xff\xfe[\0a\0]\0\n\0", 10, "", "f: written in UTF-16: save it as UTF-8\n");
}

/* `k = xxx…` as a line of len bytes, in a file that goes on. */
static struct text line_of(size_t len) {
    struct text text = {0};
    text_str(&text, "[a]\nk = ");
    for (size_t i = 4; i < len; i++)
        text_char(&text, 'x');
    text_str(&text, "\n  y\nl = z\n");
    return text;
}

static void long_lines_arrive_whole(void **state) {
    (void)state;
    static const size_t lens[] = {190, 191, 192, 193, 199, 200, 201, 202, 4096, 65536, LIMIT_MANIFEST_LINE};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct text text = line_of(lens[i]);
        struct reading reading = read_bytes(text_get(&text), text.len);
        size_t around = strlen("1 [a]\n2 k=") + strlen("|y\n4 l=z\n");
        assert_int_equal(reading.found.len, around + lens[i] - 4);
        assert_int_equal(reading.said.len, 0);
        text_fini(&reading.found);
        text_fini(&text);
    }
}

static void lines_too_long_are_refused(void **state) {
    (void)state;
    struct text text = line_of(LIMIT_MANIFEST_LINE + 1);
    expect(text_get(&text), "1 [a]\n4 l=z\n", "f:2: line of 262145 bytes (at most 262144)\n");
    text_fini(&text);
}

static void files_too_long_are_refused(void **state) {
    (void)state;
    char *bytes = calloc(1, LIMIT_MANIFEST_FILE + 1);
    assert_non_null(bytes);
    expect_bytes(bytes, LIMIT_MANIFEST_FILE + 1, "", "f: 16777217 bytes long (at most 16777216)\n");
    free(bytes);
}

static void long_names_stay_apart(void **state) {
    (void)state;
#define FIFTY "01234567890123456789012345678901234567890123456789"
    expect("[" FIFTY FIFTY "a]\n" FIFTY "a = 1\n  2\n[" FIFTY FIFTY "b]\n" FIFTY "b = 3\n  4\n",
           "1 [" FIFTY FIFTY "a]\n2 " FIFTY "a=1|2\n4 [" FIFTY FIFTY "b]\n5 " FIFTY "b=3|4\n", "");
#undef FIFTY
}

static void every_mistake_is_said(void **state) {
    (void)state;
    struct text text = {0};
    for (unsigned i = 0; i < 20; i++)
        text_str(&text, "junk\n");
    struct reading reading = read_bytes(text_get(&text), text.len);
    unsigned lines = 0;
    for (size_t i = 0; i < reading.said.len; i++)
        lines += reading.said.data[i] == '\n';
    assert_int_equal(lines, 20);
    text_fini(&reading.said);
    text_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain),
        cmocka_unit_test(no_comment_after_a_value),
        cmocka_unit_test(colons_stay),
        cmocka_unit_test(lines_that_go_on),
        cmocka_unit_test(indented_without_a_value),
        cmocka_unit_test(what_is_nothing),
        cmocka_unit_test(byte_order_mark_and_crlf),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(long_lines_arrive_whole),
        cmocka_unit_test(lines_too_long_are_refused),
        cmocka_unit_test(files_too_long_are_refused),
        cmocka_unit_test(long_names_stay_apart),
        cmocka_unit_test(every_mistake_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
