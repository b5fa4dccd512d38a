/* Readiness conditions as the manifest writes them: `notify`, `port`, `http://127.0.0.1:80/health`, `log:REGEX` …
 * One row of the table in condition.c a kind; how a kind is watched is the table in daemon/readiness.c. */
#ifndef UPKEEP_CORE_CONDITION_H
#define UPKEEP_CORE_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

enum condition_kind {
    CONDITION_DEFAULT, /* nothing was written: port if the app has one, else spawned (exit for a oneshot) */
    CONDITION_SPAWNED,
    CONDITION_NOTIFY,
    CONDITION_PORT,
    CONDITION_TCP,
    CONDITION_UNIX,
    CONDITION_HTTP,
    CONDITION_EXEC,
    CONDITION_LOG,
    CONDITION_FD,
    CONDITION_EXIT,
};

/* Strings are constants or point into `text`, which the condition owns. Zero-initialised is CONDITION_DEFAULT. */
struct condition {
    enum condition_kind kind;
    char *text;       /* the memory of the strings below */
    const char *host; /* tcp, http: a name or address, without brackets */
    const char *path; /* unix: socket path; http: request target; exec: command; log: regular expression */
    int number;       /* tcp, http: port; fd: descriptor */
    int status_min;   /* http: the answers that are a yes */
    int status_max;
};

/* False with the reason in `error`, worded to follow the key's name. *out is made new, not freed first. */
bool condition_parse(const char *string, struct condition *out, struct text *error);
void condition_fini(struct condition *condition);

/* Whether it can be asked at any time, and not only while the app starts: tcp:, unix:, http:// and exec:. */
bool condition_is_repeatable(const struct condition *condition);

/* As condition_parse takes it; nothing for CONDITION_DEFAULT. */
void condition_print(const struct condition *condition, struct text *out);

/* http: the same without the status that is expected. */
void condition_print_url(const struct condition *condition, struct text *out);

/* http: the status that is expected, as it is written (`426`, `4xx`); nothing when none was. */
void condition_print_expected(const struct condition *condition, struct text *out);

/* The kinds as they are written, for help and documentation: `{"tcp:HOST:PORT", "this TCP port …"}`. NULL past the last
 * index. */
struct condition_help {
    const char *syntax;
    const char *text;
};
const struct condition_help *condition_help(size_t index);

#endif
