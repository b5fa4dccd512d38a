#include "core/glob.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char ANY_DEPTH[] = "**";

static bool is_special(const char *part) {
    return strpbrk(part, "*?[\\") != NULL;
}

bool glob_is_ordinary(const char *name) {
    return name[0] != '.' && strcmp(name, "node_modules") != 0 && strcmp(name, "__pycache__") != 0;
}

/* ---- parsing ---- */

static bool judge(const char *pattern, struct text *error) {
    const char *why = NULL;
    for (const char *c = pattern; !why && *c; c++) {
        if (*c == '{' || *c == '}')
            why = "braces are not understood: write a pattern for each";
        else if (*c == '\\')
            why = "a backslash is not understood: write [*] for a star";
        else if (*c == '[') {
            /* A `]` that comes first is one of the set. */
            size_t first = c[1] == '!' || c[1] == '^' ? 2 : 1;
            c += strcspn(c, "/]") == first && c[first] == ']' ? first + 1 : first;
            c += strcspn(c, "/]");
            if (*c != ']')
                why = "a [ is not closed";
        }
    }
    if (!why && !*pattern)
        why = "the pattern is empty";
    if (why)
        text_str(error, why);
    return !why;
}

bool glob_parse(const char *pattern, struct glob *out, struct text *error) {
    if (!judge(pattern, error))
        return false;
    struct glob glob = {.memory = strdup(pattern), .is_absolute = pattern[0] == '/'};
    if (!glob.memory) {
        text_str(error, "out of memory");
        return false;
    }
    char *rest = NULL;
    for (char *part = strtok_r(glob.memory, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        bool is_again = glob.count > 0 && strcmp(part, ANY_DEPTH) == 0 && strcmp(glob.parts[glob.count - 1], part) == 0;
        if (strcmp(part, ".") == 0 || is_again)
            continue;
        if (glob.count == GLOB_PARTS) {
            text_printf(error, "more than %d names between slashes", GLOB_PARTS);
            glob_fini(&glob);
            return false;
        }
        glob.parts[glob.count++] = part;
    }
    *out = glob;
    return true;
}

void glob_fini(struct glob *glob) {
    free(glob->memory);
    *glob = (struct glob){0};
}

size_t glob_plain_count(const struct glob *glob) {
    size_t n = 0;
    while (n < glob->count && !is_special(glob->parts[n]))
        n++;
    return n;
}

/* ---- matching ---- */

static bool is_any_depth(const struct glob *glob, size_t part) {
    return strcmp(glob->parts[part], ANY_DEPTH) == 0;
}

/* `**` may stand for no folder at all: then the part behind it is next, too. */
static glob_state reach(const struct glob *glob, glob_state state) {
    for (size_t part = 0; part < glob->count; part++)
        if ((state >> part & 1) && is_any_depth(glob, part))
            state |= UINT64_C(1) << (part + 1);
    return state;
}

static bool matches(const char *part, const char *name) {
    if (!is_special(part))
        return strcmp(part, name) == 0;
    return glob_is_ordinary(name) ? fnmatch(part, name, 0) == 0
                                  : name[0] == '.' && part[0] == '.' && fnmatch(part, name, 0) == 0;
}

glob_state glob_begin(const struct glob *glob) {
    return reach(glob, 1);
}

glob_state glob_step(const struct glob *glob, glob_state state, const char *name) {
    glob_state next = 0;
    for (size_t part = 0; part < glob->count; part++) {
        if (!(state >> part & 1))
            continue;
        if (is_any_depth(glob, part))
            next |= glob_is_ordinary(name) ? UINT64_C(1) << part : 0;
        else if (matches(glob->parts[part], name))
            next |= UINT64_C(1) << (part + 1);
    }
    return reach(glob, next);
}

bool glob_is_match(const struct glob *glob, glob_state state) {
    return state >> glob->count & 1;
}
