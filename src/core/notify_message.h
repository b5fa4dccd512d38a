/* One sd_notify(3) datagram: newline-separated NAME=VALUE assignments, understood as systemd understands them. Pure. */
#ifndef UPKEEP_CORE_NOTIFY_MESSAGE_H
#define UPKEEP_CORE_NOTIFY_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/limits.h"

/* What one message says; what it does not mention is false, 0 or "". */
struct notify_message {
    bool ready;            /* READY=1 */
    bool reloading;        /* RELOADING=1 */
    bool stopping;         /* STOPPING=1 */
    bool barrier;          /* BARRIER=1: the sender waits until the descriptor that came along is closed */
    bool watchdog;         /* WATCHDOG=1 */
    bool watchdog_trigger; /* WATCHDOG=trigger: the app asks to be treated as hung */
    bool has_status;       /* STATUS= came, perhaps empty */
    pid_t main_pid;        /* MAINPID=; 0: none, or not a process id */
    int error;             /* ERRNO= */
    int64_t monotonic_us;  /* MONOTONIC_USEC=, beside RELOADING=1 */
    bool has_watchdog_us;  /* WATCHDOG_USEC= came, perhaps 0 (no watchdog any more) */
    int64_t watchdog_us;
    int64_t extend_us;             /* EXTEND_TIMEOUT_USEC= */
    char status[LIMIT_STATUS + 1]; /* valid UTF-8 on one line: what would not be is `?`; cut between characters */
};

/* Reads len bytes (any bytes). Never fails: a name that is unknown, a line that is no assignment and a value that makes
 * no sense say nothing, as newer libraries may speak to an older supervisor. Of a name that comes twice the last
 * counts. Text after a NUL is not looked at (as systemd does). */
void notify_message_parse(const char *bytes, size_t len, struct notify_message *out);

#endif
