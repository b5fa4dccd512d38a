/* An instance's environment: layered assignments, each remembering where it came from. */
#ifndef UPKEEP_CORE_ENV_H
#define UPKEEP_CORE_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

struct env_var {
    char *assignment;   /* NAME=VALUE, as execve wants it */
    const char *origin; /* borrowed by contract from whoever set it: a file's name or one of ENV_ORIGIN_… */
    unsigned line;      /* in that file; 0 where lines mean nothing */
    unsigned name_len;
};

/* Zero-initialised is empty. Later assignments of a name replace earlier ones in place. The memory is kept by
 * env_clear, so that an environment that is made anew for each start stops allocating. */
struct env {
    struct env_var *vars;
    char **envp; /* room for cap + 1, filled by env_envp */
    size_t count;
    size_t cap;
    struct env_chunk *chunks; /* what the assignments and interned strings stand in */
};

extern const char ENV_ORIGIN_INHERITED[]; /* "environment" */
extern const char ENV_ORIGIN_UPKEEP[];    /* "upkeep" */
extern const char ENV_ORIGIN_USER[];      /* "user": of whom the key names */

void env_fini(struct env *env);
void env_clear(struct env *env);

/* False when out of memory or over LIMIT_ENV or LIMIT_ENV_BYTES. name is name_len bytes. Copies name and value (which
 * may be env's own), borrows origin until env_clear. */
bool env_set(struct env *env, const char *name, size_t name_len, const char *value, const char *origin, unsigned line);
void env_unset(struct env *env, const char *name);

/* A copy of string that lives until env_clear or env_fini: for origins that would not outlive env otherwise. NULL when
 * out of memory or over LIMIT_ENV_BYTES. */
const char *env_intern(struct env *env, const char *string);

/* NULL when unset. A value is valid until env_clear or env_fini, a struct env_var until the next change. */
const char *env_get(const struct env *env, const char *name);
const struct env_var *env_find(const struct env *env, const char *name);

/* For expand(): context is a struct env. */
const char *env_lookup(const void *env, const char *name);

/* Takes over `environ`-like assignments; what is not NAME=VALUE is passed over, as the kernel allows anything there. */
bool env_import(struct env *env, char *const *environment, const char *origin);

/* For execve: ends with NULL, valid until the next change. Needs no memory, so it is never NULL. */
char *const *env_envp(struct env *env);

/* [A-Za-z_][A-Za-z0-9_]*: returns its length at the start of string, 0 when there is none. */
size_t env_name_span(const char *string);

#endif
