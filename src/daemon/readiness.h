/* Watching for the readiness condition of one start. The table in readiness.c has a row for each condition_kind. */
#ifndef UPKEEP_DAEMON_READINESS_H
#define UPKEEP_DAEMON_READINESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/env.h"
#include "core/manifest.h"
#include "core/notify_message.h"
#include "daemon/output.h"
#include "host/loop.h"
#include "host/proc.h"

struct readiness;

/* What comes back, from the loop, never from within a call. */
struct readiness_events {
    void (*ready)(void *context, const char *how); /* `port 14200 accepts connections` */
    void (*unfit)(void *context, const char *why); /* `port 14200 is held by pid 812 (uvicorn, user www)` */
    void (*main_pid)(void *context, pid_t pid);    /* MAINPID=, checked to be of the tree */
    /* What the app says of itself by sd_notify(3), READY=1 and MAINPID= included. */
    void (*said)(void *context, const struct notify_message *message);
};

struct trial_nest;

/* One per instance, kept over its starts. runtime_dir: where notify sockets live. nest: of the commands of exec:
 * conditions. runtime_dir, name, nest and events are borrowed. NULL when out of memory. */
struct readiness *readiness_new(struct loop *loop, const char *runtime_dir, const char *name, uint32_t tag,
                                struct trial_nest *nest, const struct readiness_events *events, void *context);
void readiness_free(struct readiness *readiness);

/* Before the pre_start commands of a start: refuses a port or unix socket that is already held, as readiness_prepare()
 * will do again. 0, or -errno with the sentence in error. */
int readiness_check(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                    struct text *error);

/* Before a start: refuses a port or unix socket that is already held (naming the holder), opens the descriptor that the
 * condition needs, and the notify socket where condition or watchdog need one; adds NOTIFY_SOCKET and WATCHDOG_USEC to
 * env and the descriptor to spec (of whose other fields the terms alone are looked at). config and root are needed
 * during the call only. 0, or -errno with the sentence in error. */
int readiness_prepare(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                      struct proc_spec *spec, struct text *error);

/* After the main process was spawned: watches until ready, unfit or readiness_stop(). The notify socket is read on
 * until the latter. envp: for exec: conditions; must live as long as the watching. */
void readiness_start(struct readiness *readiness, pid_t pid, char *const *envp, struct output *output);

/* The process is being taken down: ready and unfit come no more, but what the app says of itself still does (an app may
 * notify STOPPING=1 and STATUS= on its way out, and some would fall over a socket that is gone). */
void readiness_give_up(struct readiness *readiness);

/* The process is gone: ends the watching; the next start may follow. */
void readiness_stop(struct readiness *readiness);

/* The last answer of the probe (`connection refused on 127.0.0.1:14200`), or that it waits for one, or NULL. Borrowed
 * until the next probe. */
const char *readiness_last_answer(struct readiness *readiness);

#endif
