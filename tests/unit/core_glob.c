#include "core/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_match(const char *pattern, const char *path) {
    struct glob glob = {0};
    struct text error TEXT_AUTO = {0};
    assert_true(glob_parse(pattern, &glob, &error));
    glob_state state = glob_begin(&glob);
    char *copy = strdup(path);
    char *rest = NULL;
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
        state = glob_step(&glob, state, name);
    bool result = glob_is_match(&glob, state);
    free(copy);
    glob_fini(&glob);
    return result;
}

static void names_match(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool is_match;
    } rows[] = {
        {"package-lock.json", "package-lock.json", true},
        {"package-lock.json", "web/package-lock.json", false},
        {"./web//package.json", "web/package.json", true},
        {"*.toml", "pyproject.toml", true},
        {"*.toml", "a/pyproject.toml", false},
        {"src/**", "src", true},
        {"src/**", "src/a", true},
        {"src/**", "src/a/b/c.ts", true},
        {"src/**", "srcs/a", false},
        {"src/**/*.ts", "src/a.ts", true},
        {"src/**/*.ts", "src/a/b/c.ts", true},
        {"src/**/*.ts", "src/a/b/c.js", false},
        {"**/a/**/b", "x/a/b", true},
        {"**/a/**/b", "a/a/x/y/b", true},
        {"**/a/**/b", "x/b", false},
        {"**/**/x", "x", true},
        {"**", "a/b", true},
        /* what no star stands for */
        {"**", ".git", false},
        {"**", "a/.git/config", false},
        {"*", ".env", false},
        {".*", ".env", true},
        {"src/**", "src/.cache/x", false},
        {".github/**", ".github/workflows/ci.yml", true},
        {"**", "node_modules/a", false},
        {"*/package.json", "node_modules/package.json", false},
        {"node_modules/**", "node_modules/a/b", true},
        {"**/__pycache__", "a/__pycache__", true},
        {"app/**", "app/__pycache__/x.pyc", false},
        {"[.]env", ".env", false},
        {"?env", ".env", false},
        /* sets */
        {"a[0-9].txt", "a5.txt", true},
        {"a[!0-9].txt", "a5.txt", false},
        {"a[]].txt", "a].txt", true},
        {"a[*]b", "a*b", true},
        {"a[*]b", "axb", false},
        /* bytes */
        {"gr\xC3\xBC\xC3\x9F/*", "gr\xC3\xBC\xC3\x9F/x y", true},
        {"/etc/*", "etc/hosts", true},
        {"../shared/**", "../shared/a", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_match(rows[i].pattern, rows[i].path) != rows[i].is_match)
            fail_msg("%s and %s", rows[i].pattern, rows[i].path);
}

static void whats_below_is_known_on_the_way(void **state) {
    (void)state;
    struct glob glob = {0};
    struct text error TEXT_AUTO = {0};
    assert_true(glob_parse("web/src/**/*.ts", &glob, &error));
    assert_int_equal(glob_plain_count(&glob), 2);
    glob_state web = glob_step(&glob, glob_begin(&glob), "web");
    assert_int_equal(glob_step(&glob, glob_begin(&glob), "api"), 0);
    assert_int_equal(glob_step(&glob, web, "dist"), 0);
    assert_int_not_equal(glob_step(&glob, web, "src"), 0);
    glob_fini(&glob);
}

static void what_is_no_pattern_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *why;
    } rows[] = {
        {"", "the pattern is empty"},
        {"*.{ts,tsx}", "braces are not understood: write a pattern for each"},
        {"a\\*", "a backslash is not understood: write [*] for a star"},
        {"a[", "a [ is not closed"},
        {"a[]", "a [ is not closed"},
        {"a[!", "a [ is not closed"},
        {"a[b/c]", "a [ is not closed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct glob glob = {0};
        struct text error TEXT_AUTO = {0};
        assert_false(glob_parse(rows[i].pattern, &glob, &error));
        assert_string_equal(text_get(&error), rows[i].why);
    }
    struct text deep TEXT_AUTO = {0};
    for (int i = 0; i < GLOB_PARTS; i++)
        text_str(&deep, "a/");
    struct glob glob = {0};
    struct text error TEXT_AUTO = {0};
    assert_true(glob_parse(text_get(&deep), &glob, &error));
    assert_true(is_match(text_get(&deep), text_get(&deep)));
    glob_fini(&glob);
    text_str(&deep, "a");
    assert_false(glob_parse(text_get(&deep), &glob, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match),
        cmocka_unit_test(whats_below_is_known_on_the_way),
        cmocka_unit_test(what_is_no_pattern_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
