#include "model.h"

static const int64_t unit_ns = UNIT_MS * (int64_t)1000000;

/* Bits are taken from and put to the low end, in the same order. */
static void put(uint64_t *packed, unsigned bits, uint64_t value) {
    *packed = *packed << bits | value;
}

static uint64_t take(uint64_t *packed, unsigned bits) {
    uint64_t value = *packed & ((1ULL << bits) - 1);
    *packed >>= bits;
    return value;
}

static uint64_t at_most(uint64_t value, uint64_t max) {
    return value < max ? value : max;
}

/* Whole units until a deadline, counted up: the clock only stops at whole units. What is overdue is due. */
static uint64_t units_until(struct mono deadline) {
    int64_t left = deadline.ns - MODEL_NOW.ns;
    return left > 0 ? (uint64_t)((left + unit_ns - 1) / unit_ns) : 0;
}

/* No more units than matter. */
static uint64_t units_of(int64_t ms, int64_t enough_ms) {
    return at_most((uint64_t)(ms / UNIT_MS), (uint64_t)(enough_ms / UNIT_MS));
}

static struct mono from_now(int64_t units) {
    return (struct mono){MODEL_NOW.ns + units * unit_ns};
}

enum { NO_INSTANT = 7 };

static uint64_t pack_since(struct mono instant, int64_t enough_ms) {
    return mono_is_set(instant) ? units_of(mono_ms_between(instant, MODEL_NOW), enough_ms) : NO_INSTANT;
}

static struct mono unpack_since(uint64_t units) {
    return units == NO_INSTANT ? MONO_UNSET : from_now(-(int64_t)units);
}

/* Failures in a row beyond those that have brought the delay to its maximum, and ends beyond those that are allowed,
 * make no difference. */
enum { FAILURES_ENOUGH = 3, ENDS_ENOUGH = 3 };

uint64_t world_pack(const struct lifecycle *life, const struct host *host, const struct lifecycle_rules *rules) {
    uint64_t packed = 0;
    put(&packed, 2, (uint64_t)host->process);
    put(&packed, 1, host->process_killed);
    put(&packed, 1, host->helper);
    put(&packed, 1, host->helper_killed);
    put(&packed, 1, host->rest);
    put(&packed, 1, host->rest_killed);
    put(&packed, 1, host->spawning);
    put(&packed, 3, pack_since(life->record.window, rules->restart.window_ms));
    put(&packed, 2, rules->restart.max_restarts > 0 ? at_most(life->record.ends, ENDS_ENOUGH) : 0);
    put(&packed, 2, rules->restart.delay_ms > 0 ? at_most(life->record.failures, FAILURES_ENOUGH) : 0);
    bool is_told = phase_is_stopping(life->phase);
    put(&packed, 1, is_told && life->lasted_ms >= 0);
    put(&packed, 3,
        is_told && life->ready_ms >= 0 ? units_of(life->ready_ms, rules->restart.min_uptime_ms) : NO_INSTANT);
    bool may_be_ready = phase_has_process(life->phase) && !phase_is_stopping(life->phase);
    put(&packed, 2, may_be_ready ? (uint64_t)(life->watchdog_ms / UNIT_MS) : 0);
    put(&packed, 1, life->success && life->takedown == CAUSE_EXITED);
    put(&packed, 3, mono_is_never(life->deadline) ? NO_INSTANT : units_until(life->deadline));
    put(&packed, 3, pack_since(life->ready_since, rules->restart.min_uptime_ms));
    put(&packed, 1, mono_is_set(life->helper));
    put(&packed, 1, mono_is_set(life->spawned));
    put(&packed, 2, life->step);
    put(&packed, 5, (uint64_t)life->takedown);
    put(&packed, 1, (uint64_t)life->goal);
    put(&packed, 4, (uint64_t)life->phase);
    return packed;
}

struct world world_unpack(uint64_t packed) {
    struct world world = {0};
    struct lifecycle *life = &world.life;
    struct host *host = &world.host;
    life->since = MODEL_NOW;
    life->phase = (enum phase)take(&packed, 4);
    life->goal = (enum goal)take(&packed, 1);
    life->takedown = (enum cause)take(&packed, 5);
    life->step = (uint32_t)take(&packed, 2);
    life->spawned = take(&packed, 1) ? MODEL_NOW : MONO_UNSET;
    life->helper = take(&packed, 1) ? MODEL_NOW : MONO_UNSET;
    life->ready_since = unpack_since(take(&packed, 3));
    uint64_t deadline = take(&packed, 3);
    life->deadline = deadline == NO_INSTANT ? MONO_NEVER : from_now((int64_t)deadline);
    life->success = take(&packed, 1);
    life->watchdog_ms = (int64_t)take(&packed, 2) * UNIT_MS;
    uint64_t ready_units = take(&packed, 3);
    life->ready_ms = ready_units == NO_INSTANT ? -1 : (int64_t)ready_units * UNIT_MS;
    life->lasted_ms = take(&packed, 1) ? 0 : -1;
    life->record.failures = (uint32_t)take(&packed, 2);
    life->record.ends = (uint32_t)take(&packed, 2);
    life->record.window = unpack_since(take(&packed, 3));
    host->spawning = take(&packed, 1);
    host->rest_killed = take(&packed, 1);
    host->rest = take(&packed, 1);
    host->helper_killed = take(&packed, 1);
    host->helper = take(&packed, 1);
    host->process_killed = take(&packed, 1);
    host->process = (enum process)take(&packed, 2);
    return world;
}

static struct mono earlier(struct mono instant) {
    if (mono_is_set(instant) && !mono_is_never(instant))
        instant.ns -= unit_ns;
    return instant;
}

struct world world_later(struct world world) {
    struct lifecycle *life = &world.life;
    life->deadline = earlier(life->deadline);
    life->ready_since = earlier(life->ready_since);
    life->record.window = earlier(life->record.window);
    return world;
}
