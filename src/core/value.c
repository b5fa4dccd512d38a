#include "core/value.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/diag.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What was written, short enough for one line of a terminal. */
static void print_quoted(const char *string, struct text *out) {
    enum { SHOWN = 60 };
    size_t len = strlen(string);
    size_t shown = len > SHOWN ? SHOWN : len;
    while (shown < len && shown > 0 && ((unsigned char)string[shown] & 0xc0) == 0x80)
        shown--; /* not in the middle of a UTF-8 sequence */
    text_char(out, '"');
    text_append(out, string, shown);
    text_str(out, shown < len ? "…\"" : "\"");
}

static bool refuse(struct text *error, const char *string, const char *why) {
    print_quoted(string, error);
    text_printf(error, " %s", why);
    return false;
}

/* Reads the digits at *cursor and moves it behind them. False when the number does not fit. */
static bool read_number(const char **cursor, int64_t *out) {
    int64_t number = 0;
    for (; is_digit(**cursor); (*cursor)++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, **cursor - '0', &number))
            return false;
    *out = number;
    return true;
}

/* Durations */

struct unit {
    const char *name;
    int64_t size;
};

/* From the largest down: the order in which a duration is written. */
enum { UNIT_D, UNIT_H, UNIT_M, UNIT_S, UNIT_MS, DURATION_UNITS };
static const struct unit duration_units[DURATION_UNITS] = {[UNIT_D] = {"d", 86400000},
                                                           [UNIT_H] = {"h", 3600000},
                                                           [UNIT_M] = {"m", 60000},
                                                           [UNIT_S] = {"s", 1000},
                                                           [UNIT_MS] = {"ms", 1}};

static size_t find_duration_unit(const char *name, size_t len) {
    for (size_t i = 0; i < DURATION_UNITS; i++)
        if (strlen(duration_units[i].name) == len && memcmp(duration_units[i].name, name, len) == 0)
            return i;
    return DURATION_UNITS;
}

/* One reading of a bare number, with what it comes to where that is not the same text. */
static void print_reading(int64_t number, const struct unit *unit, struct text *out) {
    TEXT_AUTO struct text written = {0};
    TEXT_AUTO struct text plain = {0};
    text_printf(&written, "%" PRId64 "%s", number, unit->name);
    value_print_duration(number * unit->size, &plain);
    text_str(out, text_get(&written));
    if (strcmp(text_get(&written), text_get(&plain)) != 0)
        text_printf(out, " (%s)", text_get(&plain));
}

static bool refuse_bare_number(struct text *error, int64_t number) {
    text_printf(error, "%" PRId64 " needs a unit", number);
    if (number > VALUE_DURATION_MAX_MS / 1000) {
        text_str(error, " (ms, s, m, h or d)");
        return false;
    }
    text_str(error, ": ");
    print_reading(number, &duration_units[UNIT_MS], error);
    text_str(error, " or ");
    print_reading(number, &duration_units[UNIT_S], error);
    text_char(error, '?');
    return false;
}

static bool refuse_too_long(struct text *error, const char *string) {
    print_quoted(string, error);
    text_str(error, " is too long: at most ");
    value_print_duration(VALUE_DURATION_MAX_MS, error);
    return false;
}

bool value_parse_duration(const char *string, int64_t *ms_out, struct text *error) {
    int64_t total = 0;
    size_t next_unit = 0;
    const char *cursor = string;
    if (!is_digit(*cursor))
        return refuse(error, string, "is not a duration (250ms, 5s, 1m30s, 2h, 1d)");
    while (*cursor) {
        if (!is_digit(*cursor))
            return refuse(error, string, "is not a duration: whole numbers with units (250ms, 5s, 1m30s, 2h, 1d)");
        int64_t number;
        if (!read_number(&cursor, &number))
            return refuse_too_long(error, string);
        size_t unit_len = strcspn(cursor, "0123456789");
        if (unit_len == 0 && next_unit == 0) {
            if (number != 0)
                return refuse_bare_number(error, number);
            break; /* 0 has one reading */
        }
        size_t unit = find_duration_unit(cursor, unit_len);
        if (unit == DURATION_UNITS)
            return refuse(error, string,
                          unit_len == 0 ? "ends without a unit (ms, s, m, h or d)"
                                        : "is not a duration: the units are ms, s, m, h and d, on whole numbers");
        if (unit < next_unit)
            return refuse(error, string, "is not a duration: each unit once, from the largest to the smallest");
        next_unit = unit + 1;
        cursor += unit_len;
        int64_t ms;
        if (__builtin_mul_overflow(number, duration_units[unit].size, &ms) ||
            __builtin_add_overflow(total, ms, &total) || total > VALUE_DURATION_MAX_MS)
            return refuse_too_long(error, string);
    }
    *ms_out = total;
    return true;
}

void value_print_duration(int64_t ms, struct text *out) {
    if (ms == 0) {
        text_str(out, "0s");
        return;
    }
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (ms / duration_units[i].size > 0)
            text_printf(out, "%" PRId64 "%s", ms / duration_units[i].size, duration_units[i].name);
        ms %= duration_units[i].size;
    }
}

void value_print_elapsed(int64_t ms, struct text *out) {
    if (ms < 1000) {
        text_printf(out, "%" PRId64 "ms", ms > 0 ? ms : 0);
        return;
    }
    if (ms < 10000 && ms % 1000 >= 100) {
        text_printf(out, "%" PRId64 ".%" PRId64 "s", ms / 1000, ms % 1000 / 100);
        return;
    }
    size_t largest = 0;
    while (ms < duration_units[largest].size)
        largest++;
    const struct unit *unit = &duration_units[largest];
    text_printf(out, "%" PRId64 "%s", ms / unit->size, unit->name);
    int64_t rest = ms % unit->size / unit[1].size; /* the unit below: milliseconds are never printed here */
    if (unit->size > 1000 && rest > 0)
        text_printf(out, "%" PRId64 "%s", rest, unit[1].name);
}

/* Sizes */

static const struct unit size_units[] = {
    {"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
enum { SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]) };

bool value_parse_size(const char *string, int64_t *bytes_out, struct text *error) {
    static const char too_large[] = "is too large a size";
    const char *cursor = string;
    int64_t number;
    if (!is_digit(*cursor))
        return refuse(error, string, "is not a size (10M, 512K, 1G, or bytes)");
    if (!read_number(&cursor, &number))
        return refuse(error, string, too_large);
    for (size_t i = 0; i < SIZE_UNITS; i++) {
        if (strcasecmp(cursor, size_units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(number, size_units[i].size, &number))
            return refuse(error, string, too_large);
        *bytes_out = number;
        return true;
    }
    return refuse(error, string, "is not a size: a whole number with K, M, G or T, or bytes");
}

void value_print_size(int64_t bytes, struct text *out) {
    size_t unit = 0;
    while (unit + 1 < SIZE_UNITS && (bytes == 0 || bytes % size_units[unit].size != 0))
        unit++;
    text_printf(out, "%" PRId64 "%s", bytes / size_units[unit].size, size_units[unit].name);
}

/* Booleans, numbers, modes */

bool value_parse_bool(const char *string, bool *out, struct text *error) {
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        bool is_yes = strcasecmp(string, yes[i]) == 0;
        if (is_yes || strcasecmp(string, no[i]) == 0) {
            *out = is_yes;
            return true;
        }
    }
    return refuse(error, string, "is neither true nor false (true/false, yes/no, on/off, 1/0)");
}

bool value_parse_int(const char *string, int64_t min, int64_t max, int64_t *out, struct text *error) {
    bool is_negative = *string == '-';
    const char *cursor = string + is_negative;
    if (!is_digit(*cursor) || cursor[strspn(cursor, "0123456789")] != '\0')
        return refuse(error, string, "is not a whole number");
    int64_t number;
    bool fits = read_number(&cursor, &number);
    if (fits && is_negative)
        number = -number;
    if (!fits || number < min || number > max) {
        print_quoted(string, error);
        text_printf(error, " is out of range: %" PRId64 " to %" PRId64, min, max);
        return false;
    }
    *out = number;
    return true;
}

bool value_parse_mode(const char *string, unsigned *out, struct text *error) {
    size_t len = strlen(string);
    unsigned mode = 0;
    for (const char *c = string; *c >= '0' && *c <= '7' && mode <= 07777; c++, len--)
        mode = mode * 8 + (unsigned)(*c - '0');
    if (*string == '\0' || len > 0 || mode > 07777)
        return refuse(error, string, "is not an octal file mode (0600)");
    *out = mode;
    return true;
}

/* Signals */

struct signal_row {
    const char *name;
    int number;
};

#define ROW(name)                                                                                                      \
    { "SIG" #name, SIG##name }
static const struct signal_row signal_rows[] = {
    ROW(HUP),    ROW(INT),  ROW(QUIT), ROW(ILL),  ROW(TRAP), ROW(ABRT),   ROW(BUS),   ROW(FPE),  ROW(KILL), ROW(USR1),
    ROW(SEGV),   ROW(USR2), ROW(PIPE), ROW(ALRM), ROW(TERM), ROW(CHLD),   ROW(CONT),  ROW(STOP), ROW(TSTP), ROW(TTIN),
    ROW(TTOU),   ROW(URG),  ROW(XCPU), ROW(XFSZ), ROW(PROF), ROW(VTALRM), ROW(WINCH), ROW(IO),   ROW(PWR),  ROW(SYS),
#ifdef SIGSTKFLT
    ROW(STKFLT),
#endif
    ROW(IOT),    ROW(POLL), ROW(CLD), /* second names, behind the first ones: printing takes the first */
};
#undef ROW
enum { SIGNAL_ROWS = sizeof(signal_rows) / sizeof(signal_rows[0]) };

/* `RTMIN+3`, `RTMAX-1`, `RTMIN`. */
static bool parse_realtime_signal(const char *name, int *out) {
    int base = strncasecmp(name, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
    if (base == SIGRTMAX && strncasecmp(name, "RTMAX", 5) != 0)
        return false;
    name += 5;
    int64_t offset = 0;
    if (*name != '\0') {
        if (*name != (base == SIGRTMIN ? '+' : '-') || !is_digit(name[1]))
            return false;
        name++;
        if (!read_number(&name, &offset) || *name != '\0' || offset > SIGRTMAX - SIGRTMIN)
            return false;
    }
    *out = base == SIGRTMIN ? base + (int)offset : base - (int)offset;
    return true;
}

static const char *without_sig(const char *name) {
    return strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
}

static bool parse_signal_name(const char *string, int *out) {
    const char *name = without_sig(string);
    for (size_t i = 0; i < SIGNAL_ROWS; i++) {
        if (strcasecmp(name, without_sig(signal_rows[i].name)) == 0) {
            *out = signal_rows[i].number;
            return true;
        }
    }
    return parse_realtime_signal(name, out);
}

static bool refuse_signal(const char *string, struct text *error) {
    const char *names[SIGNAL_ROWS + 1] = {NULL};
    for (size_t i = 0; i < SIGNAL_ROWS; i++)
        names[i] = without_sig(signal_rows[i].name);
    const char *near = diag_nearest(without_sig(string), names);
    refuse(error, string, "is not a signal");
    if (near)
        text_printf(error, " (did you mean SIG%s?)", near);
    return false;
}

bool value_parse_signal(const char *string, int *out, struct text *error) {
    if (is_digit(*string)) {
        int64_t number;
        if (!value_parse_int(string, 1, SIGRTMAX, &number, error))
            return false;
        *out = (int)number;
        return true;
    }
    return parse_signal_name(string, out) || refuse_signal(string, error);
}

const char *value_signal_name(int signal) {
    static char buffer[32];
    for (size_t i = 0; i < SIGNAL_ROWS; i++)
        if (signal_rows[i].number == signal)
            return signal_rows[i].name;
    if (signal == SIGRTMIN)
        return "SIGRTMIN";
    if (signal > SIGRTMIN && signal <= SIGRTMAX)
        (void)snprintf(buffer, sizeof(buffer), "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        (void)snprintf(buffer, sizeof(buffer), "signal %d", signal);
    return buffer;
}

/* Exit sets */

static bool is_separator(char c) {
    return c == ',' || isspace((unsigned char)c);
}

static bool add_to_exit_set(const char *word, struct exit_set *set, struct text *error) {
    if (is_digit(*word) || *word == '-') {
        int64_t code;
        if (!value_parse_int(word, 0, 255, &code, error))
            return false;
        set->codes[code / 32] |= UINT32_C(1) << (code % 32);
        return true;
    }
    int signal;
    if (!parse_signal_name(word, &signal))
        return refuse_signal(word, error);
    if (signal > 63) /* the last real-time signal has no bit */
        return refuse(error, word, "cannot be an expected end");
    set->signals |= UINT64_C(1) << signal;
    return true;
}

bool value_parse_exit_set(const char *string, struct exit_set *out, struct text *error) {
    struct exit_set set = {0};
    struct text word = {0};
    bool is_good = true;
    bool is_empty = true;
    while (is_good && *string) {
        size_t len = 0;
        while (string[len] && !is_separator(string[len]))
            len++;
        if (len > 0) {
            text_clear(&word);
            text_append(&word, string, len);
            is_good = add_to_exit_set(text_get(&word), &set, error);
            is_empty = false;
        }
        string += len + (string[len] != '\0');
    }
    text_fini(&word);
    if (!is_good)
        return false;
    if (is_empty) {
        text_str(error, "no exit code or signal name is given");
        return false;
    }
    *out = set;
    return true;
}

void value_print_exit_set(const struct exit_set *set, struct text *out) {
    const char *separator = "";
    for (unsigned code = 0; code < 256; code++) {
        if (set->codes[code / 32] >> (code % 32) & 1) {
            text_printf(out, "%s%u", separator, code);
            separator = ", ";
        }
    }
    for (int signal = 1; signal < 64; signal++) {
        if (set->signals >> signal & 1) {
            text_printf(out, "%s%s", separator, value_signal_name(signal));
            separator = ", ";
        }
    }
}
