#include "core/unit_time.h"

#include "core/value.h"

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* A sum of durations stays one: nobody waits for longer. */
static int64_t add(int64_t a, int64_t b) {
    return a > VALUE_DURATION_MAX_MS - b ? VALUE_DURATION_MAX_MS : a + b;
}

void unit_time_app(const struct app_config *config, struct unit_app *app) {
    app->stop_ms = config->kill_timeout_ms;
    app->start_ms = config->ready_timeout_ms;
    for (size_t i = 0; i < config->pre_start.count; i++)
        app->start_ms = add(app->start_ms, config->ready_timeout_ms);
}

static int64_t own(const struct unit_app *app, bool is_start) {
    if (!is_start)
        return app->stop_ms;
    return app->is_awaited ? app->start_ms : 0;
}

/* Every app's end is its own time after the last end of what it depends on. Stops run through the same chains from the
 * other side, and are as long. Without a cycle nothing changes any more after count rounds, mostly much sooner. */
static int64_t longest_chain(const struct unit_app *apps, size_t count, bool is_start, int64_t *ends) {
    for (size_t i = 0; i < count; i++)
        ends[i] = own(&apps[i], is_start);
    bool is_settled = false;
    for (size_t round = 0; round < count && !is_settled; round++) {
        is_settled = true;
        for (size_t i = 0; i < count; i++) {
            int64_t before = 0;
            for (size_t d = 0; d < apps[i].dep_count; d++)
                before = most(before, ends[apps[i].deps[d]]);
            int64_t end = add(before, own(&apps[i], is_start));
            is_settled = is_settled && end == ends[i];
            ends[i] = end;
        }
    }
    int64_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = most(longest, ends[i]);
    return longest;
}

static int64_t longest_one(const struct unit_app *apps, size_t count) {
    int64_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = most(longest, apps[i].stop_ms);
    return longest;
}

struct unit_times unit_time(const struct unit_app *apps, size_t count, enum ready_when ready_when,
                            enum stop_order stop_order, int64_t *scratch) {
    struct unit_times times = {0};
    if (ready_when != READY_WHEN_STARTED)
        times.start_ms = longest_chain(apps, count, true, scratch);
    times.stop_ms = stop_order == STOP_PARALLEL ? longest_one(apps, count) : longest_chain(apps, count, false, scratch);
    return times;
}
