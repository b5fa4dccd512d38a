/* The inside of trial.c: what a kind of trial is made of, for trial.c and the trial_*.c files alone. */
#ifndef UPKEEP_DAEMON_TRIAL_INSIDE_H
#define UPKEEP_DAEMON_TRIAL_INSIDE_H

#include <stddef.h>

#include "daemon/trial.h"

/* What trial_new() was given. */
struct trial_making {
    const struct condition *condition;
    const char *root;
    const struct app_config *config;
    const struct env *env;
};

struct trial_kind {
    size_t bytes; /* of the kind's own struct, which begins with a struct trial */

    /* Into zeroed memory. False with a sentence in error; then fini() is called. */
    bool (*init)(struct trial *trial, const struct trial_making *making, struct text *error);
    void (*fini)(struct trial *trial);

    void (*begin)(struct trial *trial);  /* ends with trial_end(), now or later */
    void (*cancel)(struct trial *trial); /* also when nothing is under way */

    void (*print_yes)(const struct trial *trial, struct text *out);
    void (*print_no)(const struct trial *trial, struct text *out);

    /* Where somebody listens; NULL for a kind that connects nowhere. */
    int (*check_place)(const struct trial *trial, const struct owner_tree *tree, struct text *error);
    bool (*local_port)(const struct trial *trial, int *port_out, bool *any_address_out);
};

struct trial {
    const struct trial_kind *kind;
    struct loop *loop;
    struct trial_app app; /* of the last try */
    int64_t limit_ms;
    trial_ended *ended;
    void *context;
    bool is_under_way;
    struct text stranger;
};

extern const struct trial_kind trial_port;
extern const struct trial_kind trial_tcp;
extern const struct trial_kind trial_unix;
extern const struct trial_kind trial_http;
extern const struct trial_kind trial_exec;

/* Reports; nothing may be touched after. */
void trial_end(struct trial *trial, enum trial_verdict verdict);

#endif
