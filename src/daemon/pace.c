#include "daemon/pace.h"

#include <stddef.h>

/* The intervals over time. A millisecond is what the loop's timers resolve; it is kept for the first second, in which
 * "ready" is wanted within 3 ms of listen(). */
static const struct {
    int64_t until_ms;
    int64_t interval_ms;
} steps[] = {{1000, 1}, {2000, 10}, {5000, 25}, {10000, 50}, {30000, 100}, {INT64_MAX, 250}};

/* A quarter of one core: for each microsecond of trying, four of time. */
enum { SHARE = 4 };

/* What one try of everything that is active costs. */
static int64_t total_cost_us;

int64_t pace_interval_ms(int64_t elapsed_ms, int64_t total_us) {
    size_t i = 0;
    while (elapsed_ms >= steps[i].until_ms)
        i++;
    int64_t least = total_us * SHARE / 1000;
    return steps[i].interval_ms > least ? steps[i].interval_ms : least;
}

static void on_due(struct loop_timer *timer) {
    struct pace *pace = LOOP_CONTAINER(timer, struct pace, timer);
    pace->due(pace);
}

void pace_next(struct pace *pace, int64_t floor_ms) {
    struct mono now = loop_now(pace->loop);
    int64_t interval = pace_interval_ms(mono_ms_between(pace->began, now), total_cost_us);
    loop_timer_at(pace->loop, &pace->timer, mono_add_ms(now, interval > floor_ms ? interval : floor_ms), on_due);
}

void pace_start(struct pace *pace, struct loop *loop, int64_t cost_us, void (*due)(struct pace *)) {
    *pace = (struct pace){.loop = loop, .began = loop_now(loop), .cost_us = cost_us, .active = true, .due = due};
    total_cost_us += cost_us;
    pace_next(pace, 0);
}

void pace_stop(struct pace *pace) {
    if (!pace->active)
        return;
    loop_timer_stop(pace->loop, &pace->timer);
    total_cost_us -= pace->cost_us;
    pace->active = false;
}
