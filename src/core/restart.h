/* After an unasked end: again now, again later, done, or give up. Pure. */
#ifndef UPKEEP_CORE_RESTART_H
#define UPKEEP_CORE_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mono.h"

enum restart_when { RESTART_WHEN_ALWAYS, RESTART_WHEN_FAILED, RESTART_WHEN_NEVER };

struct restart_rules {
    enum restart_when when;
    int64_t delay_ms;
    int64_t delay_max_ms;
    int64_t min_uptime_ms;
    int64_t window_ms;
    uint32_t max_restarts; /* 0: never give up */
};

/* What is remembered between ends. Zero-initialised with window = MONO_UNSET is a clean record. */
struct restart_record {
    uint32_t failures;  /* in a row: ends without min_uptime of readiness before them */
    uint32_t ends;      /* unasked ends since window opened */
    struct mono window; /* when the first of them was */
};

enum restart_verdict { RESTART_NOW, RESTART_LATER, RESTART_SUCCEEDED, RESTART_GIVE_UP, RESTART_NOT_WANTED };

struct restart_decision {
    enum restart_verdict verdict;
    struct restart_record record;
    struct mono at; /* RESTART_LATER: when */
};

/* success: the end was among the successes. ready_ms: how long the process had been ready, -1 when it never was; told
 * apart from now, because what it left behind may have taken its time to go. chance: uniform over uint32_t, for jitter
 * of up to a tenth, so that what fell together does not come back together. */
struct restart_decision restart_decide(struct restart_record record, const struct restart_rules *rules, struct mono now,
                                       bool success, int64_t ready_ms, uint32_t chance);

/* A clean record, as after an explicit start. */
struct restart_record restart_record_clean(void);

#endif
