/* The changes of all instances as lines for whoever watches the supervisor's own output. */
#ifndef UPKEEP_DAEMON_ANNOUNCE_H
#define UPKEEP_DAEMON_ANNOUNCE_H

#include "daemon/supervisor.h"

struct announce {
    struct supervisor_watch watch;
    struct supervisor *supervisor;
};

/* Memory is the caller's; it must outlive the supervisor's changes. */
void announce_init(struct announce *announce, struct supervisor *supervisor);

/* The failure card of an instance in its present state, as `run`, the journal and every command show it. Appends
 * nothing when the last change was no failure. */
void announce_card(const struct supervisor *supervisor, const struct instance_view *view, struct text *out);

#endif
