/* Monotonic time as a type of its own, so that it cannot be mixed up with wall time or with a duration. */
#ifndef UPKEEP_CORE_MONO_H
#define UPKEEP_CORE_MONO_H

#include <stdbool.h>
#include <stdint.h>

/* An instant on CLOCK_MONOTONIC, in nanoseconds. */
struct mono {
    int64_t ns;
};

/* Later than every instant: the deadline of a wait that has none. */
#define MONO_NEVER ((struct mono){INT64_MAX})

/* Earlier than every instant: for what has not happened. */
#define MONO_UNSET ((struct mono){INT64_MIN})

static inline bool mono_is_never(struct mono t) {
    return t.ns == INT64_MAX;
}

static inline bool mono_is_set(struct mono t) {
    return t.ns != INT64_MIN;
}

static inline bool mono_before(struct mono a, struct mono b) {
    return a.ns < b.ns;
}

static inline bool mono_reached(struct mono deadline, struct mono now) {
    return deadline.ns <= now.ns;
}

/* Saturates at MONO_NEVER. ms must not be negative. */
static inline struct mono mono_add_ms(struct mono t, int64_t ms) {
    return ms >= (INT64_MAX - (t.ns > 0 ? t.ns : 0)) / 1000000 ? MONO_NEVER : (struct mono){t.ns + ms * 1000000};
}

/* Whole milliseconds from a to b, negative when b is earlier. Both must be real instants. */
static inline int64_t mono_ms_between(struct mono a, struct mono b) {
    return (b.ns - a.ns) / 1000000;
}

#endif
