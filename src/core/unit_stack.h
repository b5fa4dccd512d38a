/* What of a unit follows from the manifest alone. Pure. */
#ifndef UPKEEP_CORE_UNIT_STACK_H
#define UPKEEP_CORE_UNIT_STACK_H

#include <stdbool.h>

#include "core/manifest.h"
#include "core/unit.h"

/* Fills in all but identity, user, program and manifest. configs: one an app, as resolved. Borrows from the manifest.
 * False when out of memory. */
bool unit_stack(const struct manifest *manifest, const struct app_config *configs, struct unit_spec *spec);

#endif
