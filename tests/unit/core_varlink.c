#include "core/varlink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_text.h"
#include "core/limits.h"

static void test_call(void **state) {
    (void)state;
    const char text[] = "{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true,\"org.vendor.extra\":{\"y\":2}}";
    struct varlink_call call;
    const char *member;
    assert_int_equal(varlink_call_parse(text, sizeof text - 1, &call, &member), 0);
    assert_string_equal(call.method, "a.b.C");
    assert_int_equal(json_integer_value(json_object_get(call.parameters, "x")), 1);
    assert_true(call.more);
    assert_false(call.oneway);
    assert_false(call.upgrade);
    varlink_call_fini(&call);

    const char bare[] = "{\"method\":\"a.b.C\",\"parameters\":null,\"oneway\":true,\"upgrade\":true}";
    assert_int_equal(varlink_call_parse(bare, sizeof bare - 1, &call, &member), 0);
    assert_null(call.parameters);
    assert_true(call.oneway && call.upgrade && !call.more);
    varlink_call_fini(&call);
}

static void test_call_of_wrong_shape(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int error;
        const char *member;
    } cases[] = {
        {"", -EBADMSG, NULL},
        {"garbage", -EBADMSG, NULL},
        {"[]", -EBADMSG, NULL},
        {"42", -EBADMSG, NULL},
        {"{\"method\":\"a.B\"} x", -EBADMSG, NULL},
        {"{\"method\":\"a.B\",\"method\":\"a.C\"}", -EBADMSG, NULL},
        {"{\"method\":\"\xff\"}", -EBADMSG, NULL},
        {"{\"method\":\"a\\u0000.B\"}", -EBADMSG, NULL},
        {"{\"method\":\"a.B\",\"parameters\":{\"n\":1e999}}", -EBADMSG, NULL},
        {"{\"method\":\"a.B\",\"parameters\":{\"n\":99999999999999999999999}}", -EBADMSG, NULL},
        {"{}", -EINVAL, "method"},
        {"{\"method\":null}", -EINVAL, "method"},
        {"{\"method\":7}", -EINVAL, "method"},
        {"{\"method\":\"a.B\",\"parameters\":[]}", -EINVAL, "parameters"},
        {"{\"method\":\"a.B\",\"more\":1}", -EINVAL, "more"},
        {"{\"method\":\"a.B\",\"oneway\":\"true\"}", -EINVAL, "oneway"},
        {"{\"method\":\"a.B\",\"upgrade\":{}}", -EINVAL, "upgrade"},
        {"{\"method\":\"a.B\",\"surprise\":{}}", -EINVAL, "message"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct varlink_call call;
        const char *member = NULL;
        assert_int_equal(varlink_call_parse(cases[i].text, strlen(cases[i].text), &call, &member), cases[i].error);
        if (cases[i].member)
            assert_string_equal(member, cases[i].member);
    }
}

static int parse_call_around(const struct text *value) {
    struct text text TEXT_AUTO = {0};
    text_printf(&text, "{\"method\":\"a.B\",\"parameters\":{\"v\":%s}}", text_get(value));
    struct varlink_call call;
    const char *member;
    int error = varlink_call_parse(text.data, text.len, &call, &member);
    if (error == 0)
        varlink_call_fini(&call);
    return error;
}

static int parse_repeated(const char *open, size_t count, const char *close) {
    struct text value TEXT_AUTO = {0};
    for (size_t i = 0; i < count; i++)
        text_str(&value, open);
    for (size_t i = 0; i < count; i++)
        text_str(&value, close);
    return parse_call_around(&value);
}

static void test_nesting_has_a_limit(void **state) {
    (void)state;
    assert_int_equal(parse_repeated("[", LIMIT_NESTING - 2, "]"), 0);
    assert_int_equal(parse_repeated("[", LIMIT_NESTING - 1, "]"), -EBADMSG);
    assert_int_equal(parse_repeated("[", 100000, "]"), -EBADMSG);
    assert_int_equal(parse_repeated("{\"k\":", 100000, "}"), -EBADMSG);
}

static int parse_list(const char *item, size_t count) {
    struct text value TEXT_AUTO = {0};
    text_char(&value, '[');
    for (size_t i = 0; i < count; i++)
        text_printf(&value, "%s%s", i > 0 ? "," : "", item);
    text_char(&value, ']');
    return parse_call_around(&value);
}

static void test_values_have_a_limit(void **state) {
    (void)state;
    assert_int_equal(parse_list("1", 1000), 0);
    assert_int_equal(parse_list("1", LIMIT_CALL_VALUES), -EBADMSG);
    assert_int_equal(parse_list("{}", LIMIT_CALL_VALUES / 2), -EBADMSG);
    /* Punctuation in strings is no structure. */
    assert_int_equal(parse_list("\"[[[[[[[[[[[[[[[[[[[[[[[[{,,,\\\"[[\"", 1000), 0);
}

static void test_reply(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    varlink_reply_begin(&out, NULL);
    json_text_int(&out, "n", 7);
    varlink_reply_end(&out, true);
    assert_string_equal(text_get(&out), "{\"parameters\":{\"n\":7},\"continues\":true}");
    assert_int_equal(out.len, strlen(out.data) + 1);

    struct varlink_reply reply;
    assert_int_equal(varlink_reply_parse(out.data, out.len - 1, &reply), 0);
    assert_true(reply.continues);
    assert_null(reply.error);
    assert_int_equal(json_integer_value(json_object_get(reply.parameters, "n")), 7);
    varlink_reply_fini(&reply);

    text_clear(&out);
    varlink_reply_begin(&out, "a.b.Bad");
    varlink_reply_end(&out, false);
    assert_int_equal(varlink_reply_parse(out.data, out.len - 1, &reply), 0);
    assert_string_equal(reply.error, "a.b.Bad");
    assert_false(reply.continues);
    varlink_reply_fini(&reply);
    assert_int_equal(varlink_reply_parse("{\"continues\":1}", 15, &reply), -EBADMSG);
    assert_int_equal(varlink_reply_parse("nonsense", 8, &reply), -EBADMSG);
}

static void test_call_written_is_read(void **state) {
    (void)state;
    struct text out TEXT_AUTO = {0};
    json_t *parameters = json_pack("{s:s}", "app", "back\"end\n");
    assert_true(varlink_call_write(&out, "a.b.C", parameters, true, true));
    json_decref(parameters);
    assert_int_equal(out.data[out.len - 1], '\0');
    struct varlink_call call;
    const char *member;
    assert_int_equal(varlink_call_parse(out.data, out.len - 1, &call, &member), 0);
    assert_string_equal(json_string_value(json_object_get(call.parameters, "app")), "back\"end\n");
    assert_true(call.oneway && call.more);
    varlink_call_fini(&call);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_call_of_wrong_shape),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_values_have_a_limit),
        cmocka_unit_test(test_reply),
        cmocka_unit_test(test_call_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
