/* Running the prepare lines and showing it: for `prepare`, and as a step of `deploy`. */
#ifndef UPKEEP_CLI_PREPARE_H
#define UPKEEP_CLI_PREPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/session.h"
#include "core/prepare.h"

/* How it is shown. */
struct prepare_manner {
    bool if_needed;
    int64_t limit_ms; /* -1: none */
    bool is_quiet;    /* nothing goes to standard output, and standard error has the failure alone: for --json */
};

/* Prepares the apps (all for a count of 0), with the lock held, and shows lines, progress and what became of each app;
 * the card of a failure goes to standard error. CODE_DONE, or the code for the exit after having said why. *out: what
 * became of each app, to be freed in any case. */
int prepare_apps(const struct session *session, char *const *apps, size_t app_count, struct prepare_manner manner,
                 struct prepare *out);

/* What became of each app that had something to do, as a JSON array. NULL when out of memory. */
json_t *prepare_json(const struct prepare *prepare);

#endif
