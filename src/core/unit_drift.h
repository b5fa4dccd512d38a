/* Where an installed unit and the one that the manifest would get now have drifted apart; and whether a unit is of this
 * manifest at all. Pure. */
#ifndef UPKEEP_CORE_UNIT_DRIFT_H
#define UPKEEP_CORE_UNIT_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/text.h"

/* A file of the installed unit, borrowed. */
struct unit_source {
    const char *file; /* for messages */
    const char *bytes;
    size_t len;
};

/* wanted: as unit_print() makes it. sources: the unit file, then its drop-ins in the order in which systemd reads them.
 * Adds an error for each setting without which the stack would not be run as the manifest says, a warning for what
 * merely differs. Settings that only the installed unit has are its owner's business; so are longer times. */
void unit_drift(const char *wanted, const struct unit_source *sources, size_t source_count, struct diags *diags);

/* The same of a unit that somebody may have written by hand, which need not be as ours: only what does harm, as
 * warnings, and of ExecStart only that it stays in the foreground; lists (paths, capabilities) are left to it. */
void unit_harm(const char *wanted, const struct unit_source *sources, size_t source_count, struct diags *diags);

/* Whether such a unit runs this manifest (an absolute path): its ExecStart names it, or is an upkeep in its folder. */
bool unit_runs(const struct unit_source *sources, size_t source_count, const char *manifest);

/* Appends the user that it runs as; nothing for the service manager's own. */
void unit_print_user(const struct unit_source *sources, size_t source_count, struct text *out);

#endif
