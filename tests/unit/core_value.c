/* Typed values: what is taken, what is refused and how, and that printing and parsing undo each other. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A fixed sequence: the same run everywhere. */
static uint64_t next_random(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void expect_text(struct text *text, const char *input, const char *expected) {
    if (strcmp(text_get(text), expected) != 0)
        fail_msg("%s: [%s], not [%s]", input, text_get(text), expected);
    text_fini(text);
}

/* One bit in four is set. */
static uint64_t next_sparse(void) {
    uint64_t bits = next_random();
    return bits & next_random();
}

/* Durations */

static void test_durations(void **state) {
    (void)state;
    static const struct {
        const char *string;
        int64_t ms;
        const char *printed;
    } rows[] = {
        {"0", 0, "0s"},
        {"0s", 0, "0s"},
        {"0ms", 0, "0s"},
        {"000", 0, "0s"},
        {"1ms", 1, "1ms"},
        {"250ms", 250, "250ms"},
        {"1000ms", 1000, "1s"},
        {"1500ms", 1500, "1s500ms"},
        {"5s", 5000, "5s"},
        {"90s", 90000, "1m30s"},
        {"1m30s", 90000, "1m30s"},
        {"2h", 7200000, "2h"},
        {"1d", 86400000, "1d"},
        {"1d2h3m4s5ms", 93784005, "1d2h3m4s5ms"},
        {"1h1ms", 3600001, "1h1ms"},
        {"05s", 5000, "5s"},
        {"0m5s", 5000, "5s"},
        {"36500d", VALUE_DURATION_MAX_MS, "36500d"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text text = {0};
        int64_t ms = -1;
        if (!value_parse_duration(rows[i].string, &ms, &text))
            fail_msg("%s: %s", rows[i].string, text_get(&text));
        assert_int_equal(ms, rows[i].ms);
        value_print_duration(ms, &text);
        expect_text(&text, rows[i].string, rows[i].printed);
    }
}

#define FORMS "(250ms, 5s, 1m30s, 2h, 1d)"
#define UNITS "is not a duration: the units are ms, s, m, h and d, on whole numbers"
#define ORDER "is not a duration: each unit once, from the largest to the smallest"
#define TOO_LONG "is too long: at most 36500d"

static void test_refused_durations(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"5000", "5000 needs a unit: 5000ms (5s) or 5000s (1h23m20s)?"},
        {"5", "5 needs a unit: 5ms or 5s?"},
        {"10", "10 needs a unit: 10ms or 10s?"},
        {"90", "90 needs a unit: 90ms or 90s (1m30s)?"},
        {"0090", "90 needs a unit: 90ms or 90s (1m30s)?"},
        {"9000000000000000000", "9000000000000000000 needs a unit (ms, s, m, h or d)"},
        {"", "\"\" is not a duration " FORMS},
        {"s", "\"s\" is not a duration " FORMS},
        {"-5s", "\"-5s\" is not a duration " FORMS},
        {"+5s", "\"+5s\" is not a duration " FORMS},
        {" 5s", "\" 5s\" is not a duration " FORMS},
        {"never", "\"never\" is not a duration " FORMS},
        {"5 s", "\"5 s\" " UNITS},
        {"5s ", "\"5s \" " UNITS},
        {"5S", "\"5S\" " UNITS},
        {"5sec", "\"5sec\" " UNITS},
        {"5min", "\"5min\" " UNITS},
        {"1.5s", "\"1.5s\" " UNITS},
        {"1s.5", "\"1s.5\" " UNITS},
        {"5us", "\"5us\" " UNITS},
        {"1m30", "\"1m30\" ends without a unit (ms, s, m, h or d)"},
        {"30s1m", "\"30s1m\" " ORDER},
        {"1s1s", "\"1s1s\" " ORDER},
        {"36500d1ms", "\"36500d1ms\" " TOO_LONG},
        {"36501d", "\"36501d\" " TOO_LONG},
        {"999999999999999999d", "\"999999999999999999d\" " TOO_LONG},
        {"9223372036854775807ms", "\"9223372036854775807ms\" " TOO_LONG},
        {"99999999999999999999ms", "\"99999999999999999999ms\" " TOO_LONG},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text error = {0};
        int64_t ms = -1;
        if (value_parse_duration(rows[i][0], &ms, &error))
            fail_msg("%s is taken", rows[i][0]);
        assert_int_equal(ms, -1);
        expect_text(&error, rows[i][0], rows[i][1]);
    }
}

static void test_duration_round_trip(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        TEXT_AUTO struct text text = {0};
        TEXT_AUTO struct text error = {0};
        /* All magnitudes alike. */
        int64_t ms = (int64_t)(next_random() >> (next_random() % 63)) % (VALUE_DURATION_MAX_MS + 1);
        ms = ms < 0 ? -ms : ms;
        int64_t again = -1;
        value_print_duration(ms, &text);
        if (!value_parse_duration(text_get(&text), &again, &error))
            fail_msg("%s: %s", text_get(&text), text_get(&error));
        assert_true(ms == again);
    }
}

static void test_elapsed(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *printed;
    } rows[] = {
        {-5, "0ms"},     {0, "0ms"},           {850, "850ms"},      {999, "999ms"},      {1000, "1s"},
        {1099, "1s"},    {1200, "1.2s"},       {9999, "9.9s"},      {10000, "10s"},      {59999, "59s"},
        {60000, "1m"},   {192000, "3m12s"},    {3599999, "59m59s"}, {3600000, "1h"},     {7500000, "2h5m"},
        {3659000, "1h"}, {86399999, "23h59m"}, {86400000, "1d"},    {356400000, "4d3h"}, {36500LL * 86400000, "36500d"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text text = {0};
        value_print_elapsed(rows[i].ms, &text);
        expect_text(&text, rows[i].printed, rows[i].printed);
    }
}

/* Sizes */

static void test_sizes(void **state) {
    (void)state;
    static const struct {
        const char *string;
        int64_t bytes;
        const char *printed;
    } rows[] = {
        {"0", 0, "0"},
        {"1", 1, "1"},
        {"1023", 1023, "1023"},
        {"1024", 1024, "1K"},
        {"512K", 524288, "512K"},
        {"512k", 524288, "512K"},
        {"10M", 10485760, "10M"},
        {"1G", 1073741824, "1G"},
        {"2T", 2199023255552, "2T"},
        {"1025K", 1049600, "1025K"},
        {"0G", 0, "0"},
        {"9223372036854775807", INT64_MAX, "9223372036854775807"},
        {"8388607T", 8388607 * (INT64_C(1) << 40), "8388607T"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text text = {0};
        int64_t bytes = -1;
        if (!value_parse_size(rows[i].string, &bytes, &text))
            fail_msg("%s: %s", rows[i].string, text_get(&text));
        assert_true(bytes == rows[i].bytes);
        value_print_size(bytes, &text);
        expect_text(&text, rows[i].string, rows[i].printed);
    }

    static const char *const refused[][2] = {
        {"", "\"\" is not a size (10M, 512K, 1G, or bytes)"},
        {"M", "\"M\" is not a size (10M, 512K, 1G, or bytes)"},
        {"-1", "\"-1\" is not a size (10M, 512K, 1G, or bytes)"},
        {"1.5G", "\"1.5G\" is not a size: a whole number with K, M, G or T, or bytes"},
        {"10MB", "\"10MB\" is not a size: a whole number with K, M, G or T, or bytes"},
        {"10 M", "\"10 M\" is not a size: a whole number with K, M, G or T, or bytes"},
        {"9223372036854775808", "\"9223372036854775808\" is too large a size"},
        {"8388608T", "\"8388608T\" is too large a size"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct text error = {0};
        int64_t bytes = -1;
        assert_false(value_parse_size(refused[i][0], &bytes, &error));
        assert_int_equal(bytes, -1);
        expect_text(&error, refused[i][0], refused[i][1]);
    }
}

static void test_size_round_trip(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        TEXT_AUTO struct text text = {0};
        TEXT_AUTO struct text error = {0};
        /* All magnitudes and many multiples of 1024. */
        uint64_t random = next_random() >> (next_random() % 63) << (next_random() % 4 * 10);
        int64_t bytes = (int64_t)(random >> 1);
        int64_t again = -1;
        value_print_size(bytes, &text);
        assert_true(value_parse_size(text_get(&text), &again, &error));
        assert_true(bytes == again);
    }
}

/* Booleans, numbers, modes */

static void test_bools(void **state) {
    (void)state;
    static const char *const yes[] = {"true", "yes", "on", "1", "True", "YES", "On"};
    static const char *const no[] = {"false", "no", "off", "0", "FALSE", "No", "oFF"};
    static const char *const neither[] = {"", "y", "2", "true ", "enabled", "01"};
    for (size_t i = 0; i < COUNT(yes); i++) {
        TEXT_AUTO struct text error = {0};
        bool value = false;
        assert_true(value_parse_bool(yes[i], &value, &error) && value);
        assert_true(value_parse_bool(no[i], &value, &error) && !value);
    }
    for (size_t i = 0; i < COUNT(neither); i++) {
        TEXT_AUTO struct text error = {0};
        bool value;
        assert_false(value_parse_bool(neither[i], &value, &error));
        assert_non_null(strstr(text_get(&error), "is neither true nor false (true/false, yes/no, on/off, 1/0)"));
    }
}

static void test_ints(void **state) {
    (void)state;
    static const struct {
        const char *string;
        int64_t min;
        int64_t max;
        int64_t value;
        const char *error; /* empty: taken */
    } rows[] = {
        {"0", 0, 10, 0, ""},
        {"10", 0, 10, 10, ""},
        {"007", 0, 10, 7, ""},
        {"-1000", -1000, 1000, -1000, ""},
        {"-0", 0, 10, 0, ""},
        {"9223372036854775807", 0, INT64_MAX, INT64_MAX, ""},
        {"11", 0, 10, 0, "\"11\" is out of range: 0 to 10"},
        {"-1", 0, 10, 0, "\"-1\" is out of range: 0 to 10"},
        {"9223372036854775808", 0, INT64_MAX, 0, "\"9223372036854775808\" is out of range: 0 to 9223372036854775807"},
        {"", 0, 10, 0, "\"\" is not a whole number"},
        {"-", 0, 10, 0, "\"-\" is not a whole number"},
        {"+1", 0, 10, 0, "\"+1\" is not a whole number"},
        {"1 ", 0, 10, 0, "\"1 \" is not a whole number"},
        {" 1", 0, 10, 0, "\" 1\" is not a whole number"},
        {"0x1", 0, 10, 0, "\"0x1\" is not a whole number"},
        {"1e1", 0, 10, 0, "\"1e1\" is not a whole number"},
        {"1.0", 0, 10, 0, "\"1.0\" is not a whole number"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text error = {0};
        int64_t value = 42;
        bool is_good = value_parse_int(rows[i].string, rows[i].min, rows[i].max, &value, &error);
        assert_int_equal(is_good, *rows[i].error == '\0');
        assert_true(value == (is_good ? rows[i].value : 42));
        expect_text(&error, rows[i].string, rows[i].error);
    }
}

static void test_modes(void **state) {
    (void)state;
    static const char *const bad[] = {"", "8", "0o600", "rw", "0600 ", "-1", "10000", "77777777777777777777777777"};
    TEXT_AUTO struct text error = {0};
    unsigned mode = 42;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(value_parse_mode(bad[i], &mode, &error));
        assert_int_equal(mode, 42);
    }
    assert_true(value_parse_mode("0600", &mode, &error) && mode == 0600);
    assert_true(value_parse_mode("660", &mode, &error) && mode == 0660);
    assert_true(value_parse_mode("7777", &mode, &error) && mode == 07777);
    assert_true(value_parse_mode("0", &mode, &error) && mode == 0);
}

static void test_long_values_are_cut_in_messages(void **state) {
    (void)state;
    struct text error = {0};
    bool value;
    assert_false(
        value_parse_bool("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghi\xc3\xa9z", &value, &error));
    expect_text(&error, "a long value",
                "\"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghi…\" is neither true nor false "
                "(true/false, yes/no, on/off, 1/0)");
}

/* Signals */

static void test_signals(void **state) {
    (void)state;
    const struct {
        const char *string;
        int number;
    } rows[] = {
        {"SIGTERM", SIGTERM},   {"TERM", SIGTERM},         {"sigterm", SIGTERM},      {"15", 15},
        {"1", SIGHUP},          {"SIGUSR2", SIGUSR2},      {"SIGIOT", SIGABRT},       {"POLL", SIGIO},
        {"CLD", SIGCHLD},       {"SIGRTMIN", SIGRTMIN},    {"RTMIN+3", SIGRTMIN + 3}, {"SIGRTMIN+0", SIGRTMIN},
        {"SIGRTMAX", SIGRTMAX}, {"rtmax-1", SIGRTMAX - 1}, {"SIGRTMIN+30", SIGRTMAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        TEXT_AUTO struct text error = {0};
        int number = 0;
        if (!value_parse_signal(rows[i].string, &number, &error))
            fail_msg("%s: %s", rows[i].string, text_get(&error));
        assert_int_equal(number, rows[i].number);
    }

    static const char *const refused[][2] = {
        {"SIGTREM", "\"SIGTREM\" is not a signal (did you mean SIGTERM?)"},
        {"USR3", "\"USR3\" is not a signal (did you mean SIGUSR1?)"},
        {"", "\"\" is not a signal"},
        {"SIG", "\"SIG\" is not a signal"},
        {"SIGNOTHING", "\"SIGNOTHING\" is not a signal"},
        {"SIGRTMIN-1", "\"SIGRTMIN-1\" is not a signal"},
        {"SIGRTMIN+", "\"SIGRTMIN+\" is not a signal"},
        {"SIGRTMIN+99", "\"SIGRTMIN+99\" is not a signal"},
        {"SIGRTMAX+1", "\"SIGRTMAX+1\" is not a signal"},
        {"SIGRTMIN+99999999999999999999", "\"SIGRTMIN+99999999999999999999\" is not a signal"},
        {"0", "\"0\" is out of range: 1 to 64"},
        {"65", "\"65\" is out of range: 1 to 64"},
        {"15x", "\"15x\" is not a whole number"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct text error = {0};
        int number = 42;
        if (value_parse_signal(refused[i][0], &number, &error))
            fail_msg("%s is taken", refused[i][0]);
        assert_int_equal(number, 42);
        expect_text(&error, refused[i][0], refused[i][1]);
    }
}

static void test_signal_names(void **state) {
    (void)state;
    assert_string_equal(value_signal_name(SIGKILL), "SIGKILL");
    assert_string_equal(value_signal_name(SIGABRT), "SIGABRT");
    assert_string_equal(value_signal_name(SIGRTMIN), "SIGRTMIN");
    assert_string_equal(value_signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
    assert_string_equal(value_signal_name(32), "signal 32");
    assert_string_equal(value_signal_name(0), "signal 0");
    assert_string_equal(value_signal_name(99), "signal 99");
    /* Names of two standard signals may stand in one sentence. */
    assert_ptr_not_equal(value_signal_name(SIGTERM), value_signal_name(SIGKILL));

    for (int number = 1; number <= SIGRTMAX; number++) {
        TEXT_AUTO struct text error = {0};
        int again = 0;
        const char *name = value_signal_name(number);
        if (strncmp(name, "signal ", 7) == 0)
            continue; /* the C library keeps those for itself */
        assert_true(value_parse_signal(name, &again, &error));
        assert_int_equal(number, again);
    }
}

/* Exit sets */

static bool has_code(const struct exit_set *set, unsigned code) {
    return set->codes[code / 32] >> (code % 32) & 1;
}

static void test_exit_sets(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"0", "0"},        {"0, 143, SIGTERM", "0, 143, SIGTERM"},     {"143 0\tterm\n", "0, 143, SIGTERM"},
        {"1,1,,1, ", "1"}, {"255,31,32,63,64", "31, 32, 63, 64, 255"}, {"SIGHUP SIGRTMIN+29", "SIGHUP, SIGRTMIN+29"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text text = {0};
        struct exit_set set;
        if (!value_parse_exit_set(rows[i][0], &set, &text))
            fail_msg("%s: %s", rows[i][0], text_get(&text));
        value_print_exit_set(&set, &text);
        expect_text(&text, rows[i][0], rows[i][1]);
    }
    struct exit_set set;
    TEXT_AUTO struct text error = {0};
    assert_true(value_parse_exit_set("3, SIGTERM", &set, &error));
    assert_true(has_code(&set, 3));
    assert_false(has_code(&set, 0)); /* only where it is named */
    assert_true(set.signals == UINT64_C(1) << SIGTERM);

    static const char *const refused[][2] = {
        {"", "no exit code or signal name is given"},
        {" , \n", "no exit code or signal name is given"},
        {"256", "\"256\" is out of range: 0 to 255"},
        {"-1", "\"-1\" is out of range: 0 to 255"},
        {"0-3", "\"0-3\" is not a whole number"},
        {"0, SIGTREM", "\"SIGTREM\" is not a signal (did you mean SIGTERM?)"},
        {"SIGRTMAX", "\"SIGRTMAX\" cannot be an expected end"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct text text = {0};
        memset(&set, 0, sizeof(set));
        set.signals = 42;
        if (value_parse_exit_set(refused[i][0], &set, &text))
            fail_msg("%s is taken", refused[i][0]);
        assert_true(set.signals == 42);
        expect_text(&text, refused[i][0], refused[i][1]);
    }
}

static void test_exit_set_round_trip(void **state) {
    (void)state;
    const uint64_t nameless = (UINT64_C(1) << 0) | (UINT64_C(1) << 32) | (UINT64_C(1) << 33);
    for (int i = 0; i < 2000; i++) {
        TEXT_AUTO struct text text = {0};
        TEXT_AUTO struct text error = {0};
        struct exit_set set = {.codes = {1}};
        struct exit_set again;
        for (size_t word = 0; word < COUNT(set.codes); word++)
            set.codes[word] |= (uint32_t)next_sparse();
        set.signals = next_sparse() & ~nameless;
        value_print_exit_set(&set, &text);
        if (!value_parse_exit_set(text_get(&text), &again, &error))
            fail_msg("%s: %s", text_get(&text), text_get(&error));
        assert_memory_equal(&set, &again, sizeof(set));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_refused_durations),
        cmocka_unit_test(test_duration_round_trip),
        cmocka_unit_test(test_elapsed),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_size_round_trip),
        cmocka_unit_test(test_bools),
        cmocka_unit_test(test_ints),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_long_values_are_cut_in_messages),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_signal_names),
        cmocka_unit_test(test_exit_sets),
        cmocka_unit_test(test_exit_set_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
