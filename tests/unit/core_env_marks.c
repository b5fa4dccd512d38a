#include "core/env_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set(struct env *env, const char *name, const char *value, const char *origin, unsigned line) {
    assert_true(env_set(env, name, strlen(name), value, origin, line));
}

static void assert_differs(const struct env_marks *marks, const struct env *now, size_t count, const char *expected) {
    struct text told TEXT_AUTO = {0};
    assert_int_equal(env_marks_compare(marks, now, "upkeep.ini", &told), count);
    assert_string_equal(text_get(&told), expected);
}

static void test_tells_what_differs(void **state) {
    (void)state;
    struct env env = {0};
    struct env_marks marks = {0};
    set(&env, "HOME", "/root", ENV_ORIGIN_INHERITED, 0);
    set(&env, "USER", "www", ENV_ORIGIN_USER, 0);
    set(&env, "A", "1", ".env", 1);
    set(&env, "B", "2", ".env", 2);
    set(&env, "PORT", "80", "upkeep.ini", 5);
    assert_true(env_marks_take(&marks, &env));
    assert_differs(&marks, &env, 0, "");
    set(&env, "HOME", "/home", ENV_ORIGIN_INHERITED, 0);
    set(&env, "USER", "api", ENV_ORIGIN_USER, 0);
    set(&env, "A", "1", ".env.local", 7); /* the same value from elsewhere is the same */
    assert_differs(&marks, &env, 0, "");
    set(&env, "A", "secret", ".env.local", 7);
    set(&env, "PORT", "81", "upkeep.ini", 5);
    env_unset(&env, "B");
    set(&env, "C", "3", ".env", 3);
    assert_differs(&marks, &env, 4, "A (.env.local:7)\nB (no longer set)\nC (.env:3)\n");
    assert_true(env_marks_take(&marks, &env));
    assert_differs(&marks, &env, 0, "");
    env_marks_fini(&marks);
    env_fini(&env);
}

static void test_nothing_is_an_environment_too(void **state) {
    (void)state;
    struct env env = {0};
    struct env_marks marks = {0};
    assert_true(env_marks_take(&marks, &env));
    assert_differs(&marks, &env, 0, "");
    set(&env, "A", "1", ".env", 1);
    assert_differs(&marks, &env, 1, "A (.env:1)\n");
    env_marks_fini(&marks);
    env_fini(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_what_differs),
        cmocka_unit_test(test_nothing_is_an_environment_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
