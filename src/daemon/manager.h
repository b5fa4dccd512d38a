/* What the service manager above us is told (sd_notify(3)). Without NOTIFY_SOCKET nothing happens and nothing is spent.
 *
 * - READY=1 once, when what ready_when asks for is true. When it never can come true (an app has failed for good), the
 *   start is ended as failed, because nobody would end it otherwise (docs/adr/0015).
 * - STATUS= whenever it would say something else; with it, while a start or stop keeps within the apps' own limits,
 *   EXTEND_TIMEOUT_USEC= (core/progress.h).
 * - STOPPING=1 before the first app is stopped; at a failing end ERRNO= and EXIT_STATUS=, and a STATUS= that names the
 *   app that failed.
 * - WATCHDOG=1 from a timer of the loop, at half of WATCHDOG_USEC: a loop that does not turn sends none.
 *
 * MAINPID= is never sent: the supervisor never changes its pid. */
#ifndef UPKEEP_DAEMON_MANAGER_H
#define UPKEEP_DAEMON_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/supervisor.h"

struct manager {
    struct supervisor_watch watch;
    struct loop_timer tick;        /* the status would say another time */
    struct loop_timer watchdog;    /* half of WATCHDOG_USEC has passed */
    struct supervisor *supervisor; /* NULL: nobody to tell */
    const char *owed;              /* READY=1 or STOPPING=1 that is still to be told; "": nothing */
    int64_t watchdog_ms;           /* between two WATCHDOG=1; 0: none are wanted */
    char *told;                    /* the last STATUS=; owned, NULL before the first */
    char *blame;                   /* what a failing end is put down to; owned, NULL for nothing */
    size_t blamed;                 /* the instance that it is about */
    int blame_errno;               /* what ERRNO= says of it; 0: nothing */
    bool is_ready;                 /* READY=1 was sent */
    bool is_stopping;              /* STOPPING=1 was sent */
    bool is_mute;                  /* telling has failed, and that was said */
};

/* Memory is the caller's and does not move. */
void manager_init(struct manager *manager, struct supervisor *supervisor);
void manager_fini(struct manager *manager);

/* Around what SIGHUP asks for: RELOADING=1 and READY=1. Nothing before READY=1 or after STOPPING=1, when the service
 * manager knows of no reload and a READY=1 would be a lie. */
void manager_reload_begins(struct manager *manager);
void manager_reload_ends(struct manager *manager);

/* The last words: everything has ended, the supervisor will exit with this code. */
void manager_end(struct manager *manager, int code);

/* The last words where no supervisor could be made: why, in one line. */
void manager_refuse(const char *why, int code);

#endif
