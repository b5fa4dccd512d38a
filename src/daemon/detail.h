/* What a change's cause says besides, which only the outside knows: who is waited for, what a probe heard, what the app
 * said. The sentences around it are core/why's. Internal to daemon/. */
#ifndef UPKEEP_DAEMON_DETAIL_H
#define UPKEEP_DAEMON_DETAIL_H

#include "daemon/roster.h"

/* The detail of a change with this cause, which is about to be published: the one that was set on the instance, which
 * is taken from it, or else what can be told now. Heap; NULL: none, or out of memory. */
char *detail_take(const struct roster *roster, struct instance *instance, enum cause cause);

/* The app that holds an instance up: a dependency that is not up (or, with CAUSE_DEPENDENCY_FAILED, has failed), or one
 * whose process has to go first. Borrowed; NULL: none. */
const char *detail_dependency(const struct roster *roster, const struct instance *instance, enum cause cause);

#endif
