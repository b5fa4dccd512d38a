/* The sentences of the lifecycle: one place where causes become words. */
#ifndef UPKEEP_CORE_WHY_H
#define UPKEEP_CORE_WHY_H

#include "core/lifecycle.h"
#include "core/text.h"

/* Appends one line: `exited with code 3 after 1.2s`, `killed by SIGKILL after 5ms`. The unit test lists every sentence.
 * detail: what the outside knows beyond the cause, or NULL. It stands
 * - after `by` for what was asked: who asked (`asked to stop by user www (uid 33, pid 812)`);
 * - as the name of the dependency (`waiting for backend`);
 * - instead of the whole sentence where it is one: how it became ready (`port 14200 accepts connections`), why it
 *   cannot (`port 14200 is held by pid 812 (uvicorn)`), why it could not be spawned (`cannot enter web-ui: No such file
 *   or directory`), how often it was unhealthy (`unhealthy 3 times in a row: connection refused on 127.0.0.1:80`);
 * - after a colon for everything else (`not ready within 30s: connection refused on 127.0.0.1:14200`). */
void why_print(const struct why *why, const char *detail, struct text *out);

/* `exited with code 3`, `killed by SIGSEGV (core dumped)`. */
void outcome_print(struct outcome outcome, struct text *out);

#endif
