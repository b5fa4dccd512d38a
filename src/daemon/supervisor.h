/* The supervisor: app records, the only caller of the lifecycle, the place where its acts are carried out. Everything
 * that others want to know is published as a change; everything that they want done is one of the calls below.
 * Single-threaded; results never come from within a call but from the loop. */
#ifndef UPKEEP_DAEMON_SUPERVISOR_H
#define UPKEEP_DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/env_marks.h"
#include "core/lifecycle.h"
#include "core/manifest.h"
#include "daemon/health.h"
#include "daemon/history.h"
#include "daemon/output.h"
#include "host/loop.h"
#include "host/tag.h"

struct supervisor;

/* What can be seen of an instance; borrowed, valid until the loop runs on. */
struct instance_view {
    size_t index;
    const char *app;
    const char *name;
    unsigned instance; /* 1 … N */
    uint32_t tag;
    const struct lifecycle *life;
    const struct app_config *config; /* of the last start; before one, as the manifest has it; never NULL */
    pid_t pid;                       /* 0: no process */
    const char *why;                 /* the sentence for the present phase */
    const char *answer; /* why it is not ready yet, while its program starts (as readiness_last_answer()); or NULL */
    struct health_view health;
    const char *status;   /* what the app said with STATUS=, or NULL */
    bool is_reloading;    /* it said RELOADING=1, and has not said READY=1 since */
    int said_error;       /* what it said with ERRNO=; 0: nothing */
    const char *tail;     /* last lines that it wrote, or "" */
    const char *log_path; /* of stdout, or NULL */
    const char *err_path; /* of stderr when it is another file, or NULL */
    const struct history *history;
    const struct manifest_app *manifest_app;
    const struct env_marks *marks; /* of the environment of the last start */
    bool is_gone;                  /* its app is not in the manifest any more: it is being ended, and then is no more */
    int spawn_error;               /* errno of a spawn that failed in this start, 0: none */
    bool wanted;                   /* goal up or to be, nothing pending against it */
    bool pending;                  /* something was asked of it that its lifecycle has not been told yet */
};

#define SUPERVISOR_NEW SIZE_MAX

/* A change, as subscribers see it. */
struct supervisor_event {
    size_t index; /* of the instance */
    const struct change *change;
};

/* Somebody who is told of each change. Memory is the subscriber's; it may unsubscribe from within. */
struct supervisor_watch {
    void (*changed)(struct supervisor_watch *watch, const struct supervisor_event *event);
    /* May be NULL. After each round in which something happened or wishes were passed on, also when that changed
     * nothing: who waits for what was asked looks at `pending` here. */
    void (*round)(struct supervisor_watch *watch);
    /* May be NULL. Instances have come or gone: the one with index i now had from[i] before, or is new
     * (SUPERVISOR_NEW). Who keeps indices puts them right here. */
    void (*moved)(struct supervisor_watch *watch, const size_t *from, size_t count);
    struct supervisor_watch *next;
};

/* Takes over manifest (its content is moved). Tags are given out from tag_base on. NULL when out of memory. terminal_fd
 * as in output_hub_new. */
struct supervisor *supervisor_new(struct loop *loop, struct manifest *manifest, char *const *environment,
                                  uint32_t tag_base, int terminal_fd);
void supervisor_free(struct supervisor *supervisor);

/* To be called when a round of proc's ended() callbacks is over: proc_setup's `settled`. */
void supervisor_settled(struct supervisor *supervisor);

const struct manifest *supervisor_manifest(const struct supervisor *supervisor);
struct loop *supervisor_loop(const struct supervisor *supervisor);
struct output_hub *supervisor_output(const struct supervisor *supervisor);
/* All that are given out, and those that a supervisor with so many instances begins with. */
struct tag_range supervisor_tags(const struct supervisor *supervisor);
struct tag_range supervisor_first_tags(uint32_t tag_base, size_t instances);
struct mono supervisor_began(const struct supervisor *supervisor);

size_t supervisor_count(const struct supervisor *supervisor);
struct instance_view supervisor_view(const struct supervisor *supervisor, size_t index);

/* The instances that this one depends on, directly. Borrowed. */
const size_t *supervisor_dependencies(const struct supervisor *supervisor, size_t index, size_t *count_out);

/* The instances that a word on the command line means: an app's name (all its instances) or an instance's. Returns how
 * many were marked. */
size_t supervisor_select(const struct supervisor *supervisor, const char *word, bool *set);

/* Wishes. set: supervisor_count() marks. Starting an app starts what it depends on. Stops and restarts go in
 * stop_order. The outcome is seen in the changes. */
void supervisor_start(struct supervisor *supervisor, const bool *set, struct actor actor);
void supervisor_start_auto(struct supervisor *supervisor, struct actor actor);
void supervisor_stop(struct supervisor *supervisor, const bool *set, struct actor actor);
void supervisor_restart(struct supervisor *supervisor, const bool *set, struct actor actor);

/* What an app of a manifest is to do when that is taken. An instance whose app is not in it is stopped and removed. */
enum take {
    TAKE_LEAVE,   /* go on as it is; its live keys take effect */
    TAKE_START,   /* come up; one that is up is left as it is */
    TAKE_RESTART, /* end its process, and come up */
};

/* Puts another manifest in the place of the present one. configs and takes: by its apps; manifest and configs are
 * moved. Both manifests must agree in the keys that only a new supervisor can take. Ends go in stop_order; what is
 * started waits until the port that it needs is left, and what is new until all that is gone is down, as an app that
 * was renamed is both. False when out of memory: then nothing has changed, and nothing was moved. */
bool supervisor_take(struct supervisor *supervisor, struct manifest *manifest, struct app_config *configs,
                     const enum take *takes, struct actor actor);

/* Grows with every manifest that is taken. */
uint64_t supervisor_edition(const struct supervisor *supervisor);

/* The environment that apps inherit. */
const struct env *supervisor_inherited(const struct supervisor *supervisor);

/* Sends a signal to an instance's main process. 0 or -errno. */
int supervisor_signal(struct supervisor *supervisor, size_t index, int signal, struct actor actor);

/* A trial of one of an instance's conditions, and whom each of its tries is about; see instance_new_trial(). While its
 * health is held it is not looked at; holds are counted. */
struct trial *supervisor_new_trial(struct supervisor *supervisor, size_t index, const struct condition *condition,
                                   struct text *error);
struct trial_app supervisor_trial_app(struct supervisor *supervisor, size_t index, const struct condition *condition);
void supervisor_hold_health(struct supervisor *supervisor, size_t index, bool hold);

/* Stops everything in order, then breaks the loop. A second call kills at once. */
void supervisor_shutdown(struct supervisor *supervisor, struct actor actor);

/* Likewise, as a failure: the exit code is 1. Does nothing once a shutdown is under way. */
void supervisor_give_up(struct supervisor *supervisor);

/* `starting`, `ready`, `degraded` (something has failed), `stopping`. By ready_when. */
const char *supervisor_state(const struct supervisor *supervisor);

/* 0, or 1 when it gave up, or when exit_when_done ended it and something had failed. */
int supervisor_exit_code(const struct supervisor *supervisor);

void supervisor_watch(struct supervisor *supervisor, struct supervisor_watch *watch);
void supervisor_unwatch(struct supervisor *supervisor, struct supervisor_watch *watch);

/* Whether the dotenv files of an instance that runs give another environment now than the one that it was started with.
 * One system call a file, unless one is another than at the last look. */
bool supervisor_has_other_environment(struct supervisor *supervisor, size_t index);

/* Computes an app's environment as a start would now, for `env`: false with the reasons in diags. */
bool supervisor_environment(struct supervisor *supervisor, size_t index, struct env *env, struct diags *diags);

#endif
