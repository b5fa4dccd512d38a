/* Any string as each kind of value and as a condition: what is taken is printed and taken again as the same. */
#include "core/condition.h"
#include "core/value.h"
#include "fuzz.h"

static void check_duration(const char *string, struct text *out, struct text *error) {
    int64_t ms;
    int64_t again;
    if (!value_parse_duration(string, &ms, error))
        return;
    PROMISE(ms >= 0 && ms <= VALUE_DURATION_MAX_MS);
    value_print_duration(ms, out);
    PROMISE(value_parse_duration(text_get(out), &again, error) && again == ms);
}

static void check_size(const char *string, struct text *out, struct text *error) {
    int64_t bytes;
    int64_t again;
    if (!value_parse_size(string, &bytes, error))
        return;
    PROMISE(bytes >= 0);
    value_print_size(bytes, out);
    PROMISE(value_parse_size(text_get(out), &again, error) && again == bytes);
}

static void check_exit_set(const char *string, struct text *out, struct text *error) {
    struct exit_set set;
    struct exit_set again;
    if (!value_parse_exit_set(string, &set, error))
        return;
    value_print_exit_set(&set, out);
    PROMISE(value_parse_exit_set(text_get(out), &again, error) && memcmp(&set, &again, sizeof(set)) == 0);
}

static void check_signal(const char *string, struct text *out, struct text *error) {
    int number;
    (void)out;
    if (value_parse_signal(string, &number, error))
        PROMISE(number >= 1 && number <= 64 && value_signal_name(number));
}

static void check_simple(const char *string, struct text *out, struct text *error) {
    bool is_true;
    unsigned mode;
    int64_t number;
    (void)out;
    (void)value_parse_bool(string, &is_true, error);
    if (value_parse_mode(string, &mode, error))
        PROMISE(mode <= 07777);
    if (value_parse_int(string, -5, 70000, &number, error))
        PROMISE(number >= -5 && number <= 70000);
}

static void check_condition(const char *string, struct text *out, struct text *error) {
    struct condition condition;
    struct condition again;
    TEXT_AUTO struct text printed = {0};
    if (!condition_parse(string, &condition, error))
        return;
    condition_print(&condition, out);
    PROMISE(condition_parse(text_get(out), &again, error));
    PROMISE(again.kind == condition.kind && again.number == condition.number);
    condition_print(&again, &printed);
    PROMISE(strcmp(text_get(out), text_get(&printed)) == 0);
    condition_fini(&again);
    condition_fini(&condition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const checks[])(const char *, struct text *, struct text *) = {
        check_duration, check_size, check_exit_set, check_signal, check_simple, check_condition};
    /* The C library's regcomp is not ours to fuzz, and its repetitions ({1,255}{1,255}) take memory without end. */
    if (size >= 4 && memcmp(data, "log:", 4) == 0 && memchr(data, '{', size))
        return 0;
    char *string = fuzz_string(data, size);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        TEXT_AUTO struct text out = {0};
        TEXT_AUTO struct text error = {0};
        checks[i](string, &out, &error);
    }
    free(string);
    return 0;
}
