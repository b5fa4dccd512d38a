#include "host/walk.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/limits.h"

enum { WALK_DEPTH = 128 }; /* folders within each other; each holds a descriptor while it is read */

struct walk {
    const struct glob *pattern;
    const struct glob *excluded;
    size_t excluded_count;
    walk_visit *visit;
    void *context;
    struct text path;
    size_t name_at; /* where the name begins in path */
    size_t matches;
    struct text *error;
};

/* How far a name on the way down has matched. */
struct progress {
    glob_state pattern;
    glob_state excluded[LIMIT_PREPARE_PATTERNS];
    bool is_below; /* of a folder that matched */
};

static int fail(struct walk *walk, int error) {
    text_printf(walk->error, "cannot read %s: %s",
                walk->path.len > walk->name_at ? walk->path.data + walk->name_at : ".", strerror(error));
    return -error;
}

static struct progress begin(const struct walk *walk) {
    struct progress progress = {.pattern = glob_begin(walk->pattern)};
    for (size_t i = 0; i < walk->excluded_count; i++)
        if (walk->excluded[i].is_absolute == walk->pattern->is_absolute)
            progress.excluded[i] = glob_begin(&walk->excluded[i]);
    return progress;
}

static struct progress step(const struct walk *walk, const struct progress *before, const char *name) {
    struct progress now = {.pattern = glob_step(walk->pattern, before->pattern, name)};
    now.is_below = before->is_below && glob_is_ordinary(name);
    for (size_t i = 0; i < walk->excluded_count; i++)
        now.excluded[i] = glob_step(&walk->excluded[i], before->excluded[i], name);
    return now;
}

static bool is_excluded(const struct walk *walk, const struct progress *progress) {
    for (size_t i = 0; i < walk->excluded_count; i++)
        if (glob_is_match(&walk->excluded[i], progress->excluded[i]))
            return true;
    return false;
}

static int look(struct walk *walk, const struct progress *progress, unsigned depth, bool is_named);

static int read_folder(struct walk *walk, const struct progress *progress, unsigned depth) {
    if (depth == WALK_DEPTH)
        return fail(walk, ELOOP);
    DIR *dir = opendir(walk->path.len > 0 ? text_get(&walk->path) : ".");
    if (!dir)
        return fail(walk, errno);
    size_t len = walk->path.len;
    int r = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = r == 0 ? readdir(dir) : NULL;
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct progress next = step(walk, progress, entry->d_name);
        if (!next.is_below && next.pattern == 0)
            continue;
        text_printf(&walk->path, "%s%s", len > 0 && walk->path.data[len - 1] != '/' ? "/" : "", entry->d_name);
        r = walk->path.failed ? -ENOMEM : look(walk, &next, depth + 1, false);
        walk->path.len = len;
        walk->path.data[len] = '\0';
    }
    if (r == 0 && errno != 0)
        r = fail(walk, errno);
    closedir(dir);
    return r;
}

/* is_named: by names without a star, so that a link to a folder is as good as the folder. */
static int look(struct walk *walk, const struct progress *progress, unsigned depth, bool is_named) {
    struct stat st;
    bool is_match = progress->is_below || glob_is_match(walk->pattern, progress->pattern);
    walk->matches += is_match;
    if (is_excluded(walk, progress))
        return 0;
    const char *path = text_get(&walk->path);
    if (lstat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail(walk, errno);
    bool is_folder =
        S_ISDIR(st.st_mode) || (is_named && S_ISLNK(st.st_mode) && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    if (is_folder) {
        struct progress below = *progress;
        below.is_below = is_match;
        return read_folder(walk, &below, depth);
    }
    return is_match ? walk->visit(walk->context, path + walk->name_at, path) : 0;
}

/* The plain names at the start of the pattern lead straight to where reading folders begins. */
int walk(const char *folder, const struct glob *pattern, const struct glob *excluded, size_t excluded_count,
         walk_visit *visit, void *context, size_t *count_out, struct text *error) {
    struct walk walk = {.pattern = pattern,
                        .excluded = excluded,
                        .excluded_count = excluded_count,
                        .visit = visit,
                        .context = context,
                        .error = error};
    struct progress progress = begin(&walk);
    size_t plain = glob_plain_count(pattern);
    text_printf(&walk.path, "%s/", pattern->is_absolute ? "" : folder);
    walk.name_at = pattern->is_absolute ? 0 : walk.path.len;
    bool is_left_out = false;
    for (size_t i = 0; i < plain; i++) {
        progress = step(&walk, &progress, pattern->parts[i]);
        is_left_out = is_left_out || is_excluded(&walk, &progress);
        text_printf(&walk.path, "%s%s", i > 0 ? "/" : "", pattern->parts[i]);
    }
    struct stat st;
    int r = walk.path.failed ? -ENOMEM : 0;
    bool is_there = r == 0 && lstat(text_get(&walk.path), &st) == 0;
    if (is_there && is_left_out)
        walk.matches++;
    else if (is_there)
        r = look(&walk, &progress, 0, true);
    else if (r == 0 && errno != ENOENT && errno != ENOTDIR)
        r = fail(&walk, errno);
    text_fini(&walk.path);
    if (r == 0)
        *count_out = walk.matches;
    return r;
}
