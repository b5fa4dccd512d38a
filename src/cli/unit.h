/* Between the two commands that know units: `upkeep unit` and `upkeep check`. */
#ifndef UPKEEP_CLI_UNIT_H
#define UPKEEP_CLI_UNIT_H

#include "cli/session.h"

/* `upkeep check --unit`: adds where the installed unit and the manifest have drifted apart, and what will differ from
 * this shell. A unit that is not installed is an error. */
int unit_compare(struct session *session, struct diags *diags);

/* `upkeep check`: the units for systems (with --user: for this user) that run this manifest, whoever wrote them and
 * whatever they are called; adds what does harm, as warnings. The exit code, having said why. */
int unit_look(struct session *session, struct diags *diags);

#endif
