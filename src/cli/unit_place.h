/* Where units are on this machine, and the service manager that reads them. */
#ifndef UPKEEP_CLI_UNIT_PLACE_H
#define UPKEEP_CLI_UNIT_PLACE_H

#include <stdbool.h>

#include "core/text.h"

/* The folder for units that are written by hand: /etc/systemd/system, or the user's own. False with the sentence. */
bool unit_place_folder(bool is_user, struct text *folder, struct text *error);

/* A unit of that name which comes with the system or another program: its path, heap, or NULL. Ours would hide it. */
char *unit_place_vendor(bool is_user, const char *name);

/* Runs systemctl (--user) VERB [ARGUMENT] (NULL: none) with its standard output thrown away, and waits. Its exit code,
 * or -errno. */
int unit_place_systemctl(bool is_user, char *verb, char *argument);

/* The same for `start UNIT`, without waiting for what comes of it. */
int unit_place_start(bool is_user, char *unit);

/* Whether a systemd runs here at all. */
bool unit_place_is_booted(void);

#endif
