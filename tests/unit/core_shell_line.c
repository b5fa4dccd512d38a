/* What a shell would run, told without one; and what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/shell_line.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The steps as `(may fail) must work`, words with a `,` between them. */
static void show(const struct shell_line *line, struct text *out) {
    for (size_t i = 0; i < line->count; i++) {
        text_str(out, i > 0 ? " " : "");
        text_str(out, line->steps[i].must_work ? "" : "(");
        for (size_t w = 0; w < line->steps[i].words.count; w++)
            text_printf(out, "%s%s", w > 0 ? "," : "", line->steps[i].words.list[w]);
        text_str(out, line->steps[i].must_work ? "" : ")");
    }
}

static void test_lists(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"npm start", "npm,start"},
        {"cd web && exec node server.js", "cd,web node,server.js"},
        {"A=1 B='x y' env C=2 next start -p 3", "next,start,-p,3"},
        {"migrate; serve", "(migrate) serve"},
        {"migrate; serve;\n", "(migrate) serve"},
        {"a; b && c\nd | e", "(a) (b) (c) d e"},
        {"serve > out.log 2>&1", "serve"},
        {"serve 2> /dev/null < in --port 80", "serve,--port,80"},
        {"serve &> x", "serve"},
        {"serve 12 > 'a b'", "serve,12"},
        {"serve a#b 'a;b' \"c && d\" e\\;f", "serve,a#b,a;b,c && d,e;f"},
        {"A=1; serve", "serve"},
        {"serve $X \"${Y}\"", "serve,$X,${Y}"},
        {"a \\\n b", "a,b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shell_line line = {0};
        struct text text TEXT_AUTO = {0};
        if (!shell_line_split(rows[i][0], &line))
            fail_msg("%s is not understood", rows[i][0]);
        show(&line, &text);
        assert_string_equal(text_get(&text), rows[i][1]);
        shell_line_fini(&line);
    }
}

static void test_what_is_beyond(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "  ",
        "a || b",
        "a &",
        "(a)",
        "$(a)",
        "`a`",
        "\"$(a)\"",
        "a \"`b`\"",
        "if a; then b; fi",
        "a <<E\nE",
        "a 'b",
        "! a",
        "PATH=x a",
        "env -i a",
        "exec -a x y",
        "a &&",
        "&& a",
        "a # b",
        "{ a; }",
        "eval a",
        "a |& b",
        "while a; do b; done",
        "a && ; b",
        "a | | b",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shell_line line = {0};
        if (shell_line_split(rows[i], &line))
            fail_msg("%s is taken for a list of simple commands", rows[i]);
        assert_int_equal(line.count, 0);
    }
}

static void test_words(void **state) {
    (void)state;
    assert_true(shell_line_is_builtin("cd"));
    assert_true(shell_line_is_builtin("."));
    assert_false(shell_line_is_builtin("next"));
    assert_true(shell_line_is_literal("web-ui/x"));
    assert_false(shell_line_is_literal("$X"));
    assert_false(shell_line_is_literal("~/x"));
    assert_false(shell_line_is_literal("*.js"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_what_is_beyond),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
