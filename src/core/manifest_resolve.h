/* One app's settings made typed, and the rules between its keys. Within core: manifest_parse judges with it what does
 * not hang on the environment, manifest_resolve the rest. */
#ifndef UPKEEP_CORE_MANIFEST_RESOLVE_H
#define UPKEEP_CORE_MANIFEST_RESOLVE_H

#include <stdbool.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"

/* An app as written, with profile and defaults applied. Everything is borrowed. */
struct manifest_subject {
    const char *file;
    const char *name;
    unsigned line;                  /* of its section */
    const struct setting *settings; /* by row of manifest_app_keys */
    const struct env *env;          /* for ${…}; NULL: values that hold one are left open, and so are their rules */
    struct diags *diags;
};

/* Fills config, which must be empty and is to be freed in any case. False when there was a mistake. */
bool manifest_resolve_subject(const struct manifest_subject *subject, struct app_config *config);

#endif
