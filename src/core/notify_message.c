#include "core/notify_message.h"

#include <limits.h>
#include <string.h>

/* A value is at most a datagram long and not NUL-terminated. */
typedef void notify_take(struct notify_message *out, const char *value, size_t len);

static bool is_one(const char *value, size_t len) {
    return len == 1 && value[0] == '1';
}

/* A whole decimal number up to max, or -1. */
static int64_t number(const char *value, size_t len, int64_t max) {
    if (len == 0)
        return -1;
    int64_t result = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -1;
        int digit = value[i] - '0';
        if (result > (max - digit) / 10)
            return -1;
        result = result * 10 + digit;
    }
    return result;
}

/* Sets *field when the value is a number up to max. */
static void take_number(int64_t *field, const char *value, size_t len) {
    int64_t parsed = number(value, len, INT64_MAX);
    if (parsed >= 0)
        *field = parsed;
}

static void take_ready(struct notify_message *out, const char *value, size_t len) {
    out->ready = is_one(value, len);
}

static void take_reloading(struct notify_message *out, const char *value, size_t len) {
    out->reloading = is_one(value, len);
}

static void take_stopping(struct notify_message *out, const char *value, size_t len) {
    out->stopping = is_one(value, len);
}

static void take_barrier(struct notify_message *out, const char *value, size_t len) {
    out->barrier = is_one(value, len);
}

static void take_watchdog(struct notify_message *out, const char *value, size_t len) {
    out->watchdog = is_one(value, len);
    out->watchdog_trigger = len == 7 && memcmp(value, "trigger", 7) == 0;
}

static void take_main_pid(struct notify_message *out, const char *value, size_t len) {
    int64_t pid = number(value, len, INT_MAX);
    if (pid > 0)
        out->main_pid = (pid_t)pid;
}

static void take_error(struct notify_message *out, const char *value, size_t len) {
    int64_t error = number(value, len, INT_MAX);
    if (error >= 0)
        out->error = (int)error;
}

static void take_monotonic(struct notify_message *out, const char *value, size_t len) {
    take_number(&out->monotonic_us, value, len);
}

static void take_watchdog_us(struct notify_message *out, const char *value, size_t len) {
    int64_t parsed = number(value, len, INT64_MAX);
    if (parsed < 0)
        return;
    out->has_watchdog_us = true;
    out->watchdog_us = parsed;
}

static void take_extend(struct notify_message *out, const char *value, size_t len) {
    take_number(&out->extend_us, value, len);
}

/* The length of the well-formed UTF-8 character (RFC 3629) at the start of bytes, 0 when there is none. */
static size_t character(const unsigned char *bytes, size_t len) {
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        unsigned char length;
    } forms[] = {
        {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].first_min || bytes[0] > forms[i].first_max)
            continue;
        size_t length = forms[i].length;
        if (length > len || (length > 1 && (bytes[1] < forms[i].second_min || bytes[1] > forms[i].second_max)))
            return 0;
        for (size_t k = 2; k < length; k++)
            if (bytes[k] < 0x80 || bytes[k] > 0xbf)
                return 0;
        return length;
    }
    return 0;
}

/* C1 control characters move a terminal's cursor as C0 ones do. */
static bool is_c1(const unsigned char *bytes, size_t length) {
    return length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}

static void take_status(struct notify_message *out, const char *value, size_t len) {
    size_t used = 0;
    for (size_t i = 0; i < len;) {
        const unsigned char *at = (const unsigned char *)value + i;
        size_t length = character(at, len - i);
        bool shown = length > 0 && !is_c1(at, length);
        size_t room = shown ? length : 1;
        if (used + room > LIMIT_STATUS)
            break;
        memcpy(out->status + used, shown ? (const char *)at : "?", room);
        used += room;
        i += length > 0 ? length : 1;
    }
    out->status[used] = '\0';
    out->has_status = true;
}

static const struct {
    const char *name;
    notify_take *take;
} assignments[] = {
    {"READY", take_ready},
    {"RELOADING", take_reloading},
    {"STOPPING", take_stopping},
    {"STATUS", take_status},
    {"MAINPID", take_main_pid},
    {"ERRNO", take_error},
    {"BARRIER", take_barrier},
    {"WATCHDOG", take_watchdog},
    {"WATCHDOG_USEC", take_watchdog_us},
    {"MONOTONIC_USEC", take_monotonic},
    {"EXTEND_TIMEOUT_USEC", take_extend},
};

static void take_line(struct notify_message *out, const char *line, size_t len) {
    const char *equals = memchr(line, '=', len);
    if (!equals)
        return;
    size_t name_len = (size_t)(equals - line);
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++) {
        if (strlen(assignments[i].name) == name_len && memcmp(line, assignments[i].name, name_len) == 0) {
            assignments[i].take(out, equals + 1, len - name_len - 1);
            return;
        }
    }
}

void notify_message_parse(const char *bytes, size_t len, struct notify_message *out) {
    *out = (struct notify_message){0};
    size_t end = strnlen(bytes, len);
    for (size_t at = 0; at < end;) {
        const char *newline = memchr(bytes + at, '\n', end - at);
        size_t line_len = newline ? (size_t)(newline - (bytes + at)) : end - at;
        take_line(out, bytes + at, line_len);
        at += line_len + 1;
    }
}
