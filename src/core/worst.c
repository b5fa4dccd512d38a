#include "core/worst.h"

#include <stdlib.h>

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t sum(int64_t a, int64_t b) {
    return a > WORST_NO_LIMIT - b ? WORST_NO_LIMIT : a + b;
}

/* When each is down, dependants first. Returns when all are. */
static int64_t worst_downs(const struct plan_app *apps, const struct worst_time *times, size_t count, bool parallel,
                           const size_t *order, int64_t *down) {
    int64_t all = 0;
    for (size_t k = count; k-- > 0;) {
        size_t i = order[k];
        down[i] = sum(down[i], later(times[i].down_ms, 0));
        all = later(all, down[i]);
        for (size_t d = 0; d < apps[i].dep_count + apps[i].extra_count && !parallel; d++)
            down[apps[i].deps[d]] = later(down[apps[i].deps[d]], down[i]);
    }
    return all;
}

/* When all are up, dependencies first. up: zero at first. */
static int64_t worst_ups(const struct plan_app *apps, const struct worst_time *times, size_t count, int64_t all_down,
                         const size_t *order, const int64_t *down, int64_t *up) {
    int64_t all = all_down;
    for (size_t k = 0; k < count; k++) {
        size_t i = order[k];
        if (times[i].up_ms < 0)
            continue;
        up[i] = times[i].after_downs ? all_down : times[i].down_ms >= 0 ? down[i] : 0;
        for (size_t d = 0; d < apps[i].dep_count; d++)
            up[i] = later(up[i], up[apps[i].deps[d]]);
        up[i] = sum(up[i], times[i].up_ms);
        all = later(all, up[i]);
    }
    return all;
}

int64_t worst_ms(const struct plan_app *apps, const struct worst_time *times, size_t count, bool parallel) {
    struct plan_app *whole = calloc(count + 1, sizeof *whole);
    size_t *order = calloc(count + 1, sizeof *order);
    unsigned char *scratch = calloc(count + 1, 1);
    int64_t *moments = calloc(count + 1, 2 * sizeof *moments);
    int64_t worst = WORST_NO_LIMIT;
    if (whole && order && scratch && moments) {
        for (size_t i = 0; i < count; i++)
            whole[i] = (struct plan_app){.deps = apps[i].deps, .dep_count = apps[i].dep_count + apps[i].extra_count};
        if (plan_order(whole, count, order, scratch, NULL, NULL)) {
            int64_t all_down = worst_downs(apps, times, count, parallel, order, moments);
            worst = worst_ups(apps, times, count, all_down, order, moments, moments + count);
        }
    }
    free(whole);
    free(order);
    free(scratch);
    free(moments);
    return worst;
}
