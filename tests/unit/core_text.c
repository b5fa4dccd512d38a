/* The growing text: content, its NUL, and what a failed allocation leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

static void test_empty(void **state) {
    (void)state;
    struct text text = {0};
    assert_string_equal(text_get(&text), "");
    text_clear(&text);
    text_append(&text, "", 0);
    assert_string_equal(text_get(&text), "");
    text_fini(&text);
    assert_null(text.data);
    text_fini(&text); /* twice is harmless */
}

static void test_appends(void **state) {
    (void)state;
    TEXT_AUTO struct text text = {0};
    text_str(&text, "one");
    text_char(&text, ' ');
    text_printf(&text, "%d-%s", 2, "three");
    text_append(&text, "four!", 4);
    assert_string_equal(text_get(&text), "one 2-threefour");
    assert_int_equal(text.len, 15);
    assert_int_equal(text.data[text.len], 0);
}

static void test_any_bytes(void **state) {
    (void)state;
    TEXT_AUTO struct text text = {0};
    text_append(&text, "a\0b", 3);
    text_char(&text, '\0');
    assert_int_equal(text.len, 4);
    assert_memory_equal(text.data, "a\0b\0", 5);
}

/* Every length around the places where the memory grows. */
static void test_growth(void **state) {
    (void)state;
    for (size_t len = 0; len < 600; len++) {
        TEXT_AUTO struct text by_char = {0};
        TEXT_AUTO struct text by_printf = {0};
        for (size_t i = 0; i < len; i++)
            text_char(&by_char, (char)('a' + i % 26));
        text_printf(&by_printf, "%s", text_get(&by_char));
        assert_int_equal(by_char.len, len);
        assert_int_equal(by_printf.len, len);
        assert_string_equal(text_get(&by_char), text_get(&by_printf));
        assert_true(by_char.len == 0 || by_char.len < by_char.cap);
    }
}

static void test_clear_keeps_the_memory(void **state) {
    (void)state;
    TEXT_AUTO struct text text = {0};
    text_str(&text, "something");
    const char *data = text.data;
    text_clear(&text);
    assert_string_equal(text_get(&text), "");
    text_str(&text, "else");
    assert_ptr_equal(text.data, data);
    assert_string_equal(text_get(&text), "else");
}

static void test_take(void **state) {
    (void)state;
    struct text text = {0};
    char *empty = text_take(&text);
    assert_string_equal(empty, "");
    free(empty);

    text_str(&text, "mine");
    char *taken = text_take(&text);
    assert_string_equal(taken, "mine");
    free(taken);
    assert_null(text.data);
    assert_int_equal(text.len, 0);
    text_str(&text, "again");
    assert_string_equal(text_get(&text), "again");
    text_fini(&text);
}

/* A length that no memory can hold stands for a failed allocation. */
static void test_failure_is_remembered(void **state) {
    (void)state;
    struct text text = {0};
    text_str(&text, "before");
    text_append(&text, "x", SIZE_MAX / 2 + 1);
    assert_true(text.failed);
    text_str(&text, "after");
    text_char(&text, 'c');
    text_printf(&text, "%d", 1);
    assert_string_equal(text_get(&text), "before");
    assert_null(text_take(&text));
    assert_false(text.failed);
    assert_null(text.data);

    text_append(&text, "x", SIZE_MAX / 2 + 1);
    text_clear(&text);
    assert_false(text.failed);
    text_str(&text, "works");
    assert_string_equal(text_get(&text), "works");
    text_fini(&text);
}

static void test_path_as_seen_from_a_folder(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *path;
    } rows[] = {{"web", "/srv/web"}, {"/opt/web", "/opt/web"}, {"", "/srv/"}, {NULL, "/srv"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text = {0};
        text_path(&text, "/srv", rows[i].name);
        assert_string_equal(text_get(&text), rows[i].path);
        text_fini(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_clear_keeps_the_memory),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_failure_is_remembered),
        cmocka_unit_test(test_path_as_seen_from_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
