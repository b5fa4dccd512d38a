/* How long a plan may take at the worst. Pure, but for scratch memory. */
#ifndef UPKEEP_CORE_WORST_H
#define UPKEEP_CORE_WORST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plan.h"

/* How long an app may take to go down and to come up. */
struct worst_time {
    int64_t down_ms;  /* -1: it is not taken down */
    int64_t up_ms;    /* -1: it is not started; WORST_NO_LIMIT: as long as it likes */
    bool after_downs; /* it starts when all that is taken down is down */
};
#define WORST_NO_LIMIT INT64_MAX

/* The longest time until all that is taken down is down and all that is started is up, when each takes all of its time:
 * that of the longest chain. WORST_NO_LIMIT where one has none, and when out of memory. The apps have no cycle, extra
 * dependencies included. */
int64_t worst_ms(const struct plan_app *apps, const struct worst_time *times, size_t count, bool parallel);

#endif
