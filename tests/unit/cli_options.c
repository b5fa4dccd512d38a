#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 16 };

/* A command line as main() gets it, and what the parser made of it. */
struct line {
    char memory[512];
    char *words[WORDS];
    size_t count;
    struct options options;
    size_t rest;
    struct text error;
};

static bool parse(struct line *line, unsigned allowed, bool stop, const char *string) {
    text_fini(&line->error);
    *line = (struct line){0};
    (void)strncpy(line->memory, string, sizeof line->memory - 1);
    for (char *word = strtok(line->memory, " "); word; word = strtok(NULL, " "))
        line->words[line->count++] = word;
    return options_parse(allowed, stop, line->words, line->count, &line->options, &line->rest, &line->error);
}

static const unsigned logs = OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LINES);
static const unsigned start = OPTION_BIT(OPTION_NO_WAIT) | OPTION_BIT(OPTION_TIMEOUT);

static void assert_error(const char *string, unsigned allowed, const char *sentence) {
    struct line line = {0};
    assert_false(parse(&line, allowed, false, string));
    assert_string_equal(text_get(&line.error), sentence);
    text_fini(&line.error);
}

static void test_forms(void **state) {
    (void)state;
    struct line line = {0};
    static const char *const forms[] = {"-n 20 -f",           "-f -n20", "-fn20", "-fn 20", "--follow --lines 20",
                                        "--lines=20 --follow"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_true(parse(&line, logs, false, forms[i]));
        assert_true(line.options.given[OPTION_FOLLOW]);
        assert_false(line.options.given[OPTION_MANIFEST]);
        assert_int_equal(line.options.number[OPTION_LINES], 20);
        assert_int_equal(line.rest, 0);
    }
}

/* `logs -f` follows; elsewhere -f is the manifest, and --manifest is everywhere. */
static void test_a_command_comes_first(void **state) {
    (void)state;
    struct line line = {0};
    assert_true(parse(&line, start, false, "-f x.ini"));
    assert_string_equal(line.options.word[OPTION_MANIFEST], "x.ini");
    assert_true(parse(&line, logs, false, "--manifest=x.ini -f"));
    assert_string_equal(line.options.word[OPTION_MANIFEST], "x.ini");
    assert_true(line.options.given[OPTION_FOLLOW]);
}

static void test_arguments(void **state) {
    (void)state;
    struct line line = {0};
    assert_true(parse(&line, start, false, "backend --no-wait web -- --odd -"));
    assert_int_equal(line.rest, 4);
    assert_string_equal(line.words[0], "backend");
    assert_string_equal(line.words[1], "web");
    assert_string_equal(line.words[2], "--odd");
    assert_string_equal(line.words[3], "-");
    assert_true(line.options.given[OPTION_NO_WAIT]);
}

static void test_stops_at_the_command(void **state) {
    (void)state;
    struct line line = {0};
    assert_true(parse(&line, 0, true, "-f x.ini logs -f -- a"));
    assert_string_equal(line.options.word[OPTION_MANIFEST], "x.ini");
    assert_int_equal(line.rest, 4);
    assert_string_equal(line.words[0], "logs");
    assert_string_equal(line.words[1], "-f");
    assert_string_equal(line.words[2], "--");
}

static void test_values(void **state) {
    (void)state;
    struct line line = {0};
    assert_true(parse(&line, start, false, "--timeout 1m30s"));
    assert_int_equal(line.options.number[OPTION_TIMEOUT], 90000);
    assert_true(parse(&line, start, false, "--timeout=0"));
    assert_true(line.options.given[OPTION_TIMEOUT]);
    assert_int_equal(line.options.number[OPTION_TIMEOUT], 0);
    assert_false(parse(&line, start, false, "--timeout 30"));
    assert_non_null(strstr(text_get(&line.error), "--timeout: "));
    assert_false(parse(&line, logs, false, "-n -1"));
    assert_false(parse(&line, logs, false, "-n many"));
    text_fini(&line.error);
}

static void test_errors(void **state) {
    (void)state;
    assert_error("--tiemout 3s", start, "unknown option --tiemout (did you mean --timeout?)");
    assert_error("--zzzzzzzzzz", start, "unknown option --zzzzzzzzzz");
    assert_error("-x", start, "unknown option -x");
    assert_error("--json", start, "unknown option --json");
    assert_error("--timeout", start, "--timeout needs a value: --timeout DURATION");
    assert_error("-n", logs, "-n needs a value: -n N");
    assert_error("--follow=yes", logs, "--follow takes no value");
    assert_error("--manifest=", start, "--manifest: must not be empty");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_a_command_comes_first),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_stops_at_the_command),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
