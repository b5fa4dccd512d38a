/* Starting a supervisor in the background. The one place of the command line that forks. */
#ifndef UPKEEP_CLI_BACKGROUND_H
#define UPKEEP_CLI_BACKGROUND_H

#include "cli/session.h"

/* Starts `upkeep run` for the session's manifest in a session of its own, its output in RUNTIME_DIR/supervisor.log, and
 * waits until its control socket answers: the session is connected to it then. It has started no app yet. Where another
 * `upkeep start` was quicker, the session is connected to that one's supervisor. CODE_DONE, or the code for the exit
 * after having said why. */
int background_start(struct session *session);

#endif
