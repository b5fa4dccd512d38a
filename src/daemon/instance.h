/* One instance: its record, and the carrying out of the lifecycle's acts on it. Decides nothing; what comes of an act
 * is posted to the supervisor. Internal to daemon/. */
#ifndef UPKEEP_DAEMON_INSTANCE_H
#define UPKEEP_DAEMON_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/env.h"
#include "core/env_marks.h"
#include "core/lifecycle.h"
#include "core/manifest.h"
#include "core/plan.h"
#include "daemon/health.h"
#include "daemon/history.h"
#include "daemon/launch.h"
#include "daemon/output.h"
#include "daemon/readiness.h"
#include "daemon/sockets.h"
#include "daemon/trial.h"
#include "host/loop.h"
#include "host/proc.h"

struct instance;

/* What all instances share. Owned by the supervisor. */
struct instance_context {
    struct loop *loop;
    struct output_hub *hub;
    struct sockets *sockets;
    struct launch_context launch;
    struct env env; /* of whichever start is being made; an instance whose trials need theirs keeps one of its own */
    /* Queues an event for the instance's lifecycle; each kind is pending at most once. */
    void (*post)(struct instance *instance, enum lifecycle_event_kind kind);
};

/* What the app's present process says of itself by sd_notify(3). */
struct instance_said {
    char *status;        /* STATUS=; owned */
    bool is_reloading;   /* RELOADING=1, and no READY=1 since */
    int error;           /* ERRNO=; 0: none */
    int64_t watchdog_ms; /* WATCHDOG_USEC=, which goes with a posted ALIVE; -1: the manifest's */
    int64_t extend_ms;   /* EXTEND_TIMEOUT_USEC=, which goes with a posted EXTEND */
};

struct instance {
    struct instance_context *context;
    size_t index;
    const struct manifest_app *app;
    char *name; /* the app's; owned, as manifests come and go */
    uint32_t tag;
    struct trial_nest nest;      /* of the commands that look whether it is ready, or well */
    struct app_config config;    /* of the last start; what could not be resolved has its default */
    struct list next_depends_on; /* of the next start, where a manifest that was taken since says so */
    bool has_next;
    bool is_gone;         /* its app is not in the manifest any more: it is removed once it is down */
    bool is_leaving;      /* a manifest was taken that ends its process, which is not down yet */
    bool awaits_gone;     /* its next start is after the end of all that are gone */
    int64_t awaited_port; /* … and of all that are leaving this port; 0: none */
    struct lifecycle_rules rules;
    struct lifecycle life;
    struct loop_timer timer; /* for life.deadline */
    struct proc main;        /* or a pre_start command */
    struct proc successor;   /* who took over as main process, by MAINPID= */
    struct proc helper;      /* stop_command */
    struct proc_terms terms; /* of all that is run for the last start */
    struct launch launch;    /* of main */
    struct env_marks marks;  /* of the environment of the last start */
    struct seen seen;        /* the dotenv files that it was read from */
    bool has_other_env;      /* these say something else since, as of the last look */
    struct env own_env;      /* of the present process, kept where a trial needs it */
    struct output *output;
    struct readiness *readiness;
    struct health *health;
    struct history history;
    struct actor actor; /* who asked last */
    bool is_named;      /* the start that is posted named this app */
    pid_t last_pid;     /* of the last main or pre_start process */
    int spawn_error;    /* errno of a spawn of this start that failed, 0 for none */
    char *detail;       /* what the outside adds to the next change's why; owned */
    struct instance_said said;
    char *why; /* sentence of the present phase, made when asked for; owned */
    struct outcome main_outcome, helper_outcome;
    bool tree_left;   /* goes with a posted EXITED or HELPER_ENDED */
    bool is_settling; /* the end is known, the rest of the tree not looked at yet */
    uint32_t posted;  /* bit by event kind; what was taken back leaves none of an instance that is_posted */
    bool is_posted;   /* it is in the list of those that have posted */
    struct instance *next_posted;
};

/* How many tags an instance has, beginning with its own: the commands of exec: conditions have another. */
enum { INSTANCE_TAGS = 2 };

/* Zero-initialised memory that does not move. 0 or -errno. */
int instance_init(struct instance *instance, struct instance_context *context, size_t index,
                  const struct manifest_app *app, uint32_t tag, const char *runtime_dir, struct mono now);
void instance_fini(struct instance *instance);

/* Likewise, of one on the heap. NULL: nothing. */
void instance_free(struct instance *instance);

/* Reads the dotenv files and the settings as a start would, into config and rules: what is wrong keeps its default.
 * False with the first mistake in error. */
bool instance_configure(struct instance *instance, struct text *error);

/* From now on the instance is of this app, in a manifest that was taken. config is moved: it is the present one, or,
 * when is_next, that of the next start, of which only the dependencies are kept: it reads the settings anew. */
void instance_take(struct instance *instance, const struct manifest_app *app, struct app_config *config, bool is_next);

/* Names of the apps that its next start depends on. */
const struct list *instance_dependencies(const struct instance *instance);

/* Whether a process that ended so has succeeded, by success_exit_codes. */
bool instance_is_success(const struct instance *instance, struct outcome outcome);

/* Nothing of the instance runs, and nothing will before somebody asks for it: whoever connects is to be refused. */
void instance_close_sockets(struct instance *instance);

/* Carries an act out. */
void instance_act(struct instance *instance, enum act act);

/* Signals the main process. 0 or -errno. */
int instance_signal(const struct instance *instance, int signal);

/* The pid of the main process, or of the pre_start command that runs; 0 for none. */
pid_t instance_pid(const struct instance *instance);

/* Replaces the detail that the next change carries. Takes over `detail`, heap or NULL. */
void instance_set_detail(struct instance *instance, char *detail);

/* ---- instance_trial.c: what it is asked ---- */

/* The instance has become ready, or its health is to be looked at by other rules: watches it. */
void instance_watch_health(struct instance *instance);

/* A trial of one of its conditions, as of now: NULL with the reason in error. And whom it is about: to be asked anew
 * for each try. Whose socket answers counts where the app itself listens, by `port` or `ready`: a condition may also
 * be about what stands before or behind it. */
struct trial *instance_new_trial(struct instance *instance, const struct condition *condition, struct text *error);
struct trial_app instance_trial_app(struct instance *instance, const struct condition *condition);

/* Whether a trial of one of its conditions needs the environment of its present process. */
bool instance_needs_env(const struct app_config *config);

/* What its health is given: the context is the instance. */
extern const struct health_events instance_health_events;

#endif
