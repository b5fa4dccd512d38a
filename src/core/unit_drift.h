/* Where an installed unit and the one that the manifest would get now have drifted apart. Pure. */
#ifndef UPKEEP_CORE_UNIT_DRIFT_H
#define UPKEEP_CORE_UNIT_DRIFT_H

#include <stddef.h>

#include "core/diag.h"

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

#endif
