#include "core/progress.h"

#include <string.h>

#include "core/columns.h"
#include "core/value.h"

enum {
    WINDOW_MS = 30000, /* asked for at a time, at most */
    RENEW_MS = 10000,  /* and asked for anew at least this often */
    MARGIN_MS = 5000,  /* what is at its limit must be ended and be told of before the manager acts */
    REASON_COLUMNS = 160,
    SECOND_MS = 1000,
    TEN_SECONDS_MS = 10 * SECOND_MS,
    MINUTE_MS = 60 * SECOND_MS,
    TEN_MINUTES_MS = 10 * MINUTE_MS,
};

void progress_init(struct progress *progress, enum progress_stage stage, struct mono now) {
    *progress = (struct progress){.stage = stage, .now = now};
}

/* ---- one instance ---- */

/* What the line is about: the last of these that there is. */
enum rank {
    RANK_NONE,
    RANK_WAITING,
    RANK_BLOCKED,
    RANK_STOPPING,
    RANK_STARTING,
    RANK_BACKOFF,
    RANK_KILLED,
    RANK_FAILED
};

static enum rank rank_of(const struct progress_app *app) {
    switch (app->life->phase) {
    case PHASE_FAILED:
        return RANK_FAILED;
    case PHASE_KILLING:
        return RANK_KILLED;
    case PHASE_BACKOFF:
        return RANK_BACKOFF;
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
        return RANK_STARTING;
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
        return RANK_STOPPING;
    case PHASE_BLOCKED:
        return RANK_BLOCKED;
    case PHASE_WAITING:
        return RANK_WAITING;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_READY:
        return RANK_NONE;
    }
    return RANK_NONE;
}

/* How long a phase that is worth timing has lasted, and how long it may. */
struct span {
    bool is_timed;
    int64_t elapsed_ms;
    int64_t limit_ms; /* 0: none */
};

static struct span span_of(const struct progress_app *app, struct mono now) {
    const struct lifecycle *life = app->life;
    enum rank rank = rank_of(app);
    bool is_limited = (rank == RANK_STARTING || rank == RANK_STOPPING) && !mono_is_never(life->deadline);
    /* A limit is the whole stop's, which may have had phases before this one. */
    int64_t elapsed_ms =
        is_limited ? life->limit_ms - mono_ms_between(now, life->deadline) : mono_ms_between(life->since, now);
    return (struct span){
        .is_timed =
            (rank == RANK_STARTING && life->phase != PHASE_SPAWNING) || rank == RANK_STOPPING || rank == RANK_KILLED,
        .elapsed_ms = elapsed_ms > 0 ? elapsed_ms : 0,
        .limit_ms = is_limited ? life->limit_ms : 0,
    };
}

/* How fine the time is told: a minute's seconds matter, an hour's do not. */
static int64_t grain_ms(int64_t elapsed_ms) {
    return elapsed_ms < MINUTE_MS ? SECOND_MS : elapsed_ms < TEN_MINUTES_MS ? TEN_SECONDS_MS : MINUTE_MS;
}

static int64_t told_ms(int64_t elapsed_ms) {
    return elapsed_ms - elapsed_ms % grain_ms(elapsed_ms);
}

static int64_t next_change_ms(struct span span) {
    return told_ms(span.elapsed_ms) + grain_ms(span.elapsed_ms) - span.elapsed_ms;
}

/* Whether what is under way here is a start or a stop that keeps within its own limit. */
static bool is_legitimate(const struct progress *progress, const struct progress_app *app) {
    if (progress->stage == PROGRESS_RUNNING)
        return false;
    const struct lifecycle *life = app->life;
    enum rank rank = rank_of(app);
    if (rank == RANK_STARTING)
        return progress->stage == PROGRESS_STARTING && life->phase != PHASE_SPAWNING && life->begun <= 1;
    if (rank != RANK_STOPPING)
        return false;
    return progress->stage == PROGRESS_STOPPING || life->takedown == CAUSE_ASKED_STOP ||
           life->takedown == CAUSE_ASKED_RESTART;
}

static int64_t allowance_ms(const struct progress *progress, const struct progress_app *app) {
    if (!is_legitimate(progress, app))
        return 0;
    if (mono_is_never(app->life->deadline))
        return WINDOW_MS;
    int64_t rest = mono_ms_between(progress->now, app->life->deadline);
    return rest < 0 ? 0 : rest < WINDOW_MS ? rest : WINDOW_MS;
}

/* ---- all of them ---- */

static void count(struct progress *progress, const struct progress_app *app) {
    enum phase phase = app->life->phase;
    bool is_up = phase_is_up(phase);
    progress->left += phase_has_process(phase);
    if (!app->is_wanted && !is_up)
        return;
    progress->wanted++;
    progress->up += is_up;
    progress->lost += phase == PHASE_FAILED || phase == PHASE_BLOCKED;
}

void progress_add(struct progress *progress, const struct progress_app *app) {
    count(progress, app);
    int64_t allowance = allowance_ms(progress, app);
    if (allowance > progress->allowance_ms)
        progress->allowance_ms = allowance;
    bool is_told = app->is_wanted || phase_is_stopping(app->life->phase);
    if (is_told && rank_of(app) > (progress->most.name ? rank_of(&progress->most) : RANK_NONE))
        progress->most = *app;
}

int64_t progress_extension_ms(const struct progress *progress) {
    return progress->allowance_ms > 0 ? progress->allowance_ms + MARGIN_MS : 0;
}

struct mono progress_next(const struct progress *progress) {
    int64_t wait_ms = progress->allowance_ms > 0 ? RENEW_MS : INT64_MAX;
    if (progress->most.name) {
        struct span span = span_of(&progress->most, progress->now);
        if (span.is_timed && next_change_ms(span) < wait_ms)
            wait_ms = next_change_ms(span);
    }
    return mono_add_ms(progress->now, wait_ms);
}

bool progress_can_be_ready(const struct progress *progress, enum ready_when when) {
    switch (when) {
    case READY_WHEN_ALL:
    case READY_WHEN_STARTED:
        return progress->lost == 0;
    case READY_WHEN_ANY:
        return progress->lost == 0 || progress->lost < progress->wanted;
    }
    return true;
}

/* ---- the line ---- */

static void print_span(struct span span, struct text *out) {
    if (!span.is_timed)
        return;
    text_str(out, " (");
    value_print_duration(told_ms(span.elapsed_ms), out);
    if (span.limit_ms > 0) {
        text_str(out, " of ");
        value_print_duration(span.limit_ms, out);
    }
    text_char(out, ')');
}

void progress_print_reason(const char *reason, struct text *out) {
    struct text clean TEXT_AUTO = {0};
    columns_clean(reason, strlen(reason), &clean);
    columns_cut(text_get(&clean), REASON_COLUMNS, out);
}

static void print_app(const struct progress *progress, struct text *out) {
    const struct progress_app *app = &progress->most;
    const char *word = phase_word(app->life->phase);
    text_printf(out, ", %s", app->name);
    switch (rank_of(app)) {
    case RANK_FAILED:
    case RANK_BACKOFF:
    case RANK_BLOCKED:
        text_printf(out, " %s: ", word);
        progress_print_reason(app->why, out);
        return;
    case RANK_WAITING:
        text_char(out, ' ');
        progress_print_reason(app->why, out);
        return;
    case RANK_KILLED:
        text_str(out, " being killed");
        print_span(span_of(app, progress->now), out);
        return;
    case RANK_STOPPING:
        if (progress->stage != PROGRESS_STOPPING)
            text_printf(out, " %s", word);
        print_span(span_of(app, progress->now), out);
        return;
    case RANK_STARTING:
        text_printf(out, " %s", word);
        print_span(span_of(app, progress->now), out);
        return;
    case RANK_NONE:
        return;
    }
}

void progress_print(const struct progress *progress, struct text *out) {
    if (progress->stage == PROGRESS_STOPPING)
        text_printf(out, "stopping, %zu left", progress->left);
    else
        text_printf(out, "%zu/%zu ready", progress->up, progress->wanted);
    if (progress->most.name)
        print_app(progress, out);
}
