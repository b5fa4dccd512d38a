/* Ending processes that are not our children: what a supervisor that was killed has left behind. */
#ifndef UPKEEP_HOST_CLEAR_H
#define UPKEEP_HOST_CLEAR_H

#include <stddef.h>

#include "host/tag.h"

/* Ends every process with a tag in the range: SIGTERM, then, after timeout_ms, SIGKILL. Blocks for at most that long
 * and a little, on their pidfds. Returns how many there were. */
size_t clear_tags(struct tag_range tags, int timeout_ms);

#endif
