#include "core/restart.h"

struct restart_record restart_record_clean(void) {
    return (struct restart_record){.window = MONO_UNSET};
}

static uint32_t one_more(uint32_t n) {
    return n < UINT32_MAX ? n + 1 : n;
}

/* Like systemd's StartLimitIntervalSec: the first end opens a window, and one that comes after it opens the next. */
static void count_end(struct restart_record *record, const struct restart_rules *rules, struct mono now) {
    if (mono_is_set(record->window) && !mono_reached(mono_add_ms(record->window, rules->window_ms), now)) {
        record->ends = one_more(record->ends);
        return;
    }
    record->window = now;
    record->ends = 1;
}

/* At most max_ms, unless it was more from the beginning. */
static int64_t doubled(int64_t delay_ms, int64_t max_ms, uint32_t times) {
    for (; times > 0 && delay_ms < max_ms; times--)
        delay_ms = delay_ms > max_ms / 2 ? max_ms : delay_ms * 2;
    return delay_ms;
}

/* value × chance / 2³², in two halves because the product can be too long. */
static int64_t share(int64_t value, uint32_t chance) {
    uint64_t high = (uint64_t)value >> 32;
    uint64_t low = (uint64_t)value & UINT32_MAX;
    return (int64_t)(high * chance + ((low * chance) >> 32));
}

/* The failures-th failure in a row: delay, doubled for each one before it, and up to a tenth more. */
static struct mono next_try(const struct restart_rules *rules, uint32_t failures, struct mono now, uint32_t chance) {
    struct mono at = mono_add_ms(now, doubled(rules->delay_ms, rules->delay_max_ms, failures - 1));
    struct mono latest = mono_add_ms(now, rules->delay_max_ms);
    int64_t jitter_ns = share((at.ns - now.ns) / 10, chance);
    if (jitter_ns >= latest.ns - at.ns)
        return latest;
    return (struct mono){at.ns + jitter_ns};
}

struct restart_decision restart_decide(struct restart_record record, const struct restart_rules *rules, struct mono now,
                                       bool success, int64_t ready_ms, uint32_t chance) {
    if (success && rules->when != RESTART_WHEN_ALWAYS)
        return (struct restart_decision){RESTART_SUCCEEDED, record, MONO_NEVER};
    if (!success && rules->when == RESTART_WHEN_NEVER)
        return (struct restart_decision){RESTART_NOT_WANTED, record, MONO_NEVER};

    bool proved = ready_ms >= rules->min_uptime_ms;
    record.failures = proved ? 0 : one_more(record.failures);
    count_end(&record, rules, now);
    if (rules->max_restarts > 0 && record.ends > rules->max_restarts)
        return (struct restart_decision){RESTART_GIVE_UP, record, MONO_NEVER};
    if (proved || rules->delay_ms == 0)
        return (struct restart_decision){RESTART_NOW, record, now};
    return (struct restart_decision){RESTART_LATER, record, next_try(rules, record.failures, now, chance)};
}
