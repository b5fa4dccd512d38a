/* Between the two commands that know units: `upkeep unit` and `upkeep check`. */
#ifndef UPKEEP_CLI_UNIT_H
#define UPKEEP_CLI_UNIT_H

#include <stdbool.h>

#include "cli/session.h"
#include "core/text.h"

/* `upkeep check --unit`: adds where the installed unit and the manifest have drifted apart, and what will differ from
 * this shell. A unit that is not installed is an error. */
int unit_compare(struct session *session, struct diags *diags);

/* `upkeep check`: the units for systems (with --user: for this user) that run this manifest, whoever wrote them and
 * whatever they are called; adds what does harm, as warnings. The exit code, having said why. */
int unit_look(struct session *session, struct diags *diags);

/* A unit that is installed. Zero-initialised is none. */
struct unit_found {
    struct text name; /* `shop.service`; "": there is none */
    struct text user; /* that it runs as; "": whose service manager it is */
    bool is_of_user;  /* for systemctl --user */
};

/* The unit that is to run this manifest, the machine's before the user's own. False when there is none, or no systemd
 * runs here. */
bool unit_find(const struct session *session, struct unit_found *found);
void unit_found_fini(struct unit_found *found);

#endif
