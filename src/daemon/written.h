/* What is written in the manifest now, against what the supervisor has read. */
#ifndef UPKEEP_DAEMON_WRITTEN_H
#define UPKEEP_DAEMON_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/manifest.h"

struct written;

/* Remembers the file as it is now, which is as it was read. manifest and environment (of [upkeep]) are borrowed. NULL
 * when out of memory. */
struct written *written_new(const struct manifest *manifest, const struct env *environment);
void written_free(struct written *written);

/* The manifest holds something else now. */
void written_forget(struct written *written);

/* Looks whether the file is another one than last time, and if so reads it. One system call otherwise. */
void written_look(struct written *written);

/* As of the last look. Whether the file means something else than what was read, or cannot be read any more; and
 * whether that concerns this app. What means the same (a comment, a new order of keys) is no change. */
bool written_has_changed(const struct written *written);
bool written_is_stale(const struct written *written, const struct manifest_app *app);

/* The absolute path of the file. */
const char *written_path(const struct written *written);

#endif
