#include "core/env.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

const char ENV_ORIGIN_INHERITED[] = "environment";
const char ENV_ORIGIN_UPKEEP[] = "upkeep";
const char ENV_ORIGIN_USER[] = "user";

/* Strings are only ever added; env_clear makes all chunks empty again. */
struct env_chunk {
    struct env_chunk *next;
    size_t cap;
    size_t used;
    char bytes[];
};

enum { CHUNK_BYTES = 4096 - sizeof(struct env_chunk) };

void env_fini(struct env *env) {
    while (env->chunks) {
        struct env_chunk *next = env->chunks->next;
        free(env->chunks);
        env->chunks = next;
    }
    free(env->vars);
    free(env->envp);
    *env = (struct env){0};
}

void env_clear(struct env *env) {
    env->count = 0;
    for (struct env_chunk *chunk = env->chunks; chunk; chunk = chunk->next)
        chunk->used = 0;
}

/* New chunks stand last, so that the same strings after env_clear find the same places and need no new chunk. */
static char *allocate(struct env *env, size_t bytes) {
    size_t held = 0;
    struct env_chunk **link = &env->chunks;
    for (; *link && (*link)->cap - (*link)->used < bytes; link = &(*link)->next)
        held += (*link)->cap;
    struct env_chunk *chunk = *link;
    if (!chunk) {
        size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        if (cap > LIMIT_ENV_BYTES - held)
            return NULL;
        chunk = malloc(sizeof(*chunk) + cap);
        if (!chunk)
            return NULL;
        *chunk = (struct env_chunk){.cap = cap};
        *link = chunk;
    }
    char *memory = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return memory;
}

const char *env_intern(struct env *env, const char *string) {
    size_t bytes = strlen(string) + 1;
    char *copy = allocate(env, bytes);
    return copy ? memcpy(copy, string, bytes) : NULL;
}

static struct env_var *find(const struct env *env, const char *name, size_t name_len) {
    for (size_t i = 0; i < env->count; i++)
        if (env->vars[i].name_len == name_len && memcmp(env->vars[i].assignment, name, name_len) == 0)
            return &env->vars[i];
    return NULL;
}

/* Room for one more variable, in envp too: env_envp must not need memory. */
static bool reserve(struct env *env) {
    if (env->count < env->cap)
        return true;
    if (env->count >= LIMIT_ENV)
        return false;
    size_t cap = env->cap ? env->cap * 2 : 32;
    struct env_var *vars = realloc(env->vars, cap * sizeof(*vars));
    if (!vars)
        return false;
    env->vars = vars;
    char **envp = realloc(env->envp, (cap + 1) * sizeof(*envp));
    if (!envp)
        return false;
    env->envp = envp;
    env->cap = cap;
    return true;
}

bool env_set(struct env *env, const char *name, size_t name_len, const char *value, const char *origin, unsigned line) {
    struct env_var *var = find(env, name, name_len);
    if (!var && !reserve(env))
        return false;
    size_t value_bytes = strlen(value) + 1;
    char *assignment = allocate(env, name_len + 1 + value_bytes);
    if (!assignment)
        return false;
    memcpy(assignment, name, name_len);
    assignment[name_len] = '=';
    memcpy(assignment + name_len + 1, value, value_bytes);
    if (!var)
        var = &env->vars[env->count++];
    *var = (struct env_var){.assignment = assignment, .origin = origin, .line = line, .name_len = (unsigned)name_len};
    return true;
}

void env_unset(struct env *env, const char *name) {
    struct env_var *var = find(env, name, strlen(name));
    if (!var)
        return;
    size_t index = (size_t)(var - env->vars);
    memmove(var, var + 1, (env->count - index - 1) * sizeof(*var));
    env->count--;
}

const struct env_var *env_find(const struct env *env, const char *name) {
    return find(env, name, strlen(name));
}

const char *env_get(const struct env *env, const char *name) {
    const struct env_var *var = env_find(env, name);
    return var ? var->assignment + var->name_len + 1 : NULL;
}

const char *env_lookup(const void *env, const char *name) {
    return env_get(env, name);
}

bool env_import(struct env *env, char *const *environment, const char *origin) {
    for (; *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (!equals || equals == *environment)
            continue;
        if (!env_set(env, *environment, (size_t)(equals - *environment), equals + 1, origin, 0))
            return false;
    }
    return true;
}

char *const *env_envp(struct env *env) {
    static char *const empty[] = {NULL};
    if (!env->envp)
        return empty;
    for (size_t i = 0; i < env->count; i++)
        env->envp[i] = env->vars[i].assignment;
    env->envp[env->count] = NULL;
    return env->envp;
}

size_t env_name_span(const char *string) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *string >= '0' && *string <= '9' ? 0 : strspn(string, letters);
}
