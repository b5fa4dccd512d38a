/* Two readings of a manifest: what has changed between them, and what that takes. Pure. */
#ifndef UPKEEP_CORE_MANIFEST_DIFF_H
#define UPKEEP_CORE_MANIFEST_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/manifest.h"

enum diff_kind {
    DIFF_SAME,
    DIFF_NEW,
    DIFF_GONE,
    DIFF_LIVE,  /* changed in keys that take effect by themselves alone */
    DIFF_START, /* changed in what only a new start takes */
};

/* One app in one or both of the manifests. */
struct diff_app {
    enum diff_kind kind;
    const struct manifest_app *before; /* NULL: it is new */
    const struct manifest_app *now;    /* NULL: it is gone */
    uint64_t keys;                     /* bit n: row n of manifest_app_keys has changed */
};

/* Borrows from both manifests. Zero-initialised is empty. */
struct manifest_diff {
    struct diff_app *apps; /* those of `now` in its order, then the gone ones in the order of `before` */
    size_t count;
    uint64_t keys; /* of [upkeep]: bit n for row n of manifest_supervisor_keys */
};

/* Compares by meaning: a comment, a new order or another way to write the same value is no change. False when out of
 * memory; *out is then empty. */
bool manifest_diff(const struct manifest *before, const struct manifest *now, struct manifest_diff *out);
void manifest_diff_fini(struct manifest_diff *diff);

/* Whether nothing at all has changed. */
bool manifest_diff_is_empty(const struct manifest_diff *diff);

/* The keys of [upkeep] that only a new supervisor takes, of those that have changed. */
uint64_t manifest_diff_for_new_supervisor(const struct manifest_diff *diff);

/* Appends what is to be told of it, for people and tests: a line for [upkeep] (`[upkeep] needs a new supervisor: root`,
 * `[upkeep] at once: stop_order`) and for each app that is not the same (`web needs a start: command, env`). */
void manifest_diff_print(const struct manifest_diff *diff, struct text *out);

#endif
