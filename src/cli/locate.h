/* Which manifest a command is about. */
#ifndef UPKEEP_CLI_LOCATE_H
#define UPKEEP_CLI_LOCATE_H

#include "core/text.h"

/* The manifest's path: named (-f; NULL: not given), else UPKEEP_MANIFEST, else upkeep.ini in this folder or the nearest
 * parent. Relative where the user wrote it so; it need not exist when it was named. Heap, or NULL with the sentence in
 * error. */
char *locate_manifest(const char *named, struct text *error);

/* The path as one that is good from any folder: absolute, with no `.` or `..` at its start; a symbolic link
 * in it is left as it is.
 * Heap; NULL when out of memory. */
char *locate_absolute(const char *path);

#endif
