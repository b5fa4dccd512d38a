/* What an environment was: enough to tell later what has changed in it, without keeping anybody's secrets. Variables
 * that were inherited are left out: those of the supervisor do not change; and those that say who the user is: that
 * is told by the key. */
#ifndef UPKEEP_CORE_ENV_MARKS_H
#define UPKEEP_CORE_ENV_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/env.h"

/* Zero-initialised is an environment without variables. */
struct env_marks {
    struct text names; /* each with its NUL */
    uint64_t *hashes;  /* of the assignments, in the same order */
    size_t count;
    size_t cap;
};

/* Takes the marks of env in the place of earlier ones, whose memory is used again. False when out of memory: then there
 * are none. */
bool env_marks_take(struct env_marks *marks, const struct env *env);
void env_marks_fini(struct env_marks *marks);

/* Appends what is another variable now, or none any more, one a line: `API_URL (.env:3)`, `OLD (no longer set)`; what
 * comes from the manifest itself, and has that as its origin, is counted only. Returns how many differ. */
size_t env_marks_compare(const struct env_marks *marks, const struct env *now, const char *manifest, struct text *out);

#endif
