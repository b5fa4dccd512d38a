/* Everything that an instance has started, found by its tag (see proc.h). */
#ifndef UPKEEP_HOST_TREE_H
#define UPKEEP_HOST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/tag.h"

/* Opens what has to be open when descriptors are short. Called by proc_setup(). 0 or -errno. */
int tree_setup(void);

void tree_release(void);

/* A set of tags. Zero-initialised is empty; memory is kept. */
struct tree_tags {
    uint32_t *list;
    size_t count;
    size_t cap;
};

/* The tags of those of our children that are not running procs: orphans. A tree whose main process is gone has members
 * exactly when one of them is our child, because the topmost survivors come to us. One read of /proc/…/children,
 * however many instances there are. 0 or -errno (the set is then not to be trusted). */
int tree_orphans(struct tree_tags *tags);
bool tree_tags_has(const struct tree_tags *tags, uint32_t tag);
void tree_tags_fini(struct tree_tags *tags);

/* Sends a signal (then SIGCONT, unless it is SIGKILL) to every process with the tag but `except` (0: none); each
 * through a pidfd whose tag was checked after opening. With SIGKILL it looks again until a pass finds nobody new. Needs
 * no memory, and no free descriptor. Returns how many were reached by the pass that reached most (zombies do not
 * count), or -errno when nothing could be looked at. *refused_out (may be NULL): the pid of one that we may not signal,
 * or 0. */
int tree_signal(uint32_t tag, int signal, pid_t except, pid_t *refused_out);

/* Calls visit for each process with the tag, zombies too. visit may call none of these but tree_tag_of(). 0 or
 * -errno. */
int tree_visit(uint32_t tag, void (*visit)(void *context, pid_t pid), void *context);

/* The tag of a process, 0 when it has none or cannot be looked at. */
uint32_t tree_tag_of(pid_t pid);

/* Memory and processor time of every process with a tag in the range, in one pass over /proc: `add` is called for each.
 * 0 or -errno. */
struct tree_usage {
    uint32_t tag;
    pid_t pid;
    int64_t memory_bytes; /* resident */
    int64_t cpu_ms;       /* user and system, its own */
};
int tree_usage(struct tag_range range, void (*add)(void *context, const struct tree_usage *usage), void *context);

#endif
