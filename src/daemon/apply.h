/* What it takes to have the supervisor run what the manifest says now: worked out whole before anything is touched. */
#ifndef UPKEEP_DAEMON_APPLY_H
#define UPKEEP_DAEMON_APPLY_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/supervisor.h"

struct apply;

/* What is asked for beyond what has changed. */
struct apply_wish {
    const json_t *renew; /* apps that are started anew although they have not changed, each with why; NULL: none.
                            Borrowed for as long as the apply */
    bool complete;       /* as in renewal_decide() */
    bool before_prepare; /* what the renewed apps' own `prepare` lines may mend does not stand in the way yet */
};

/* Reads manifest and dotenv files and compares them with what runs. NULL when out of memory. */
struct apply *apply_new(struct supervisor *supervisor, const struct apply_wish *wish);
void apply_free(struct apply *apply);

/* Why it cannot be done: NULL when it can. A broken manifest is told from a broken environment (of an app that is up or
 * to come up). */
const struct diags *apply_manifest_findings(const struct apply *apply);
const struct diags *apply_environment_findings(const struct apply *apply);

/* The first app that is to be renewed and is not in the manifest; NULL when there is none. Borrowed from the wish. */
const char *apply_unknown(const struct apply *apply);

/* Keys of [upkeep] that only a new supervisor takes stand in the way. */
bool apply_needs_new_supervisor(const struct apply *apply);

/* Whether there is nothing to do and nothing to take. */
bool apply_is_empty(const struct apply *apply);

/* Does it: once, and only when nothing stands in the way. False when out of memory: then nothing has changed. */
bool apply_do(struct apply *apply, struct supervisor *supervisor, struct actor actor);

/* Marks, once it is done, the instances that are to come up, and those that are to go, those of an earlier one that is
 * still under way included. set: supervisor_count() marks, all false. */
void apply_mark_up(const struct apply *apply, const struct supervisor *supervisor, bool *set);
void apply_mark_gone(const struct supervisor *supervisor, bool *set);

/* The members `changes`, `supervisor_keys`, `needs_new_supervisor` and `worst_case_ms` of a reply. Also after it is
 * done. */
void apply_report(const struct apply *apply, struct text *out);
/* The names of the keys that only a new supervisor takes. */
void apply_report_obstacles(const struct apply *apply, const char *key, struct text *out);

#endif
