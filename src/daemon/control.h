/* The control socket's server side: accepts, checks peers, keeps bounds and deadlines, and hands each call to its row
 * in the table of verbs.c. */
#ifndef UPKEEP_DAEMON_CONTROL_H
#define UPKEEP_DAEMON_CONTROL_H

#include "core/text.h"
#include "daemon/supervisor.h"

struct control;

/* Binds RUNTIME_DIR/control.sock (replacing a stale one: the caller holds the lock) with socket_mode and socket_group.
 * NULL with the sentence in error. */
struct control *control_new(struct supervisor *supervisor, struct text *error);

/* Sends what is queued (without waiting), closes all, removes the socket. */
void control_free(struct control *control);

#endif
