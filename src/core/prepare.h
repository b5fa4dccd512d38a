/* A run of `upkeep prepare` as data: whose turn it is, what has become of each app, and the words for it. Pure: whoever
 * runs the commands writes down what happens and at what time. */
#ifndef UPKEEP_CORE_PREPARE_H
#define UPKEEP_CORE_PREPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/manifest.h"
#include "core/mono.h"
#include "core/outcome.h"
#include "core/text.h"

enum prepare_state {
    PREPARE_WAITING,  /* for its turn */
    PREPARE_RUNNING,  /* one of its steps runs */
    PREPARE_CLEARING, /* its steps are over; what they left running is being ended */
    PREPARE_NOTHING,  /* it has no prepare lines, or was not asked for */
    PREPARE_SKIPPED,  /* by --if-needed */
    PREPARE_DONE,
    PREPARE_FAILED,
    PREPARE_STOPPED, /* before its end, or before its beginning: another failed, or somebody asked */
};

/* All strings are owned but for those that say otherwise. */
struct prepare_app {
    const char *name; /* borrowed from the manifest */
    bool is_wanted;   /* asked for */
    size_t *after;    /* indices of the apps that have to be prepared before it */
    size_t after_count;
    size_t group; /* apps of one number are the same work in the same place, and not done side by side */
    char **steps; /* as written: what ${…} stands for is not for everybody */
    size_t step_count;

    enum prepare_state state;
    enum prepare_state verdict; /* while it is clearing: what it will be */
    size_t step;                /* that runs, or was the last to run; from 0 */
    struct mono begun;          /* MONO_UNSET: not yet */
    struct mono step_begun;     /* likewise */
    struct mono ended;          /* likewise */
    char *why;                  /* it is prepared or skipped: `package-lock.json has changed`; NULL: it was asked for */
    int64_t good_run_ms;        /* PREPARE_SKIPPED: when its last good run was over, in wall time */

    /* PREPARE_FAILED. */
    char *cause;            /* `step 2 of 3, npm run build, exited with code 1 after 12s` */
    struct outcome outcome; /* of that step's process; OUTCOME_NONE when it could not be started */
    char *tail;             /* its last lines; NULL: it wrote none */
    char *log;              /* where all of them stand; NULL: nowhere */
};

struct prepare {
    struct prepare_app *apps; /* in the manifest's order */
    size_t count;
    size_t at_once; /* so many apps side by side, at most */
    int signal;     /* that asked to end, SIGALRM for a time limit; 0: none */
};

/* ---- asking for a run (local/prepare.c) ---- */

/* Who is shown what happens. Each may be NULL; all are called from within the run. */
struct prepare_show {
    void *context;
    /* A line that an app's command wrote, without its newline. app: index in prepare->apps. */
    void (*line)(void *context, const struct prepare *prepare, size_t app, const char *line, size_t len);
    /* What is to be known besides; no newline. */
    void (*note)(void *context, const struct prepare *prepare, size_t app, const char *text);
    /* The state of an app has changed. */
    void (*changed)(void *context, const struct prepare *prepare, size_t app);
    /* No more lines for now, and once a second: what was gathered and what shows the time is to be shown. */
    void (*show)(void *context, const struct prepare *prepare);
};

struct prepare_wish {
    char *const *apps; /* which; all when app_count is 0 */
    size_t app_count;
    bool if_needed;   /* only those whose inputs have changed */
    int64_t limit_ms; /* then it is ended, as by a signal; -1: no limit */
    struct prepare_show show;
};

/* ---- the data ---- */

/* False when out of memory. */
bool prepare_init(struct prepare *prepare, size_t count);
void prepare_fini(struct prepare *prepare);

/* The run that preparing these apps (all for a count of 0) of a manifest takes. Names are borrowed from the manifest.
 * False when out of memory. */
bool prepare_plan(struct prepare *prepare, const struct manifest *manifest, char *const *apps, size_t app_count);

/* No more is begun: one has failed, or somebody asked. */
bool prepare_is_ending(const struct prepare *prepare);

/* The first app that may be begun now; PREPARE_NOBODY: none. An app goes after those that it depends on; apps that do
 * not depend on each other go side by side. What has nothing to do is begun like the others, to be passed on. */
#define PREPARE_NOBODY SIZE_MAX
size_t prepare_next(const struct prepare *prepare);

/* Nothing runs, and nothing is going to. */
bool prepare_is_over(const struct prepare *prepare);

/* `failed` counts those that did, and so on. */
size_t prepare_count(const struct prepare *prepare, enum prepare_state state);

/* The failed app that was the first to fail, NULL: none has failed. */
const struct prepare_app *prepare_failure(const struct prepare *prepare);

/* `1 of 4 done, 15s: backend step 2 of 3 (12s), web step 1 of 2 (3s)`: one line without a newline. Nothing when nothing
 * is under way. */
void prepare_print_progress(const struct prepare *prepare, struct mono now, struct text *out);

/* `backend: prepared in 12s (package-lock.json has changed)`: what has become of an app, without a newline. Nothing for
 * one that has nothing to do, or is not done. */
void prepare_print_app(const struct prepare_app *app, struct text *out);

/* `step 2 of 3, npm run build`: the step that the app is at. */
void prepare_print_step(const struct prepare_app *app, struct text *out);

#endif
