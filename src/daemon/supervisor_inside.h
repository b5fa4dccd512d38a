/* The inside of the supervisor, for supervisor.c and the supervisor_*.c files alone. */
#ifndef UPKEEP_DAEMON_SUPERVISOR_INSIDE_H
#define UPKEEP_DAEMON_SUPERVISOR_INSIDE_H

#include "daemon/instance.h"
#include "daemon/roster.h"
#include "daemon/supervisor.h"
#include "host/tree.h"

/* How many instances are served before the loop looks at descriptors and timers again. */
enum { SUPERVISOR_BATCH = 32 };

/* A manifest that another has replaced. What is gone still refers to it. */
struct supervisor_past {
    struct manifest manifest;
    struct supervisor_past *next;
};

struct supervisor {
    struct instance_context context; /* first: an instance's context is its supervisor */
    struct manifest manifest;
    struct supervisor_past *past; /* the latest first. The first manifest of all is kept to the end: its strings, which
                                   * no later one may change, are lent to others */
    const char *runtime_dir;      /* in the first manifest */
    struct env inherited;
    struct roster roster;
    struct instance *posted;
    struct instance **posted_end;
    struct loop_post dispatch;
    struct tree_tags orphans;
    struct supervisor_watch *watches;
    uint32_t tag_base;
    uint32_t next_tag;
    uint64_t changes;
    uint64_t edition;
    uint32_t random;
    struct mono began;
    bool has_begun;
    bool is_shutting_down;
    int exit_code;
};

/* ---- supervisor.c ---- */

/* Queues an event for an instance's lifecycle: instance_context's `post`. */
void supervisor_post(struct instance *instance, enum lifecycle_event_kind kind);

/* Has the dispatch run, which also passes on the wishes whose turn has come. */
void supervisor_wake(struct supervisor *sv);

/* Asks for starts, of what the named ones depend on too. is_explicit: somebody named them. */
void supervisor_want(struct supervisor *sv, const bool *named, bool is_explicit, struct actor actor);

/* One that is in no roster yet: its index is SUPERVISOR_NEW. NULL when out of memory. */
struct instance *supervisor_new_instance(struct supervisor *sv, const struct manifest_app *app);

/* Puts the roster in the place of the present one: what is in both keeps what is known of it. */
void supervisor_enroll(struct supervisor *sv, struct roster *roster);

/* ---- supervisor_take.c: another manifest ---- */

/* Frees the instances that are gone and down. From the dispatch, when nobody is in the middle of anything. */
void supervisor_remove_gone(struct supervisor *sv);

/* Frees past manifests but for the first. */
void supervisor_forget_past(struct supervisor *sv);

/* ---- supervisor_view.c: being looked at ---- */

/* Whether an app is down for good, or is held up by one that is. */
bool supervisor_has_failed(const struct supervisor *sv);

#endif
