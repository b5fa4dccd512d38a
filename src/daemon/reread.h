/* Reading a supervisor's manifest anew, as it was read at first: the same file, profile and environment. */
#ifndef UPKEEP_DAEMON_REREAD_H
#define UPKEEP_DAEMON_REREAD_H

#include <stdbool.h>

#include "core/manifest.h"

/* The absolute path of the file, whatever folder we are in now. Heap; NULL when out of memory. */
char *reread_path(const struct manifest *manifest);

/* False with what is wrong in diags; *out is to be freed in any case. */
bool reread_manifest(const struct manifest *manifest, const struct env *environment, struct manifest *out,
                     struct diags *diags);

#endif
