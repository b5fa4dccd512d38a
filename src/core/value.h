/* Typed values of the manifest, both ways: every parser has a printer, and what is printed parses to the same value.
 * A parser returns false and appends to `error` what is wrong, worded to follow the key's name ("kill_timeout: ...").
 */
#ifndef UPKEEP_CORE_VALUE_H
#define UPKEEP_CORE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"

/* A hundred years: sums of a few durations, in whatever unit, never overflow. */
#define VALUE_DURATION_MAX_MS (INT64_C(36500) * 24 * 60 * 60 * 1000)

/* `250ms`, `1m30s`, `2h`, `1d`: each unit at most once, from the largest down. A bare number other than 0 is refused
 * with both readings spelled out. */
bool value_parse_duration(const char *string, int64_t *ms_out, struct text *error);
void value_print_duration(int64_t ms, struct text *out);

/* A duration for people: `850ms`, `1.2s`, `3m12s`, `2h5m`, `4d3h`. Not for parsing. */
void value_print_elapsed(int64_t ms, struct text *out);

/* Bytes, or `10M`, `512K`, `1G`, `2T`, in either case: powers of 1024. */
bool value_parse_size(const char *string, int64_t *bytes_out, struct text *error);
void value_print_size(int64_t bytes, struct text *out);

/* true/false, yes/no, on/off, 1/0, in any case. */
bool value_parse_bool(const char *string, bool *out, struct text *error);

/* A whole decimal number from min to max. */
bool value_parse_int(const char *string, int64_t min, int64_t max, int64_t *out, struct text *error);

/* An octal file mode, `0600`. */
bool value_parse_mode(const char *string, unsigned *out, struct text *error);

/* `SIGTERM`, `TERM`, `SIGRTMIN+3`, `SIGRTMAX-1`, in any case, or a number. */
bool value_parse_signal(const char *string, int *out, struct text *error);

/* `SIGTERM`, `SIGRTMIN+3`, or `signal N` for a number without a name. A static string for every signal but
 * the real-time and nameless ones, whose text is valid until the next call. */
const char *value_signal_name(int signal);

/* A number that may be left to somebody else, where 0 says something of its own. */
struct optional {
    bool is_given;
    int64_t number;
};

/* What `unlimited` is as a size: it stays so in an rlim_t. */
enum { VALUE_UNLIMITED = -1 };

/* What a process is to have from its start on, where that is not what upkeep itself has. Zero-initialised is nothing.
 */
struct spawn_attributes {
    struct optional umask;
    struct optional nice;
    struct optional oom_score_adj;
    struct optional limit_nofile; /* or VALUE_UNLIMITED */
    struct optional limit_core;   /* bytes, or VALUE_UNLIMITED */
    bool no_new_privileges;
};

/* The ends of a process that count as success. */
struct exit_set {
    uint32_t codes[8]; /* bit n: exit code n */
    uint64_t signals;  /* bit n: death by signal n (1 … 63) */
};

/* `0, 143, SIGTERM`: separated by commas, blanks or lines. 0 is a success only where it is named. */
bool value_parse_exit_set(const char *string, struct exit_set *out, struct text *error);
void value_print_exit_set(const struct exit_set *set, struct text *out);

#endif
