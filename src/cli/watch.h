/* status --watch. */
#ifndef UPKEEP_CLI_WATCH_H
#define UPKEEP_CLI_WATCH_H

#include "cli/session.h"

/* Shows the table anew each second and at each change, until a signal or the supervisor's end, and leaves the terminal
 * as it was. The session is connected. Returns the exit code. */
int watch_status(struct session *session);

#endif
