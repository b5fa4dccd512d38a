/* Finding the files that patterns name. */
#ifndef UPKEEP_HOST_WALK_H
#define UPKEEP_HOST_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/glob.h"
#include "core/text.h"

/* name: as the pattern has it, relative to the folder unless the pattern is absolute; path: absolute, or relative to
 * where the folder is. 0 to go on; anything else ends the walk. */
typedef int walk_visit(void *context, const char *name, const char *path);

/* Calls visit for every file (no folder) that the pattern names, in no order. A folder that matches stands for all that
 * is below it. Of symbolic links to folders only those that the pattern names without a star are followed; what any of
 * the excluded patterns matches is left out, with all that is below it. *count_out: how many names matched, folders and
 * excluded ones too. 0, what visit returned, or -errno with a sentence in error (`cannot read src/x: Permission
 * denied`). */
int walk(const char *folder, const struct glob *pattern, const struct glob *excluded, size_t excluded_count,
         walk_visit *visit, void *context, size_t *count_out, struct text *error);

#endif
