/* What a supervisor that was killed has left behind. While one runs, RUNTIME_DIR/state says by which tags its processes
 * are known; the next one to hold the lock ends them before it starts anything. It says too whose runtime dir it is,
 * for two manifests may have the same: `manifest=` and its absolute path, the third line (read by cli/session too). */
#ifndef UPKEEP_DAEMON_LEFTOVER_H
#define UPKEEP_DAEMON_LEFTOVER_H

#include <stdbool.h>

#include "host/tag.h"

/* Ends what the state file tells of, and says so. whom: who was killed (`an earlier supervisor`). Blocks for some
 * seconds, where processes do not end when asked. To be called with the lock. */
void leftover_end(const char *runtime_dir, const char *whom);

/* Reads the state file. False when there is none, or it is of an earlier boot, or not ours to understand. */
bool leftover_read(const char *runtime_dir, struct tag_range *tags_out);

/* Writes the state file. manifest: any path of it. 0 or -errno. */
int leftover_write(const char *runtime_dir, const struct tag_range *tags, const char *manifest);

/* The manifest of the supervisor that has the runtime dir, on the heap, when that is another than this one; else
 * NULL. */
char *leftover_stranger(const char *runtime_dir, const char *manifest);
void leftover_remove(const char *runtime_dir);

#endif
