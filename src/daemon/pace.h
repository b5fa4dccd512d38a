/* How often to try again. Tries come quickly at first, since most programs are ready soon and a late answer delays all
 * that depend on them, then ever more rarely; and the more is tried at the same time, the rarer each, so that all of
 * upkeep's trying together stays under a quarter of one core. */
#ifndef UPKEEP_DAEMON_PACE_H
#define UPKEEP_DAEMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mono.h"
#include "host/loop.h"

/* Memory is the caller's, zero-initialised; must not move while active. */
struct pace {
    struct loop *loop;
    struct loop_timer timer;
    struct mono began;
    int64_t cost_us;
    bool active;
    void (*due)(struct pace *pace);
};

/* cost_us: what a try costs, roughly, in processor time. due: called for the first try and then once after each
 * pace_next(). */
void pace_start(struct pace *pace, struct loop *loop, int64_t cost_us, void (*due)(struct pace *));

/* After a try that did not succeed: the next one, not before floor_ms. */
void pace_next(struct pace *pace, int64_t floor_ms);

/* Does nothing when it is not active. */
void pace_stop(struct pace *pace);

/* The interval after elapsed_ms, when all that tries costs total_cost_us a round. Pure. */
int64_t pace_interval_ms(int64_t elapsed_ms, int64_t total_cost_us);

#endif
