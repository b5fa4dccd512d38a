#include "core/plan.h"

enum gate plan_gate(const struct plan_app *apps, size_t i) {
    enum gate gate = GATE_OPEN;
    for (size_t d = 0; d < apps[i].dep_count; d++) {
        const struct plan_app *dep = &apps[apps[i].deps[d]];
        bool settled = dep->wish == WISH_NONE;
        if (settled && (dep->phase == PHASE_FAILED || dep->phase == PHASE_BLOCKED))
            return GATE_BROKEN;
        if (!settled || (dep->phase != PHASE_READY && dep->phase != PHASE_DONE))
            gate = GATE_CLOSED;
    }
    return gate;
}

/* Whether what it depends on must stay up for its sake: it is to be ended, or is ending. */
static bool is_going_down(const struct plan_app *app) {
    return app->wish != WISH_NONE || phase_is_stopping(app->phase) ||
           (app->phase == PHASE_SPAWNING && app->goal == GOAL_DOWN);
}

/* Sets the mark of whatever the app depends on. Returns whether one changed. */
static bool mark_deps(const struct plan_app *app, bool to, bool *marks) {
    bool changed = false;
    for (size_t d = 0; d < app->dep_count; d++) {
        changed |= marks[app->deps[d]] != to;
        marks[app->deps[d]] = to;
    }
    return changed;
}

void plan_release(const struct plan_app *apps, size_t count, bool parallel, bool *release) {
    for (size_t i = 0; i < count; i++)
        release[i] = true;

    /* Apps with a wish hold their dependencies in the first round whatever the order; only chains through apps that
     * stay as they are need more rounds, and those in the order of the manifest none. */
    for (bool changed = !parallel; changed;) {
        changed = false;
        for (size_t i = count; i-- > 0;)
            if (is_going_down(&apps[i]) || !release[i])
                changed |= mark_deps(&apps[i], false, release);
    }
    for (size_t i = 0; i < count; i++)
        release[i] = release[i] && apps[i].wish != WISH_NONE;
}

void plan_close_over_deps(const struct plan_app *apps, size_t count, bool *set) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = count; i-- > 0;)
            if (set[i])
                changed |= mark_deps(&apps[i], true, set);
    }
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
