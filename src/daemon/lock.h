/* That there is never a second supervisor on a manifest. The lock files of a runtime dir: `lock`, held for as long as a
 * supervisor runs, and `prepare.lock`, held by a `prepare` or `deploy`. Who holds one has written its pid there, which
 * anybody may read. */
#ifndef UPKEEP_DAEMON_LOCK_H
#define UPKEEP_DAEMON_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/manifest.h"

#define LOCK_SUPERVISOR "lock"
#define LOCK_PREPARE "prepare.lock"

/* Makes the runtime dir where it is missing. 0, or -errno with a sentence in error. A root that is missing is refused,
 * not made: it is a mistake in the manifest, or a disk that is not mounted. */
int lock_make_place(const struct manifest *manifest, struct text *error);

/* Takes a lock of this name in the place, or does not: it is not waited for, only, for 100 ms at most, for the name of
 * who holds it. Writes our pid there and then words, which may be "".
 * The descriptor, which holds it until it is closed; -EWOULDBLOCK when somebody else does, without a sentence; else
 * -errno with one in error. */
int lock_take(const char *runtime_dir, const char *name, const char *words, struct text *error);

/* Ties this process to the manifest under its profile, wherever its runtime dir is now: whoever edits runtime_dir while
 * a supervisor runs would not find that one by its lock. The descriptor, which holds it; -EWOULDBLOCK when another
 * supervisor of ours or root's does, with its pid (0: not known); else -errno. */
int lock_manifest(const struct manifest *manifest, pid_t *holder_out);

/* The pid in a lock file, or 0. Whoever wrote it may be gone, where the lock is not held. words: what it wrote behind,
 * if that is wanted; else NULL. */
pid_t lock_holder(const char *runtime_dir, const char *name, struct text *words);

#endif
