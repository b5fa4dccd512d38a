/* Environments: replacing in place, order, memory that is kept, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/env.h"
#include "core/limits.h"

static bool set(struct env *env, const char *name, const char *value) {
    return env_set(env, name, strlen(name), value, "test", 1);
}

static void test_set_and_get(void **state) {
    (void)state;
    struct env env = {0};
    assert_null(env_get(&env, "A"));
    assert_null(env_find(&env, "A"));
    assert_true(set(&env, "A", "1"));
    assert_true(set(&env, "AB", "2"));
    assert_true(set(&env, "EMPTY", ""));
    assert_string_equal(env_get(&env, "A"), "1");
    assert_string_equal(env_get(&env, "AB"), "2");
    assert_string_equal(env_get(&env, "EMPTY"), "");
    assert_string_equal(env_lookup(&env, "AB"), "2");
    assert_null(env_get(&env, "B"));
    assert_null(env_get(&env, "A=1"));
    assert_null(env_get(&env, ""));
    env_fini(&env);
    env_fini(&env);
}

static void test_origin_is_of_the_last_assignment(void **state) {
    (void)state;
    struct env env = {0};
    assert_true(env_set(&env, "A", 1, "1", ENV_ORIGIN_INHERITED, 0));
    assert_true(env_set(&env, "B", 1, "1", ENV_ORIGIN_UPKEEP, 0));
    assert_true(env_set(&env, "A", 1, "2", ".env", 12));
    const struct env_var *a = env_find(&env, "A");
    assert_string_equal(a->assignment, "A=2");
    assert_string_equal(a->origin, ".env");
    assert_int_equal(a->line, 12);
    assert_int_equal(a->name_len, 1);
    assert_ptr_equal(a, &env.vars[0]); /* in its old place */
    assert_int_equal(env.count, 2);
    env_fini(&env);
}

static void test_name_needs_no_end(void **state) {
    (void)state;
    struct env env = {0};
    assert_true(env_set(&env, "NAME=VALUE", 4, "x=y", "test", 0));
    assert_string_equal(env_get(&env, "NAME"), "x=y");
    assert_string_equal(env.vars[0].assignment, "NAME=x=y");
    env_fini(&env);
}

static void test_value_may_be_its_own(void **state) {
    (void)state;
    struct env env = {0};
    assert_true(set(&env, "A", "abcdef"));
    assert_true(set(&env, "A", env_get(&env, "A") + 2));
    assert_string_equal(env_get(&env, "A"), "cdef");
    assert_true(set(&env, "B", env_get(&env, "A")));
    assert_string_equal(env_get(&env, "B"), "cdef");
    env_fini(&env);
}

static void test_unset(void **state) {
    (void)state;
    struct env env = {0};
    env_unset(&env, "A");
    assert_true(set(&env, "A", "1") && set(&env, "B", "2") && set(&env, "C", "3"));
    env_unset(&env, "B");
    env_unset(&env, "NONE");
    assert_int_equal(env.count, 2);
    assert_string_equal(env.vars[0].assignment, "A=1");
    assert_string_equal(env.vars[1].assignment, "C=3");
    env_unset(&env, "C");
    env_unset(&env, "A");
    assert_int_equal(env.count, 0);
    assert_null(env_envp(&env)[0]);
    env_fini(&env);
}

static void test_import(void **state) {
    (void)state;
    char *const environment[] = {"PATH=/bin", "no assignment", "=C:=x", "", "BASH_FUNC_f%%=() { :; }",
                                 "E=",        "PATH=/sbin",    NULL};
    struct env env = {0};
    assert_true(env_import(&env, environment, ENV_ORIGIN_INHERITED));
    assert_int_equal(env.count, 3);
    assert_string_equal(env_get(&env, "PATH"), "/sbin");
    assert_string_equal(env_get(&env, "E"), "");
    assert_string_equal(env_get(&env, "BASH_FUNC_f%%"), "() { :; }");
    assert_ptr_equal(env.vars[0].origin, ENV_ORIGIN_INHERITED);
    env_fini(&env);
}

static void test_envp(void **state) {
    (void)state;
    struct env env = {0};
    assert_null(env_envp(&env)[0]);
    for (int i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "N%d", i);
        assert_true(set(&env, name, "x"));
        char *const *envp = env_envp(&env);
        assert_string_equal(envp[0], "N0=x");
        assert_ptr_equal(envp[i], env.vars[i].assignment);
        assert_null(envp[i + 1]);
    }
    env_fini(&env);
}

static void test_intern(void **state) {
    (void)state;
    struct env env = {0};
    char name[] = ".env";
    const char *copy = env_intern(&env, name);
    name[0] = 'X';
    assert_string_equal(copy, ".env");
    assert_string_equal(env_intern(&env, ""), "");
    env_fini(&env);
}

static size_t chunks_are(const struct env *env) {
    /* The first member of a chunk is the next one. */
    size_t count = 0;
    for (const void *chunk = env->chunks; chunk; memcpy(&chunk, chunk, sizeof(chunk)))
        count++;
    return count;
}

/* An environment that is made anew for each start stops allocating. */
static void test_clear_keeps_the_memory(void **state) {
    (void)state;
    struct env env = {0};
    char large[10000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    size_t chunks = 0;
    for (int round = 0; round < 50; round++) {
        env_clear(&env);
        assert_int_equal(env.count, 0);
        assert_null(env_get(&env, "LARGE"));
        assert_null(env_envp(&env)[0]);
        for (int i = 0; i < 300; i++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "N%d", i);
            assert_true(set(&env, name, "a value of some length"));
        }
        assert_true(set(&env, "LARGE", large));
        assert_string_equal(env_get(&env, "LARGE"), large);
        assert_string_equal(env_get(&env, "N299"), "a value of some length");
        if (round == 0)
            chunks = chunks_are(&env);
        assert_int_equal(chunks_are(&env), chunks);
    }
    env_fini(&env);
}

static void test_bounds(void **state) {
    (void)state;
    struct env env = {0};
    for (unsigned i = 0; i < LIMIT_ENV; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "N%u", i);
        assert_true(set(&env, name, "x"));
    }
    assert_false(set(&env, "ONE_MORE", "x"));
    assert_true(set(&env, "N0", "y")); /* replacing needs no place */
    assert_string_equal(env_get(&env, "N0"), "y");
    assert_string_equal(env_get(&env, "N4095"), "x");
    env_clear(&env);

    char *large = calloc(1, (1 << 20) + 1);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    unsigned replaced = 0;
    while (set(&env, "LARGE", large))
        assert_true(++replaced < 16);
    assert_int_equal(replaced, 7);
    assert_string_equal(env_get(&env, "LARGE"), large); /* the last good one stays */
    env_clear(&env);
    assert_true(set(&env, "LARGE", large));
    free(large);
    env_fini(&env);
}

static void test_name_span(void **state) {
    (void)state;
    assert_int_equal(env_name_span("NAME"), 4);
    assert_int_equal(env_name_span("_a9Z=x"), 4);
    assert_int_equal(env_name_span("a-b"), 1);
    assert_int_equal(env_name_span("9a"), 0);
    assert_int_equal(env_name_span(""), 0);
    assert_int_equal(env_name_span("\xc3\xa9"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_get),
        cmocka_unit_test(test_origin_is_of_the_last_assignment),
        cmocka_unit_test(test_name_needs_no_end),
        cmocka_unit_test(test_value_may_be_its_own),
        cmocka_unit_test(test_unset),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_envp),
        cmocka_unit_test(test_intern),
        cmocka_unit_test(test_clear_keeps_the_memory),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_name_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
