/* Memory and processor time of the instances' trees, from one look at all of them. */
#ifndef UPKEEP_DAEMON_USAGE_H
#define UPKEEP_DAEMON_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mono.h"
#include "host/tree.h"

/* What one look saw. */
struct usage_look {
    struct tree_usage *list; /* of every process, sorted by tag */
    size_t count;
    size_t cap;
    struct mono at;
};

/* Zero-initialised is empty. Earlier looks are kept, so that processor time can be told over the time since. */
struct usage {
    struct usage_look now;
    struct usage_look recent;
    struct usage_look earlier;
    struct mono rest_until; /* before then there is no other look */
};

/* Looks anew at the processes of these tags, unless the last look is younger than ten times what it cost: who asks
 * without a pause takes no more than a tenth of our time with it. False when nothing could be seen. */
bool usage_look(struct usage *usage, struct tag_range tags, struct mono now);
void usage_fini(struct usage *usage);

/* The processes with the tag as the last look saw them: borrowed until the next. */
const struct tree_usage *usage_tree(const struct usage *usage, uint32_t tag, size_t *count_out);

/* Resident memory of the tree in bytes; -1 when no process of it was seen. */
int64_t usage_memory(const struct usage *usage, uint32_t tag);

/* Tenths of a percent of one processor, over the time since the look before (of at least a second ago: less says
 * little) or since the tree began; -1 when no process of it was seen. */
int64_t usage_cpu_tenths(const struct usage *usage, uint32_t tag, struct mono began);

#endif
