#include "core/env_marks.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a */
static uint64_t hash(const char *string) {
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *string; string++)
        value = (value ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
    return value;
}

static bool is_marked(const struct env_var *var) {
    return var->origin != ENV_ORIGIN_INHERITED && var->origin != ENV_ORIGIN_UPKEEP && var->origin != ENV_ORIGIN_USER;
}

void env_marks_fini(struct env_marks *marks) {
    text_fini(&marks->names);
    free(marks->hashes);
    *marks = (struct env_marks){0};
}

static bool make_room(struct env_marks *marks, size_t count) {
    if (count <= marks->cap)
        return true;
    uint64_t *hashes = realloc(marks->hashes, count * sizeof *hashes);
    if (!hashes)
        return false;
    marks->hashes = hashes;
    marks->cap = count;
    return true;
}

bool env_marks_take(struct env_marks *marks, const struct env *env) {
    marks->count = 0;
    text_clear(&marks->names);
    if (!make_room(marks, env->count))
        return false;
    for (size_t i = 0; i < env->count; i++) {
        const struct env_var *var = &env->vars[i];
        if (!is_marked(var))
            continue;
        text_append(&marks->names, var->assignment, var->name_len);
        text_append(&marks->names, "", 1);
        marks->hashes[marks->count++] = hash(var->assignment);
    }
    if (marks->names.failed)
        env_marks_fini(marks);
    return marks->names.len > 0 || marks->count == 0;
}

/* The variable of the name when that is one to be marked. */
static const struct env_var *find(const struct env *env, const char *name) {
    const struct env_var *var = env_find(env, name);
    return var && is_marked(var) ? var : NULL;
}

static bool has_name(const struct env_marks *marks, const struct env_var *var) {
    const char *name = text_get(&marks->names);
    for (size_t i = 0; i < marks->count; i++, name += strlen(name) + 1)
        if (strlen(name) == var->name_len && memcmp(name, var->assignment, var->name_len) == 0)
            return true;
    return false;
}

static void tell(const struct env_var *var, const char *manifest, struct text *out) {
    if (strcmp(var->origin, manifest) == 0)
        return;
    text_append(out, var->assignment, var->name_len);
    text_printf(out, " (%s:%u)\n", var->origin, var->line);
}

size_t env_marks_compare(const struct env_marks *marks, const struct env *now, const char *manifest, struct text *out) {
    size_t differ = 0;
    const char *name = text_get(&marks->names);
    for (size_t i = 0; i < marks->count; i++, name += strlen(name) + 1) {
        const struct env_var *var = find(now, name);
        if (var && hash(var->assignment) == marks->hashes[i])
            continue;
        differ++;
        if (var)
            tell(var, manifest, out);
        else
            text_printf(out, "%s (no longer set)\n", name);
    }
    for (size_t i = 0; i < now->count; i++) {
        const struct env_var *var = &now->vars[i];
        if (!is_marked(var) || has_name(marks, var))
            continue;
        differ++;
        tell(var, manifest, out);
    }
    return differ;
}
