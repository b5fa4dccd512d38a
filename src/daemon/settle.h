/* Waiting until what was asked of instances has come about, or will not. */
#ifndef UPKEEP_DAEMON_SETTLE_H
#define UPKEEP_DAEMON_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/supervisor.h"

/* What an instance is waited for to be. */
enum settle_goal {
    SETTLE_STARTED, /* ready or done; its first failure is the answer, even if another try follows */
    SETTLE_STOPPED,
    SETTLE_GONE, /* down and removed: its app is not in the manifest any more */
    SETTLE_UP,   /* ready or done, however many tries it takes; that one has failed for good is the answer for all */
};

struct settle;

/* Watches the marked instances from now on; to be made before the wish is made. settled is called once, from the loop:
 * there the settle may be freed. timeout_ms: negative for none. NULL when out of memory. */
struct settle *settle_new(struct supervisor *supervisor, enum settle_goal goal, const bool *set, int64_t timeout_ms,
                          void (*settled)(void *context), void *context);
void settle_free(struct settle *settle);

/* Waits for other instances, too, which have a goal of their own. To be called before the loop runs on. */
void settle_add(struct settle *settle, enum settle_goal goal, const bool *set);

/* The answer, once settled. */
bool settle_has_timed_out(const struct settle *settle);

/* Whether the app of an instance that was to come up was taken out of the manifest meanwhile. */
bool settle_has_lost(const struct settle *settle);

/* Marks the instances that are not as wanted, and those that they depend on whose failure is the reason. set:
 * supervisor_count() marks, all false. */
void settle_failures(const struct settle *settle, bool *set);

#endif
