/* One try at a condition that can be asked at any time: port, tcp:, unix:, http:// and exec:. Readiness tries until it
 * is met, health for as long as the app is ready, verify until it is met or was missed too often. Each kind is a file
 * trial_*.c. */
#ifndef UPKEEP_DAEMON_TRIAL_H
#define UPKEEP_DAEMON_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/condition.h"
#include "core/env.h"
#include "core/manifest.h"
#include "core/text.h"
#include "daemon/owner.h"
#include "host/loop.h"
#include "host/proc.h"

enum trial_verdict {
    TRIAL_YES,
    TRIAL_REFUSED,  /* nobody is there */
    TRIAL_NO,       /* somebody is, and the answer is no */
    TRIAL_STRANGER, /* somebody answered who is not of the app, where that counts */
};

/* The commands of exec: conditions that run for one instance. They have a tag of their own, so that whatever they leave
 * behind, however it detached, is found and ended without touching the app. */
struct trial_nest {
    uint32_t tag;
    const struct proc_terms *terms; /* of the instance; NULL: none */
    unsigned running;
};

/* Whom a try is about. All borrowed until the try is over. */
struct trial_app {
    struct owner_tree tree;  /* whose sockets are the app's */
    bool any_owner;          /* it does not matter whose socket answers */
    char *const *envp;       /* exec: */
    struct trial_nest *nest; /* exec: */
};

struct trial;

/* A try is over. May come from within trial_begin(); the trial must not be freed in it. */
typedef void trial_ended(struct trial *trial, enum trial_verdict verdict, void *context);

/* condition: a copy of what is needed of it is kept, as of the others. root, config (cwd, port) and env (HOME, PATH):
 * what its paths mean. NULL with the reason in error: `cannot find curl, …`. */
struct trial *trial_new(struct loop *loop, const struct condition *condition, const char *root,
                        const struct app_config *config, const struct env *env, struct text *error);

/* Ends a try that is under way, as trial_cancel() does. */
void trial_free(struct trial *trial);

/* Refuses a place that a stranger holds already, before a start: 0, or -errno with `port 80 is held by pid 812 (…)` in
 * error. */
int trial_check_place(const struct trial *trial, const struct owner_tree *tree, struct text *error);

/* One try, which ends within limit_ms. To be called when none is under way. */
void trial_begin(struct trial *trial, const struct trial_app *app, int64_t limit_ms, trial_ended *ended, void *context);

/* Gives up the try under way, if any: nothing is reported, and everything that a command has started is ended. */
void trial_cancel(struct trial *trial);

bool trial_is_under_way(const struct trial *trial);

/* What a try came to, in the words for its verdict: how it was met (`port 14200 accepts connections`), who answered
 * (`port 14200 is held by pid 812 (uvicorn, user www)`), or as trial_print_no(). */
void trial_print_verdict(const struct trial *trial, enum trial_verdict verdict, struct text *out);

/* The last answer that was a no (`connection refused on 127.0.0.1:80`), or what the try that is under way waits for
 * where that says more. Nothing when there is none. */
void trial_print_no(const struct trial *trial, struct text *out);

/* The TCP port on this machine that it is about. False when it is about none. *any_address_out: wherever the app
 * listens on it. */
bool trial_local_port(const struct trial *trial, int *port_out, bool *any_address_out);

#endif
