/* Decisions over all apps: who may start, who may stop now. Pure; works on plain arrays. */
#ifndef UPKEEP_CORE_PLAN_H
#define UPKEEP_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/lifecycle.h"

/* What was asked of an app and not yet passed on to its lifecycle, because others go first. */
enum plan_wish { WISH_NONE, WISH_STOP, WISH_RESTART };

struct plan_app {
    const size_t *deps; /* indices of the apps it depends on */
    size_t dep_count;
    size_t extra_count; /* that follow in deps: what its present process depends on, though its next start does not */
    enum phase phase;
    enum goal goal;
    enum plan_wish wish;
};

/* Whether app i may start: OPEN when each dependency is ready or done and is not about to be taken down; BROKEN when
 * one has failed or is blocked; else CLOSED. */
enum gate plan_gate(const struct plan_app *apps, size_t i);

/* Sets release[i] for each app whose wish may be passed on now: none of its dependants (extra ones, too), transitively,
 * has a wish of its own outstanding or is being taken down. parallel: all at once. */
void plan_release(const struct plan_app *apps, size_t count, bool parallel, bool *release);

/* An order in which every app stands after its dependencies, stable otherwise; order holds count indices. False on a
 * cycle: then cycle_out (may be NULL, holds count indices) is the cycle and *cycle_len_out its length. Needs no memory
 * of its own beyond scratch, count bytes. */
bool plan_order(const struct plan_app *apps, size_t count, size_t *order, unsigned char *scratch, size_t *cycle_out,
                size_t *cycle_len_out);

/* Marks set[i] for everything that the marked apps depend on, transitively. */
void plan_close_over_deps(const struct plan_app *apps, size_t count, bool *set);

#endif
