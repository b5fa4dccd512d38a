#include "daemon/settle.h"

#include <stdlib.h>

enum verdict { VERDICT_NONE, VERDICT_OPEN, VERDICT_GOOD, VERDICT_BAD };

struct settle_item {
    enum verdict verdict; /* VERDICT_NONE: not waited for */
    enum settle_goal goal;
    bool look;       /* to be judged at the end of this round */
    bool is_waiting; /* open, and all it does is to wait for its dependencies */
};

struct settle {
    struct supervisor_watch watch;
    struct supervisor *supervisor;
    struct loop_timer timer;
    struct loop_post post;
    size_t count;
    struct settle_item *items; /* by instance */
    bool timed_out;
    bool has_lost;
    void (*settled)(void *context);
    void *context;
};

/* ---- one instance ------------------------------------------------------------------------------------------------ */

static enum verdict settle_judge_stop(const struct instance_view *view) {
    switch (view->life->phase) {
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
        return VERDICT_GOOD;
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        break;
    }
    return view->wanted ? VERDICT_BAD : VERDICT_OPEN; /* wanted: somebody has started it again */
}

static enum verdict settle_judge_up(const struct instance_view *view, enum settle_goal goal, enum verdict before) {
    switch (view->life->phase) {
    case PHASE_READY:
    case PHASE_DONE:
        return VERDICT_GOOD;
    case PHASE_FAILED:
    case PHASE_BLOCKED:
        return VERDICT_BAD;
    case PHASE_BACKOFF:
        return goal == SETTLE_STARTED ? VERDICT_BAD : VERDICT_OPEN;
    case PHASE_STOPPED:
        /* What came up and then ended of its own accord has been started. */
        return before == VERDICT_GOOD ? VERDICT_GOOD : VERDICT_BAD;
    case PHASE_WAITING:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        break;
    }
    return VERDICT_OPEN;
}

static enum verdict settle_judge(const struct settle_item *item, const struct instance_view *view) {
    if (view->pending)
        return VERDICT_OPEN;
    switch (item->goal) {
    case SETTLE_STOPPED:
        return settle_judge_stop(view);
    case SETTLE_GONE:
        return view->is_gone ? VERDICT_OPEN : VERDICT_GOOD; /* else somebody has put it back */
    case SETTLE_STARTED:
    case SETTLE_UP:
        break;
    }
    return settle_judge_up(view, item->goal, item->verdict);
}

static void settle_look(struct settle *settle, size_t i) {
    struct settle_item *item = &settle->items[i];
    struct instance_view view = supervisor_view(settle->supervisor, i);
    item->look = view.pending; /* that a wish was passed on need not be a change */
    if (item->verdict == VERDICT_BAD && item->goal == SETTLE_STARTED)
        return; /* its first failure was the answer */
    item->verdict = settle_judge(item, &view);
    item->is_waiting = item->verdict == VERDICT_OPEN && !view.pending && view.life->phase == PHASE_WAITING;
}

/* Whether an attempt to come up has failed with this change. Where another follows at once, only the cause tells. */
static bool settle_is_failure(const struct change *change) {
    if (change->to == PHASE_BACKOFF || change->to == PHASE_FAILED || change->to == PHASE_BLOCKED)
        return true;
    if (change->to != PHASE_SPAWNING)
        return false;
    switch (change->why.cause) {
    case CAUSE_SPAWN_FAILED:
    case CAUSE_NOT_READY_IN_TIME:
    case CAUSE_UNFIT:
    case CAUSE_UNHEALTHY:
    case CAUSE_WATCHDOG:
    case CAUSE_ENDING:
    case CAUSE_EXITED:
    case CAUSE_PRE_START_FAILED:
        return true;
    case CAUSE_NONE:
    case CAUSE_ASKED_START:
    case CAUSE_ASKED_STOP:
    case CAUSE_ASKED_RESTART:
    case CAUSE_ASKED_KILL:
    case CAUSE_DEPENDENCY_READY:
    case CAUSE_DEPENDENCY_MISSING:
    case CAUSE_DEPENDENCY_FAILED:
    case CAUSE_BACKOFF_OVER:
    case CAUSE_SPAWNED:
    case CAUSE_READY:
    case CAUSE_PRE_START_DONE:
    case CAUSE_STOP_COMMAND_ENDED:
    case CAUSE_KILL_TIMEOUT:
        break;
    }
    return false;
}

/* ---- dependencies ------------------------------------------------------------------------------------------------ */

enum hope { HOPE_UNKNOWN, HOPE_YES, HOPE_NO };

/* Whether an instance may still get on: not when it has failed, nor when it waits for one that has no hope. memo: by
 * instance. */
static enum hope settle_hope(const struct settle *settle, size_t i, enum settle_goal goal, unsigned char *memo) {
    if (memo[i] != HOPE_UNKNOWN)
        return (enum hope)memo[i];
    struct instance_view view = supervisor_view(settle->supervisor, i);
    bool is_bad = !view.pending && settle_judge_up(&view, goal, VERDICT_NONE) == VERDICT_BAD;
    memo[i] = is_bad ? HOPE_NO : HOPE_YES;
    if (view.pending || view.life->phase != PHASE_WAITING)
        return (enum hope)memo[i];
    size_t count;
    const size_t *deps = supervisor_dependencies(settle->supervisor, i, &count);
    for (size_t d = 0; d < count && memo[i] == HOPE_YES; d++)
        memo[i] = (unsigned char)settle_hope(settle, deps[d], goal, memo);
    return (enum hope)memo[i];
}

/* Whether nobody that is still open can get on. */
static bool settle_is_hopeless(const struct settle *settle) {
    unsigned char *memo = calloc(settle->count, sizeof *memo);
    if (!memo)
        return false;
    bool is_hopeless = true;
    for (size_t i = 0; i < settle->count && is_hopeless; i++)
        if (settle->items[i].verdict == VERDICT_OPEN)
            is_hopeless = settle_hope(settle, i, settle->items[i].goal, memo) == HOPE_NO;
    free(memo);
    return is_hopeless;
}

/* Marks those without which the instance could not come up. */
static void settle_mark_culprits(const struct settle *settle, size_t i, bool *set) {
    size_t count;
    const size_t *deps = supervisor_dependencies(settle->supervisor, i, &count);
    for (size_t d = 0; d < count; d++) {
        struct instance_view view = supervisor_view(settle->supervisor, deps[d]);
        enum phase phase = view.life->phase;
        bool is_held = phase == PHASE_WAITING || phase == PHASE_BLOCKED;
        if (set[deps[d]] || !(is_held || phase == PHASE_FAILED || phase == PHASE_BACKOFF || phase == PHASE_STOPPED))
            continue;
        set[deps[d]] = true;
        if (is_held)
            settle_mark_culprits(settle, deps[d], set);
    }
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static bool settle_is_over(const struct settle *settle) {
    size_t open = 0;
    size_t waiting = 0;
    for (size_t i = 0; i < settle->count; i++) {
        const struct settle_item *item = &settle->items[i];
        if (item->verdict == VERDICT_BAD && item->goal == SETTLE_UP)
            return true;
        open += item->verdict == VERDICT_OPEN;
        waiting += item->verdict == VERDICT_OPEN && item->is_waiting;
    }
    return open == 0 || (open == waiting && settle_is_hopeless(settle));
}

static void settle_end(struct settle *settle) {
    struct loop *loop = supervisor_loop(settle->supervisor);
    loop_timer_stop(loop, &settle->timer);
    loop_post_cancel(loop, &settle->post);
    supervisor_unwatch(settle->supervisor, &settle->watch);
    settle->settled(settle->context);
}

static void settle_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    struct settle *settle = LOOP_CONTAINER(watch, struct settle, watch);
    struct settle_item *item = event->index < settle->count ? &settle->items[event->index] : NULL;
    if (!item || item->verdict == VERDICT_NONE)
        return;
    item->look = true;
    if (item->goal == SETTLE_STARTED && item->verdict == VERDICT_OPEN && settle_is_failure(event->change) &&
        !supervisor_view(settle->supervisor, event->index).pending)
        item->verdict = VERDICT_BAD;
}

static void settle_round(struct supervisor_watch *watch) {
    struct settle *settle = LOOP_CONTAINER(watch, struct settle, watch);
    for (size_t i = 0; i < settle->count; i++)
        if (settle->items[i].look)
            settle_look(settle, i);
    if (settle_is_over(settle))
        settle_end(settle);
}

static void settle_posted(struct loop_post *post);

/* What was to come up and is no more will not. */
static bool settle_is_loss(const struct settle_item *item) {
    bool was_to_come_up = item->goal == SETTLE_STARTED || item->goal == SETTLE_UP;
    return was_to_come_up && (item->verdict == VERDICT_OPEN || item->verdict == VERDICT_BAD);
}

static void settle_moved(struct supervisor_watch *watch, const size_t *from, size_t count) {
    struct settle *settle = LOOP_CONTAINER(watch, struct settle, watch);
    struct settle_item *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; i < count && items; i++) {
        if (from[i] == SUPERVISOR_NEW)
            continue;
        items[i] = settle->items[from[i]];
        settle->items[from[i]].verdict = VERDICT_NONE;
    }
    for (size_t i = 0; i < settle->count; i++)
        settle->has_lost = settle->has_lost || settle_is_loss(&settle->items[i]);
    free(settle->items);
    settle->items = items;
    settle->count = items ? count : 0;
    settle->has_lost = settle->has_lost || !items;
    loop_post(supervisor_loop(settle->supervisor), &settle->post, settle_posted);
}

static void settle_due(struct loop_timer *timer) {
    struct settle *settle = LOOP_CONTAINER(timer, struct settle, timer);
    settle->timed_out = true;
    settle_end(settle);
}

/* What is asked of nobody, or was so already, may be followed by no round. */
static void settle_posted(struct loop_post *post) {
    settle_round(&LOOP_CONTAINER(post, struct settle, post)->watch);
}

struct settle *settle_new(struct supervisor *supervisor, enum settle_goal goal, const bool *set, int64_t timeout_ms,
                          void (*settled)(void *context), void *context) {
    struct settle *settle = calloc(1, sizeof *settle);
    if (!settle)
        return NULL;
    size_t count = supervisor_count(supervisor);
    *settle = (struct settle){
        .watch = {.changed = settle_changed, .round = settle_round, .moved = settle_moved},
        .supervisor = supervisor,
        .count = count,
        .items = calloc(count + 1, sizeof *settle->items),
        .settled = settled,
        .context = context,
    };
    if (!settle->items) {
        free(settle);
        return NULL;
    }
    settle_add(settle, goal, set);
    struct loop *loop = supervisor_loop(supervisor);
    supervisor_watch(supervisor, &settle->watch);
    loop_post(loop, &settle->post, settle_posted);
    if (timeout_ms >= 0)
        loop_timer_at(loop, &settle->timer, mono_add_ms(loop_now(loop), timeout_ms), settle_due);
    return settle;
}

void settle_add(struct settle *settle, enum settle_goal goal, const bool *set) {
    for (size_t i = 0; i < settle->count; i++)
        if (set[i])
            settle->items[i] = (struct settle_item){.verdict = VERDICT_OPEN, .goal = goal, .look = true};
}

bool settle_has_lost(const struct settle *settle) {
    return settle->has_lost;
}

void settle_free(struct settle *settle) {
    if (!settle)
        return;
    struct loop *loop = supervisor_loop(settle->supervisor);
    loop_timer_stop(loop, &settle->timer);
    loop_post_cancel(loop, &settle->post);
    supervisor_unwatch(settle->supervisor, &settle->watch);
    free(settle->items);
    free(settle);
}

bool settle_has_timed_out(const struct settle *settle) {
    return settle->timed_out;
}

void settle_failures(const struct settle *settle, bool *set) {
    for (size_t i = 0; i < settle->count; i++) {
        if (settle->items[i].verdict == VERDICT_NONE)
            continue;
        struct instance_view view = supervisor_view(settle->supervisor, i);
        enum verdict verdict = settle_judge(&settle->items[i], &view);
        /* What is still on its way when the time is over has not failed. */
        if (verdict == VERDICT_GOOD || set[i] || (verdict == VERDICT_OPEN && settle->timed_out))
            continue;
        set[i] = true;
        if (view.life->phase == PHASE_WAITING || view.life->phase == PHASE_BLOCKED)
            settle_mark_culprits(settle, i, set);
    }
}
