/* How a process is known to be an instance's: docs/adr/0001-tag-by-rlimit.md.
 *
 * The soft RLIMIT_LOCKS of every process that we start says it: the upper half is a mark that nobody sets by accident,
 * the lower half is the tag. A limit holds 64 bits only on 64-bit kernels. */
#ifndef UPKEEP_HOST_TAG_H
#define UPKEEP_HOST_TAG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

/* The tags of one supervisor's instances: base … base + count - 1. */
struct tag_range {
    uint32_t base;
    uint32_t count;
};

static inline bool tag_is_in(struct tag_range range, uint32_t tag) {
    return tag >= range.base && tag - range.base < range.count;
}

/* Raises the hard limit where it stands in the way. 0 or -errno. */
int tag_setup(void);

/* A base that no other supervisor of this machine is likely to have, and that leaves room below the top. */
uint32_t tag_draw_base(void);

/* What a process with the tag has as its limit. */
struct rlimit tag_limit(uint32_t tag);

/* The tag that a soft limit stands for; 0 when it stands for none. */
uint32_t tag_of_limit(rlim_t soft);

#endif
