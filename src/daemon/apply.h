/* What it takes to have the supervisor run what the manifest says now: worked out whole before anything is touched. */
#ifndef UPKEEP_DAEMON_APPLY_H
#define UPKEEP_DAEMON_APPLY_H

#include "daemon/supervisor.h"

struct apply;

/* Reads manifest and dotenv files and compares them with what runs. NULL when out of memory. */
struct apply *apply_new(struct supervisor *supervisor);
void apply_free(struct apply *apply);

/* Why it cannot be done: NULL when it can. A broken manifest is told from a broken environment (of an app that is up or
 * to come up). */
const struct diags *apply_manifest_findings(const struct apply *apply);
const struct diags *apply_environment_findings(const struct apply *apply);

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
