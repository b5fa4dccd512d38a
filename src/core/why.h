/* The sentences of the lifecycle: one place where causes become words. */
#ifndef UPKEEP_CORE_WHY_H
#define UPKEEP_CORE_WHY_H

#include "core/lifecycle.h"
#include "core/text.h"

/* Appends `exited with code 3 after 1.2s`, `not ready within 30s: connection refused on 127.0.0.1:14200`, `killed by
 * SIGKILL after 5ms`. detail: what the outside added (a probe's last answer, the step of a spawn that failed, who
 * asked, the dependency's name), or NULL. */
void why_print(const struct why *why, const char *detail, struct text *out);

/* `exited with code 3`, `killed by SIGSEGV (core dumped)`. */
void outcome_print(struct outcome outcome, struct text *out);

#endif
