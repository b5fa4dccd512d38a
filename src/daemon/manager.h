/* What the service manager above us is told (sd_notify(3)): readiness by ready_when, a status line, the stop. Without
 * NOTIFY_SOCKET nothing happens. */
#ifndef UPKEEP_DAEMON_MANAGER_H
#define UPKEEP_DAEMON_MANAGER_H

#include <stdbool.h>

#include "daemon/supervisor.h"

struct manager {
    struct supervisor_watch watch;
    struct loop_post post; /* a status is sent once for all changes of a round */
    struct supervisor *supervisor;
    bool is_ready;
    bool is_stopping;
};

/* Memory is the caller's. */
void manager_init(struct manager *manager, struct supervisor *supervisor);
void manager_fini(struct manager *manager);

#endif
