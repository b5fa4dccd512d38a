/* How a process is known to be ours, and whose: docs/adr/0001-tag-by-rlimit.md.
 *
 * The soft RLIMIT_LOCKS of every process that we start says it: the upper half is a number that this supervisor drew,
 * so that two supervisors on one machine do not take each other's processes for their own, the lower half is the tag of
 * the instance. A limit holds 64 bits only on 64-bit kernels. */
#ifndef UPKEEP_HOST_TAG_H
#define UPKEEP_HOST_TAG_H

#include <stdint.h>
#include <sys/resource.h>

/* Draws this supervisor's number, and raises the hard limit where it stands in the way. 0 or -errno. */
int tag_setup(void);

/* What a process with the tag has as its limit. */
struct rlimit tag_limit(uint32_t tag);

/* The tag that a soft limit stands for; 0 when it is not one of this supervisor's. */
uint32_t tag_of_limit(rlim_t soft);

#endif
