/* How far a start or a stop has come, for the service manager above: one line for people, how much longer what is under
 * way may take by the apps' own limits, and when the line will say something else. Pure: `now` comes in. */
#ifndef UPKEEP_CORE_PROGRESS_H
#define UPKEEP_CORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/lifecycle.h"
#include "core/manifest.h"
#include "core/text.h"

enum progress_stage {
    PROGRESS_STARTING, /* what ready_when asks for has not been true yet */
    PROGRESS_RUNNING,
    PROGRESS_STOPPING, /* everything is being stopped */
};

/* One instance. All borrowed. */
struct progress_app {
    const char *name;
    const char *why; /* the sentence for its phase */
    const struct lifecycle *life;
    bool is_wanted;
};

/* The sum over all instances; to be read. */
struct progress {
    enum progress_stage stage;
    struct mono now;
    size_t wanted;
    size_t up;                /* of those: ready, or done */
    size_t lost;              /* of those: failed or blocked, so that nothing will come of them by itself */
    size_t left;              /* with a process */
    struct progress_app most; /* the one most worth telling of; name is NULL when there is none */
    int64_t allowance_ms;     /* see progress_extension_ms() */
};

void progress_init(struct progress *progress, enum progress_stage stage, struct mono now);
void progress_add(struct progress *progress, const struct progress_app *app);

/* Appends `2/3 ready, backend starting (4s of 30s)`, `2/3 ready, backend failed: exited with code 3 after 1.2s`, or
 * `stopping, 2 left, backend (3s of 10s)`: one line of clean UTF-8. */
void progress_print(const struct progress *progress, struct text *out);

/* Appends a sentence as one line of clean UTF-8, cut to what fits into a status. */
void progress_print_reason(const char *reason, struct text *out);

/* For how long from now (ms) the service manager is to go on waiting; 0: for no longer than it would by itself.
 *
 * While starting, what counts is each app's first attempt: it may use up its own ready_timeout, and what the app asks
 * for with EXTEND_TIMEOUT_USEC (a oneshot without one has no limit). An app that has failed has had its time, so that a
 * start that never succeeds ends by the manager's limit. While stopping, what counts is each kill_timeout; what
 * outlives its SIGKILL is not waited for. At most half a minute is asked for at a time, so that a supervisor that hangs
 * is found. */
int64_t progress_extension_ms(const struct progress *progress);

/* When to look again though nothing has changed: the line tells the time, or the manager must be asked again.
 * MONO_NEVER: no need to. */
struct mono progress_next(const struct progress *progress);

/* Whether what ready_when asks for can still come true without somebody doing something about it. */
bool progress_can_be_ready(const struct progress *progress, enum ready_when when);

#endif
