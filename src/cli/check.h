/* What `upkeep check` looks for, for whoever needs it before going on. */
#ifndef UPKEEP_CLI_CHECK_H
#define UPKEEP_CLI_CHECK_H

#include "cli/session.h"

/* Adds to the session's findings all that there is for the apps that are named, and for the units that run the
 * manifest, which is without errors. CODE_DONE, or the code for the exit after having said why it could not look. */
int check_look(struct session *session);

#endif
