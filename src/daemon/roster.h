/* All instances of a supervisor, as arrays that are made anew whole when one comes or goes. The records themselves do
 * not move. Internal to daemon/. */
#ifndef UPKEEP_DAEMON_ROSTER_H
#define UPKEEP_DAEMON_ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/plan.h"
#include "daemon/instance.h"

/* Zero-initialised is empty. The instances are not the roster's: whoever takes one out frees it. */
struct roster {
    struct instance **instances;
    struct plan_app *plan; /* the same apps, as core/plan sees them; phase, goal and wish are kept current */
    size_t *edges;         /* the memory of plan[].deps */
    size_t *from;          /* the index of each in the roster before */
    size_t *order;         /* scratch for looking for cycles */
    unsigned char *seen;   /* likewise */
    bool *marks;           /* scratch for sets */
    size_t count;
};

/* An empty one with room for count instances and so many dependencies. False when out of memory. */
bool roster_init(struct roster *roster, size_t count, size_t edges);
void roster_fini(struct roster *roster);

/* The instance of this name, or NULL. */
struct instance *roster_find(const struct roster *roster, const char *name);

/* How many dependencies roster_link() may need room for. */
size_t roster_edges(const struct roster *roster);

/* The dependencies of every app as indices. Where the old ones and the new ones go round in a circle, the new ones
 * alone say the order. */
void roster_link(struct roster *roster);

/* The first instance whose process has to go before this one is started, or NULL. */
const struct instance *roster_obstacle(const struct roster *roster, const struct instance *instance);

#endif
