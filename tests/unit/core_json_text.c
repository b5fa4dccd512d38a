#include "core/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_separates(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    json_text_object(&out, NULL);
    json_text_string(&out, "a", "x");
    json_text_array(&out, "b");
    json_text_int(&out, NULL, 1);
    json_text_int(&out, NULL, -2);
    json_text_object(&out, NULL);
    json_text_object_end(&out);
    json_text_array(&out, NULL);
    json_text_array_end(&out);
    json_text_array_end(&out);
    json_text_bool(&out, "c", true);
    json_text_null(&out, "d");
    json_text_string(&out, "e", NULL);
    json_text_bool(&out, "f", false);
    json_text_object_end(&out);
    assert_string_equal(text_get(&out),
                        "{\"a\":\"x\",\"b\":[1,-2,{},[]],\"c\":true,\"d\":null,\"e\":null,\"f\":false}");
}

static void test_numbers(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    json_text_array(&out, NULL);
    json_text_int(&out, NULL, 0);
    json_text_int(&out, NULL, INT64_MAX);
    json_text_int(&out, NULL, INT64_MIN);
    json_text_tenths(&out, NULL, 0);
    json_text_tenths(&out, NULL, 1234);
    json_text_tenths(&out, NULL, -5);
    json_text_array_end(&out);
    assert_string_equal(text_get(&out), "[0,9223372036854775807,-9223372036854775808,0.0,123.4,-0.5]");
}

/* What looks like punctuation in a string must not be taken for it. */
static void test_strings(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    json_text_array(&out, NULL);
    json_text_string(&out, NULL, "[{:");
    json_text_string(&out, NULL, "a\"b\\c\n\t\r\x01\x7f");
    json_text_string(&out, NULL, "größe\xff\xed\xa0\x80");
    json_text_bytes(&out, NULL, "a\0b", 3);
    json_text_array_end(&out);
    assert_string_equal(text_get(&out), "[\"[{:\",\"a\\\"b\\\\c\\n\\t\\u000d\\u0001\\u007f\","
                                        "\"größe\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"a\\u0000b\"]");
}

static void assert_lines(const char *lines, const char *expected) {
    struct text out TEXT_AUTO = {0};
    json_text_lines(&out, NULL, lines);
    assert_string_equal(text_get(&out), expected);
}

static void test_lines(void **state) {
    (void)state;
    assert_lines(NULL, "[]");
    assert_lines("", "[]");
    assert_lines("one", "[\"one\"]");
    assert_lines("one\n", "[\"one\"]");
    assert_lines("one\n\ntwo", "[\"one\",\"\",\"two\"]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_separates),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
