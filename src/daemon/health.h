/* Whether a ready instance is still well: its health condition is tried now and then, one try at a time, each counted
 * from the end of the one before. */
#ifndef UPKEEP_DAEMON_HEALTH_H
#define UPKEEP_DAEMON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mono.h"
#include "daemon/trial.h"

struct health;

struct health_rules {
    int64_t interval_ms; /* from one answer to the next try */
    int64_t timeout_ms;  /* of one try */
    int64_t retries;     /* as many misses in a row are too many */
};

/* What comes back, from the loop, never from within a call. */
struct health_events {
    struct trial *(*make)(void *context, struct text *error); /* before the first try; NULL with the reason is a miss */
    struct trial_app (*whom)(void *context);                  /* before each try */
    void (*turned)(void *context); /* a first miss that is not one too many, and the first pass after misses */
    void (*unhealthy)(void *context,
                      const char *why); /* `unhealthy 3 times in a row: …`; after that nothing is tried */
};

/* What is known of the present process. */
struct health_view {
    bool is_watched; /* it has a health condition, and is ready */
    bool is_known;   /* it has answered */
    bool is_healthy; /* the last answer was a pass */
    int64_t misses;  /* in a row */
    int64_t retries;
    const char *answer; /* borrowed until the next try */
    struct mono answered;
};

/* One per instance, kept over its starts. events is borrowed. NULL when out of memory. */
struct health *health_new(struct loop *loop, const struct health_events *events, void *context);
void health_free(struct health *health);

/* The instance is ready, or the manifest says something else: from now on this is tried, the first time an interval
 * from now. condition: as it is written. */
void health_start(struct health *health, const char *condition, const struct health_rules *rules);

/* Other rules for what is watched; the next try is due as they say. */
void health_set_rules(struct health *health, const struct health_rules *rules);

/* Whether this is what is watched. */
bool health_is_of(const struct health *health, const char *condition);

/* The instance is not ready any more: what is known is forgotten. */
void health_stop(struct health *health);

/* While the app reloads, and while somebody else asks, nothing is tried; a try under way is given up. Afterwards the
 * next is due an interval later. hold and release are counted, and outlast health_stop(). */
void health_set_reloading(struct health *health, bool is_reloading);
void health_hold(struct health *health);
void health_release(struct health *health);

struct health_view health_look(const struct health *health);

#endif
