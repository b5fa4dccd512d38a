/* What is told of the supervisor and its instances over the control socket: the types of io.upkeep.Supervisor.varlink,
 * written straight into a reply. */
#ifndef UPKEEP_DAEMON_REPORT_H
#define UPKEEP_DAEMON_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"
#include "daemon/supervisor.h"

struct report;

/* supervisor is borrowed. NULL when out of memory. */
struct report *report_new(struct supervisor *supervisor);
void report_free(struct report *report);

/* Looks at the instances' processes and at the manifest file: what the functions below tell of these is as of the last
 * look. Reads /proc once, unless nothing runs. */
void report_look(struct report *report);

/* key: of the member that is written; NULL for an array's element. */
void report_supervisor(const struct report *report, struct text *out, const char *key);
void report_instance(const struct report *report, const struct instance_view *view, struct text *out, const char *key);
void report_failure(const struct report *report, const struct instance_view *view, struct text *out, const char *key);
void report_detail(const struct report *report, const struct instance_view *view, struct text *out, const char *key);
void report_event(const struct instance_view *view, const struct change *change, struct text *out, const char *key);

/* Arrays of the marked instances; set: supervisor_count() marks, NULL for all. */
void report_instances(const struct report *report, const bool *set, struct text *out, const char *key);
void report_failures(const struct report *report, const bool *set, struct text *out, const char *key);

/* Calls visit for all remembered changes of the marked instances, oldest first. False when out of memory. */
typedef void report_visit(void *context, const struct instance_view *view, const struct change *change);
bool report_history(const struct report *report, const bool *set, report_visit *visit, void *context);

/* Whether the instance is in a state that has a failure to tell of: backoff, failed or blocked. */
bool report_has_failure(const struct instance_view *view);

/* Who asked: `policy`, `dependency`, `user deploy (uid 1000, pid 4711)`. */
void report_actor(struct actor actor, struct text *out);

#endif
