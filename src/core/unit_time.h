/* How long the start and the stop of a whole stack may take by its own limits. Pure. */
#ifndef UPKEEP_CORE_UNIT_TIME_H
#define UPKEEP_CORE_UNIT_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/manifest.h"

/* One app, as far as it takes time. */
struct unit_app {
    const size_t *deps; /* indices of the apps it depends on */
    size_t dep_count;
    bool is_awaited;  /* it starts with the stack: by itself, or because one that does depends on it */
    int64_t start_ms; /* at most until it is ready or has failed to be; 0 where it has no limit */
    int64_t stop_ms;  /* at most until nothing is left of it */
};

struct unit_times {
    int64_t start_ms;
    int64_t stop_ms;
};

/* The limits of one app: each pre_start may take as long as the start itself. A start without a limit counts as
 * nothing: the supervisor asks the service manager for more time as long as it lasts, and a limit remains for the
 * others. */
void unit_time_app(const struct app_config *config, struct unit_app *app);

/* The longest chain of apps that wait for each other, by their limits. scratch holds count elements. The dependencies
 * must have no cycle. */
struct unit_times unit_time(const struct unit_app *apps, size_t count, enum ready_when ready_when,
                            enum stop_order stop_order, int64_t *scratch);

#endif
