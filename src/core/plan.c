#include "core/plan.h"

enum gate plan_gate(const struct plan_app *apps, size_t i) {
    enum gate gate = GATE_OPEN;
    for (size_t d = 0; d < apps[i].dep_count; d++) {
        const struct plan_app *dep = &apps[apps[i].deps[d]];
        bool settled = dep->wish == WISH_NONE;
        if (settled && (dep->phase == PHASE_FAILED || dep->phase == PHASE_BLOCKED))
            return GATE_BROKEN;
        if (!settled || !phase_is_up(dep->phase))
            gate = GATE_CLOSED;
    }
    return gate;
}

/* Whether what it depends on must stay up for its sake: it is to be ended, or is ending. */
static bool is_going_down(const struct plan_app *app) {
    return app->wish != WISH_NONE || phase_is_stopping(app->phase) ||
           (app->phase == PHASE_SPAWNING && app->goal == GOAL_DOWN);
}

/* Marks what the app depends on. Returns whether there was something new. */
static bool mark_deps(const struct plan_app *app, bool with_extra, bool *marks) {
    bool changed = false;
    size_t count = app->dep_count + (with_extra ? app->extra_count : 0);
    for (size_t d = 0; d < count; d++) {
        changed |= !marks[app->deps[d]];
        marks[app->deps[d]] = true;
    }
    return changed;
}

/* Marks whatever the marked apps depend on, transitively; with_going, also what those that are going down depend on.
 * Upwards and downwards in turn: an order in which dependencies come first needs one round, and so does the opposite.
 */
static void spread(const struct plan_app *apps, size_t count, bool with_going, bool *marks) {
    bool changed = true;
    for (bool upwards = true; changed; upwards = !upwards) {
        changed = false;
        for (size_t k = 0; k < count; k++) {
            size_t i = upwards ? count - 1 - k : k;
            if (marks[i] || (with_going && is_going_down(&apps[i])))
                changed |= mark_deps(&apps[i], with_going, marks);
        }
    }
}

void plan_release(const struct plan_app *apps, size_t count, bool parallel, bool *release) {
    bool *held = release;
    for (size_t i = 0; i < count; i++)
        held[i] = false;
    if (!parallel)
        spread(apps, count, true, held);
    for (size_t i = 0; i < count; i++)
        release[i] = !held[i] && apps[i].wish != WISH_NONE;
}

void plan_close_over_deps(const struct plan_app *apps, size_t count, bool *set) {
    spread(apps, count, false, set);
}

enum { UNSEEN, ON_PATH, ORDERED };

/* The first dependency that is not in the order yet; count when all are. */
static size_t first_unordered_dep(const struct plan_app *app, const unsigned char *seen, size_t count) {
    for (size_t d = 0; d < app->dep_count; d++)
        if (seen[app->deps[d]] != ORDERED)
            return app->deps[d];
    return count;
}

/* path holds the apps on the way down, the latest first; the cycle is told the other way round, each app depending on
 * the next. */
static void report_cycle(const size_t *path, size_t again, size_t *cycle_out, size_t *cycle_len_out) {
    size_t len = 1;
    while (path[len - 1] != again)
        len++;
    if (cycle_out) {
        for (size_t i = 0; i < len; i++)
            cycle_out[i] = path[len - 1 - i];
    }
    if (cycle_len_out)
        *cycle_len_out = len;
}

bool plan_order(const struct plan_app *apps, size_t count, size_t *order, unsigned char *scratch, size_t *cycle_out,
                size_t *cycle_len_out) {
    for (size_t i = 0; i < count; i++)
        scratch[i] = UNSEEN;

    /* Depth first, without recursion: the order grows at the front of the array, the path down is a stack at its end.
     * No app is in both, so they never meet. */
    size_t done = 0;
    size_t top = count;
    for (size_t root = 0; root < count; root++) {
        if (scratch[root] != UNSEEN)
            continue;
        scratch[root] = ON_PATH;
        order[--top] = root;
        while (top < count) {
            size_t app = order[top];
            size_t dep = first_unordered_dep(&apps[app], scratch, count);
            if (dep == count) {
                scratch[app] = ORDERED;
                top++;
                order[done++] = app;
            } else if (scratch[dep] == UNSEEN) {
                scratch[dep] = ON_PATH;
                order[--top] = dep;
            } else {
                report_cycle(&order[top], dep, cycle_out, cycle_len_out);
                return false;
            }
        }
    }
    return true;
}
