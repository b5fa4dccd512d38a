/* Every form of ${…}, what is refused, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/env.h"
#include "core/expand.h"
#include "core/limits.h"

static struct env env;

static int setup(void **state) {
    (void)state;
    static char *const environment[] = {(char *)"SET=set", (char *)"EMPTY=", (char *)"REF=${SET}", (char *)"_9=nine",
                                        NULL};
    return env_import(&env, environment, ENV_ORIGIN_INHERITED) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    env_fini(&env);
    return 0;
}

struct row {
    const char *string;
    const char *expected;
};

static void test_forms(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"${SET}", "set"},
        {"a${SET}b${_9}c", "asetbninec"},
        {"${EMPTY}", ""},
        {"${REF}", "${SET}"}, /* values are not expanded again */
        /* set, empty, unset under each form */
        {"${SET:-d}|${EMPTY:-d}|${NONE:-d}", "set|d|d"},
        {"${SET-d}|${EMPTY-d}|${NONE-d}", "set||d"},
        {"${SET:+o}|${EMPTY:+o}|${NONE:+o}", "o||"},
        {"${SET:?m}", "set"},
        {"${NONE:-}|${NONE-}|${SET:+}", "||"},
        /* words with expansions */
        {"${NONE:-${SET}}", "set"},
        {"${NONE:-a${NONE:-b${SET}c}d}", "abset"
                                         "cd"},
        {"${SET:+${SET}-${_9}}", "set-nine"},
        {"${SET:-${NONE}}", "set"}, /* a name in a word that is not taken need not be set */
        {"${NONE:+${NONE}}", ""},
        {"${NONE:-x:-y}", "x:-y"},
        {"${NONE:-a b}", "a b"},
        {"${NONE:-{\"a\":1}}", "{\"a\":1}"}, /* the first } closes: the second is what stands behind */
        {"${NONE:-$${}}", "${}"},
        {"${SET:-$${}", "set"}, /* the literal one inside needs no } */
        /* nothing else about $ is special */
        {"$", "$"},
        {"$$", "$$"},
        {"$SET", "$SET"},
        {"a$", "a$"},
        {"$(SET)", "$(SET)"},
        {"$ {SET}", "$ {SET}"},
        {"}{", "}{"},
        {"$${SET}", "${SET}"},
        {"$${", "${"},
        {"$$${SET}", "$${SET}"},
        {"$$$", "$$$"},
        {"$${${SET}}", "${set}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        TEXT_AUTO struct text out = {0};
        TEXT_AUTO struct text error = {0};
        text_str(&out, "> ");
        if (!expand(rows[i].string, env_lookup, &env, &out, &error))
            fail_msg("%s: %s", rows[i].string, text_get(&error));
        assert_memory_equal(text_get(&out), "> ", 2);
        if (strcmp(text_get(&out) + 2, rows[i].expected) != 0)
            fail_msg("%s gives [%s], not [%s]", rows[i].string, text_get(&out) + 2, rows[i].expected);
        if (!expand_is_needed(rows[i].string))
            assert_string_equal(rows[i].string, rows[i].expected);
    }
}

#define UNCLOSED "a ${ is never closed by a } (a literal ${ is written $${)"
#define NAMELESS "a ${ is not followed by a name (a literal ${ is written $${)"
#define UNKNOWN "a ${ is none of ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME:+other}"

static void test_refusals(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"${NONE}", "NONE is not set (${NONE:-} if it may be empty)"},
        {"${NONE:-${NONE_TOO}}", "NONE_TOO is not set (${NONE_TOO:-} if it may be empty)"},
        {"${NONE:?set it}", "NONE: set it"},
        {"${EMPTY:?set it}", "EMPTY: set it"},
        {"${NONE:?${SET}}", "NONE: ${SET}"},
        {"${NONE:?}", "NONE: must be set and not empty"},
        {"x${", UNCLOSED},
        {"${SET", UNCLOSED},
        {"${SET:-${SET}", UNCLOSED},
        {"${}", NAMELESS},
        {"${SET:-${}}", NAMELESS}, /* a word that is not taken is judged by its form */
        {"${SET-a${NONE:-${!}}}", NAMELESS},
        {"${NONE:+${SET=x}}", UNKNOWN},
        {"${9}", NAMELESS},
        {"${ SET}", NAMELESS},
        {"${!SET}", NAMELESS},
        {"${#SET}", NAMELESS},
        {"${SET }", UNKNOWN},
        {"${SET:}", UNKNOWN},
        {"${SET:=x}", UNKNOWN},
        {"${SET=x}", UNKNOWN},
        {"${SET?x}", UNKNOWN},
        {"${SET+x}", UNKNOWN},
        {"${SET%x}", UNKNOWN},
        {"${SET/a/b}", UNKNOWN},
        {"${SET.x}", UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        TEXT_AUTO struct text out = {0};
        TEXT_AUTO struct text error = {0};
        text_str(&out, "before");
        assert_false(expand(rows[i].string, env_lookup, &env, &out, &error));
        if (strcmp(text_get(&error), rows[i].expected) != 0)
            fail_msg("%s says [%s], not [%s]", rows[i].string, text_get(&error), rows[i].expected);
        assert_string_equal(text_get(&out), "before");
        assert_int_equal(out.len, 6);
    }
}

/* NUL makes the byte behind it literal. */
static void test_marked(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *expected;
    } rows[] = {
#define ROW(bytes, expected) {bytes, sizeof(bytes) - 1, expected}
        ROW("\0${SET}", "${SET}"),   ROW("$\0{SET}", "${SET}"),    ROW("\0$${SET}", "$set"),
        ROW("$\0${SET}", "$${SET}"), ROW("${NONE:-a\0}b}", "a}b"), ROW("${NONE:-\0$${SET}}", "$set"),
        ROW("a\0bc", "abc"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        TEXT_AUTO struct text out = {0};
        TEXT_AUTO struct text error = {0};
        assert_true(expand_marked(rows[i].bytes, rows[i].len, env_lookup, &env, &out, &error));
        assert_string_equal(text_get(&out), rows[i].expected);
    }
}

/* Without a lookup the form is judged alone. */
static void test_form_only(void **state) {
    (void)state;
    TEXT_AUTO struct text out = {0};
    TEXT_AUTO struct text error = {0};
    text_str(&out, "before");
    assert_true(expand("a${NONE}${NONE:?x}${NONE:-${NONE}}$${", NULL, NULL, &out, &error));
    assert_string_equal(text_get(&out), "before");
    assert_false(expand("${NONE:+${NONE:-${}}}", NULL, NULL, &out, &error));
    assert_string_equal(text_get(&error), NAMELESS);
    assert_string_equal(text_get(&out), "before");
}

static void nest(struct text *text, unsigned depth) {
    for (unsigned i = 0; i < depth; i++)
        text_str(text, "${NONE:-");
    for (unsigned i = 0; i < depth; i++)
        text_char(text, '}');
}

static void test_depth(void **state) {
    (void)state;
    TEXT_AUTO struct text string = {0};
    TEXT_AUTO struct text out = {0};
    TEXT_AUTO struct text error = {0};
    nest(&string, 16);
    assert_true(expand(text_get(&string), env_lookup, &env, &out, &error));
    text_clear(&string);
    nest(&string, 30000);
    assert_false(expand(text_get(&string), env_lookup, &env, &out, &error));
    assert_string_equal(text_get(&error), "${ is nested more than 16 deep");
}

static void test_size(void **state) {
    (void)state;
    TEXT_AUTO struct text string = {0};
    TEXT_AUTO struct text out = {0};
    TEXT_AUTO struct text error = {0};
    while (string.len < LIMIT_EXPANSION)
        text_char(&string, 'x');
    text_str(&out, "what stands there does not count");
    assert_true(expand(text_get(&string), env_lookup, &env, &out, &error));
    text_clear(&out);
    text_str(&string, "${EMPTY}");
    assert_true(expand(text_get(&string), env_lookup, &env, &out, &error));
    text_clear(&out);
    text_str(&string, "y");
    assert_false(expand(text_get(&string), env_lookup, &env, &out, &error));
    assert_string_equal(text_get(&error), "it expands to more than 1048576 bytes");
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_refusals), cmocka_unit_test(test_marked),
        cmocka_unit_test(test_form_only), cmocka_unit_test(test_depth),    cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
