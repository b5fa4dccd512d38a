/* The rows of docs/dotenv.md, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/dotenv.h"
#include "core/limits.h"

struct fixture {
    struct env env;
    struct diags diags;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return f ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    env_fini(&f->env);
    diags_fini(&f->diags);
    free(f);
    return 0;
}

/* Parses a copy of exactly len bytes, so that a sanitizer sees every read behind them. */
static bool parse_bytes(struct fixture *f, const char *bytes, size_t len) {
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    bool is_good = dotenv_parse(copy, len, ".env", &f->env, &f->diags);
    free(copy);
    assert_int_equal(is_good, f->diags.errors == 0);
    return is_good;
}

static bool parse(struct fixture *f, const char *string) {
    return parse_bytes(f, string, strlen(string));
}

static const char *said(const struct fixture *f) {
    static struct text text;
    text_fini(&text);
    for (size_t i = 0; i < f->diags.count; i++) {
        diag_print(&f->diags.list[i], &text);
        text_char(&text, '\n');
    }
    return text_get(&text);
}

static void reset(struct fixture *f) {
    env_clear(&f->env);
    diags_fini(&f->diags);
}

struct row {
    const char *line;
    const char *value; /* of A; NULL: not set */
};

static void expect_rows(struct fixture *f, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        reset(f);
        assert_true(env_set(&f->env, "SET", 3, "set", ENV_ORIGIN_INHERITED, 0));
        assert_true(env_set(&f->env, "EMPTY", 5, "", ENV_ORIGIN_INHERITED, 0));
        if (!parse(f, rows[i].line))
            fail_msg("%s: %s", rows[i].line, said(f));
        const char *value = env_get(&f->env, "A");
        if (!rows[i].value)
            assert_null(value);
        else if (!value || strcmp(value, rows[i].value) != 0)
            fail_msg("%s gives [%s], not [%s]", rows[i].line, value ? value : "nothing", rows[i].value);
    }
}
#define EXPECT_ROWS(f, rows) expect_rows(f, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_lines(void **state) {
    static const struct row rows[] = {
        {"A=1", "1"},
        {"A=1\n", "1"},
        {"A=1\r\n", "1"},
        {"A=1\r", "1"},
        {"\xef\xbb\xbf"
         "A=1",
         "1"},
        {"", NULL},
        {"\n\n  \n\t\r\n", NULL},
        {"# A=1", NULL},
        {"  \t# A=1\n", NULL},
        {"  A=1", "1"},
        {"export A=1", "1"},
        {"  export \t A=1", "1"},
        {"A =1", "1"},
        {"A= 1", "1"},
        {"A = 1", "1"},
        {"export A = 1", "1"},
        {"A=", ""},
        {"A=   ", ""},
        {"A=\"\"", ""},
        {"A=''", ""},
        {"A=1\nA=2\n", "2"},
        {"A=a=b==", "a=b=="},
    };
    EXPECT_ROWS(*state, rows);
}

static void test_unquoted(void **state) {
    static const struct row rows[] = {
        {"A=a b  c  ", "a b  c"},
        {"A=x # comment", "x"},
        {"A=x\t# comment", "x"},
        {"A=x#y", "x#y"},
        {"A=#fff", "#fff"},
        {"A= # comment", ""},
        {"A= #", ""},
        {"A=x #", "x"},
        {"A=a\\nb\\", "a\\nb\\"},
        {"A=C:\\new\\table", "C:\\new\\table"},
        {"A=it's", "it's"},
        {"A=say \"hi\"", "say \"hi\""},
        {"A=x\"y\" # z", "x\"y\""},
        {"A={\"a\": 1}", "{\"a\": 1}"},
        {"A=$SET", "$SET"},
        {"A=$", "$"},
        {"A=p$$w", "p$$w"},
        {"A=$(SET) `SET`", "$(SET) `SET`"},
        {"A=caf\xc3\xa9 \xff", "caf\xc3\xa9 \xff"},
        {"A=a;b|c&d>e*?", "a;b|c&d>e*?"},
        {"A=a: b, c", "a: b, c"},
    };
    EXPECT_ROWS(*state, rows);
}

static void test_single_quoted(void **state) {
    static const struct row rows[] = {
        {"A='a # b'", "a # b"},
        {"A='a' # b", "a"},
        {"A='a'   ", "a"},
        {"A='a\\nb'", "a\\nb"},
        {"A='a\\'", "a\\"},
        {"A='${SET}'", "${SET}"},
        {"A='$${SET}'", "$${SET}"},
        {"A='say \"hi\"'", "say \"hi\""},
        {"A='a\nb\n c '\nB=1", "a\nb\n c "},
        {"A='a\r\nb'\r\n", "a\nb"},
        {"A='  '", "  "},
    };
    EXPECT_ROWS(*state, rows);
}

static void test_double_quoted(void **state) {
    static const struct row rows[] = {
        {"A=\"a # b\"", "a # b"},
        {"A=\"a\" # b \" c", "a"},
        {"A=\"a\\nb\\rc\\td\"", "a\nb\rc\td"},
        {"A=\"\\\"\\\\\\$\"", "\"\\$"},
        {"A=\"\\d+\\.\"", "\\d+\\."},
        {"A=\"it's\"", "it's"},
        {"A=\"${SET}\"", "set"},
        {"A=\"\\${SET}\"", "${SET}"},
        {"A=\"\\\\${SET}\"", "\\set"},
        {"A=\"\\$${SET}\"", "$set"},
        {"A=\"$\\${SET}\"", "$${SET}"},
        {"A=\"$${SET}\"", "${SET}"},
        {"A=\"${NONE:-a\\\"b}\"", "a\"b"},
        {"A=\"${NONE:-\\$x}\"", "$x"},
        {"A=\"${NONE:-\\$${SET}}\"", "$set"},
        {"A=\"a\nb\"\n", "a\nb"},
        {"A=\"a\r\nb\\r\\n\"\r\n", "a\nb\r\n"},
        {"A=\"a\\\nb\"", "a\\\nb"},
        {"A=\"$x\"", "$x"},
        {"A=\"\r\n\"", "\n"},
    };
    EXPECT_ROWS(*state, rows);
}

static void test_expansion(void **state) {
    static const struct row rows[] = {
        {"A=${SET}", "set"},          {"A=a${SET}b${SET}", "asetbset"},
        {"A=${NONE:-d}", "d"},        {"A=${EMPTY:-d}", "d"},
        {"A=${EMPTY-d}", ""},         {"A=${NONE-d}", "d"},
        {"A=${SET:+o}", "o"},         {"A=${EMPTY:+o}", ""},
        {"A=${SET:?m}", "set"},       {"A=$${SET}", "${SET}"},
        {"B=1\nA=${B}", "1"},         {"B='${SET}'\nA=${B}", "${SET}"},
        {"SET=new\nA=${SET}", "new"}, {"A=1\nA=${A}2", "12"},
        {"A=${NONE:-${SET}}", "set"},
    };
    EXPECT_ROWS(*state, rows);
}

struct refusal {
    const char *content;
    const char *said;
};

static void test_refusals(void **state) {
    static const struct refusal rows[] = {
        {"secret", ".env:1: not KEY=VALUE\n"},
        {"export A", ".env:1: not KEY=VALUE\n"},
        {"A: 1", ".env:1: not KEY=VALUE\n"},
        {"=1", ".env:1: not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit\n"},
        {"1A=1", ".env:1: not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit\n"},
        {"A-B=1", ".env:1: not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit\n"},
        {"A B=1", ".env:1: not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit\n"},
        {"OK=1\n\nc2VjcmV0/Cg==\nOK=2\nbad\n",
         ".env:3: not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit\n"
         ".env:5: not KEY=VALUE\n"},
        {"A='x\nB=1\n", ".env:1: A: a single quote (') is never closed\n"},
        {"OK=1\nA=\"x\\\"\nB=1", ".env:2: A: a double quote (\") is never closed\n"},
        {"A=\"", ".env:1: A: a double quote (\") is never closed\n"},
        {"A=\"\\", ".env:1: A: a double quote (\") is never closed\n"},
        {"A='a'b", ".env:1: A: there is text behind the closing quote\n"},
        {"A='a'#b", ".env:1: A: there is text behind the closing quote\n"},
        {"A=\"a\" b # c", ".env:1: A: there is text behind the closing quote\n"},
        {"A='a\nb' c\nbad", ".env:1: A: there is text behind the closing quote\n.env:3: not KEY=VALUE\n"},
        {"\nA=${NONE}", ".env:2: A: NONE is not set (${NONE:-} if it may be empty)\n"},
        {"A=pass${word", ".env:1: A: a ${ is never closed by a } (a literal ${ is written $${)\n"},
        {"A=${NONE:?set it in the vault}", ".env:1: A: NONE: set it in the vault\n"},
        {"A=\"x\ny${NONE}\"\nbad",
         ".env:1: A: NONE is not set (${NONE:-} if it may be empty)\n.env:3: not KEY=VALUE\n"},
        {"\xff\xfe"
         "A",
         ".env: written in UTF-16: save it as UTF-8\n"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reset(f);
        assert_false(parse(f, rows[i].content));
        assert_string_equal(said(f), rows[i].said);
    }
}

static void test_good_lines_are_kept_beside_bad_ones(void **state) {
    struct fixture *f = *state;
    assert_false(parse(f, "A=1\nbad\nB='x\nC=3\n"));
    assert_string_equal(env_get(&f->env, "A"), "1");
    assert_null(env_get(&f->env, "B"));
    assert_string_equal(env_get(&f->env, "C"), "3");
    assert_int_equal(f->diags.errors, 2);
}

static void test_nul_bytes(void **state) {
    struct fixture *f = *state;
    static const char content[] = "A=x\0y\nB='a\nb\0c'\nC=1\n#\0\n";
    assert_false(parse_bytes(f, content, sizeof(content) - 1));
    assert_string_equal(said(f), ".env:1: a NUL byte cannot be in an environment\n"
                                 ".env:3: B: a NUL byte cannot be in an environment\n"
                                 ".env:5: a NUL byte cannot be in an environment\n");
    assert_null(env_get(&f->env, "A"));
    assert_null(env_get(&f->env, "B"));
    assert_string_equal(env_get(&f->env, "C"), "1");
}

static void test_places(void **state) {
    struct fixture *f = *state;
    assert_true(parse(f, "# one\nA='x\ny\nz'\n\nexport B=1\n"));
    const struct env_var *a = env_find(&f->env, "A");
    const struct env_var *b = env_find(&f->env, "B");
    assert_int_equal(a->line, 2);
    assert_int_equal(b->line, 6);
    assert_string_equal(a->origin, ".env");
}

static void test_limits(void **state) {
    struct fixture *f = *state;
    struct text content = {0};
    text_str(&content, "A=");
    while (content.len < LIMIT_MANIFEST_LINE)
        text_char(&content, 'x');
    text_str(&content, "\nB=1\n");
    assert_true(parse(f, text_get(&content)));
    assert_int_equal(strlen(env_get(&f->env, "A")), LIMIT_MANIFEST_LINE - 2);

    reset(f);
    content.data[2] = '\''; /* the same length over two lines, and one byte more */
    content.data[content.len - 6] = 'x';
    content.data[100] = '\n';
    text_str(&content, "'\nC=1\n");
    assert_false(parse(f, text_get(&content)));
    assert_string_equal(said(f), ".env:1: A: longer than 256 KiB\n");
    assert_string_equal(env_get(&f->env, "C"), "1");

    reset(f);
    text_clear(&content);
    for (unsigned i = 0; i <= LIMIT_ENV; i++)
        text_printf(&content, "K%u=1\n", i);
    assert_false(parse(f, text_get(&content)));
    assert_string_equal(said(f), ".env:4097: K4096: no room: too many variables, or too large ones\n");
    text_fini(&content);
}

/* Self-references double a value with every line: what they can make us hold and do ends at a cap. */
static void test_growth_is_bounded(void **state) {
    struct fixture *f = *state;
    struct text content = {0};
    text_str(&content, "A=xxxxxxxxxxxxxxxx\n");
    for (unsigned i = 0; i < 1000; i++)
        text_str(&content, "A=${A}${A}\n");
    assert_false(parse(f, text_get(&content)));
    assert_non_null(strstr(said(f), ".env:18: A: it expands to more than 1048576 bytes\n"));
    text_fini(&content);
}

static void test_setting(void **state) {
    struct fixture *f = *state;
    assert_true(
        dotenv_parse_setting("A=a # b\nB=\"x${A}\"\n\n  C = 'y${A}' \nD=", "upkeep.ini", 7, &f->env, &f->diags));
    assert_string_equal(env_get(&f->env, "A"), "a # b");
    assert_string_equal(env_get(&f->env, "B"), "xa # b");
    assert_string_equal(env_get(&f->env, "C"), "y${A}");
    assert_string_equal(env_get(&f->env, "D"), "");
    assert_int_equal(env_find(&f->env, "C")->line, 10);
    assert_string_equal(env_find(&f->env, "C")->origin, "upkeep.ini");

    reset(f);
    assert_false(dotenv_parse_setting("A='a\nb'\n#C=1\nD=\"x\" # y\nE", "upkeep.ini", 7, &f->env, &f->diags));
    assert_string_equal(said(f), "upkeep.ini:7: env: A: a single quote (') is never closed\n"
                                 "upkeep.ini:8: env: not KEY=VALUE\n"
                                 "upkeep.ini:9: env: not KEY=VALUE: a key is letters, digits and _, and does not "
                                 "begin with a digit\n"
                                 "upkeep.ini:10: env: D: there is text behind the closing quote\n"
                                 "upkeep.ini:11: env: not KEY=VALUE\n");
}

/* Without an environment the form is judged alone. */
static void test_setting_without_env(void **state) {
    struct fixture *f = *state;
    assert_true(dotenv_parse_setting("A=${NONE}\nB=\"${A:?x}\"", "upkeep.ini", 1, NULL, &f->diags));
    assert_false(dotenv_parse_setting("A=${NONE:-${NONE}\nB='x", "upkeep.ini", 1, NULL, &f->diags));
    assert_string_equal(said(f), "upkeep.ini:1: env: A: a ${ is never closed by a } (a literal ${ is written $${)\n"
                                 "upkeep.ini:2: env: B: a single quote (') is never closed\n");
}

/* No message holds a byte of a value: every refused value here is a secret. */
static void test_values_stay_secret(void **state) {
    static const char *const contents[] = {
        "KEY='hunter2",      "KEY=\"hunter2\"hunter2",  "KEY=hunter2${hunter2",       "KEY=hunter2${!hunter2}",
        "hunter2",           "hunter2-hunter2=",        "KEY=${SECRET:?gone}${NONE}", "KEY=${SECRET/hunter2/x}",
        "KEY='a\nhunter2\n", "hunter2 hunter2=hunter2",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        reset(f);
        assert_true(env_set(&f->env, "SECRET", 6, "hunter2", ENV_ORIGIN_INHERITED, 0));
        assert_false(parse(f, contents[i]));
        if (strstr(said(f), "hunter2"))
            fail_msg("%s", said(f));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_lines),
        TEST(test_unquoted),
        TEST(test_single_quoted),
        TEST(test_double_quoted),
        TEST(test_expansion),
        TEST(test_refusals),
        TEST(test_good_lines_are_kept_beside_bad_ones),
        TEST(test_nul_bytes),
        TEST(test_places),
        TEST(test_limits),
        TEST(test_growth_is_bounded),
        TEST(test_setting),
        TEST(test_setting_without_env),
        TEST(test_values_stay_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
