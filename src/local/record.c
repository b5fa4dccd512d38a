#include "local/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"
#include "host/digest.h"
#include "host/fs.h"
#include "host/walk.h"

enum { RECORD_BYTES = 64 << 20 };

/* ---- what there is now ---- */

struct look {
    const struct record_subject *subject;
    struct prepared *prepared;
    struct text *error;
};

static bool is_below(const char *path, const char *folder) {
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static int look_visit(void *context, const char *name, const char *path) {
    struct look *look = context;
    const struct supervisor_config *config = &look->subject->manifest->supervisor;
    /* What we write ourselves while it is prepared is nobody's input. */
    if (is_below(path, config->log_dir) || is_below(path, config->runtime_dir))
        return 0;
    unsigned char digest[DIGEST_BYTES];
    int r = digest_file(path, look->subject->is_enough, digest);
    if (r == -ENOENT) /* gone since it was found */
        return 0;
    if (r < 0 && r != -EINTR)
        text_printf(look->error, "cannot read %s: %s", name, strerror(-r));
    if (r < 0)
        return r;
    if (prepared_add(look->prepared, PREPARED_INPUT, name, digest))
        return 0;
    if (look->prepared->count >= LIMIT_PREPARE_INPUTS)
        text_printf(look->error, "prepare_inputs names more than %d files", LIMIT_PREPARE_INPUTS);
    else
        text_str(look->error, "out of memory");
    return -E2BIG;
}

/* The patterns of a config, parsed: what names files first, then what leaves some out. They have been judged. */
struct patterns {
    struct glob globs[LIMIT_PREPARE_PATTERNS];
    const char *written[LIMIT_PREPARE_PATTERNS];
    size_t named_count;
    size_t count;
};

static bool patterns_add(struct patterns *patterns, const struct record_subject *subject, bool is_excluded,
                         struct text *error) {
    const struct list *list = &subject->config->prepare_inputs;
    for (size_t i = 0; i < list->count; i++) {
        const char *written = list->items[i];
        if ((written[0] == '!') != is_excluded)
            continue;
        const char *pattern = written + is_excluded;
        /* `~/` is the only thing in a pattern that depends on who runs it. */
        char *at_home = strncmp(pattern, "~/", 2) == 0 ? manifest_path("/", pattern, subject->env) : NULL;
        bool ok = glob_parse(at_home ? at_home : pattern, &patterns->globs[patterns->count], error);
        free(at_home);
        if (!ok)
            return false;
        patterns->written[patterns->count++] = written;
    }
    return true;
}

/* visit returns SEEN when one file of a pattern is enough. */
enum { SEEN = 1 };

static int look_at_inputs(const struct record_subject *subject, const char *cwd, walk_visit *visit, struct look *look,
                          struct text *unmatched, struct text *error) {
    struct patterns patterns = {0};
    int r = patterns_add(&patterns, subject, false, error) ? 0 : -EINVAL;
    patterns.named_count = patterns.count;
    if (r == 0 && !patterns_add(&patterns, subject, true, error))
        r = -EINVAL;
    const struct glob *excluded = &patterns.globs[patterns.named_count];
    for (size_t i = 0; r == 0 && i < patterns.named_count; i++) {
        size_t matches = 0;
        r = walk(cwd, &patterns.globs[i], excluded, patterns.count - patterns.named_count, visit, look, &matches,
                 error);
        if (r == 0 && matches == 0)
            text_printf(unmatched, "%s\n", patterns.written[i]);
        r = r == SEEN ? 0 : r;
    }
    for (size_t i = 0; i < patterns.count; i++)
        glob_fini(&patterns.globs[i]);
    return r;
}

static bool add_sum(struct prepared *out, enum prepared_kind kind, struct digest *sum) {
    unsigned char digest[DIGEST_BYTES];
    digest_end(sum, digest);
    return prepared_add(out, kind, "", digest);
}

static bool look_at_commands(const struct record_subject *subject, struct prepared *out) {
    struct digest sum;
    digest_begin(&sum);
    digest_add(&sum, subject->config->shell ? "shell" : "words");
    digest_add(&sum, subject->config->user ? subject->config->user : "");
    digest_add(&sum, subject->config->group ? subject->config->group : "");
    for (size_t i = 0; i < subject->config->prepare.count; i++)
        digest_add(&sum, subject->config->prepare.items[i]);
    return add_sum(out, PREPARED_COMMANDS, &sum);
}

/* A virtual environment that has been moved with its folder does not work. */
static bool look_at_folder(const char *cwd, struct prepared *out) {
    struct digest sum;
    digest_begin(&sum);
    digest_add(&sum, cwd);
    return add_sum(out, PREPARED_FOLDER, &sum);
}

static int compare_strings(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the manifest and its files give, for builds keep it (NEXT_PUBLIC_…); not what this shell happens to have. */
static bool look_at_environment(const struct env *env, struct prepared *out) {
    const char **assignments = calloc(env->count + 1, sizeof *assignments);
    if (!assignments)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < env->count; i++)
        if (env->vars[i].origin != ENV_ORIGIN_INHERITED && env->vars[i].origin != ENV_ORIGIN_UPKEEP)
            assignments[count++] = env->vars[i].assignment;
    qsort(assignments, count, sizeof *assignments, compare_strings);
    struct digest sum;
    digest_begin(&sum);
    for (size_t i = 0; i < count; i++)
        digest_add(&sum, assignments[i]);
    free(assignments);
    return add_sum(out, PREPARED_ENVIRONMENT, &sum);
}

int record_look(const struct record_subject *subject, struct prepared *out, struct text *unmatched,
                struct text *error) {
    struct prepared prepared = {0};
    const char *written = subject->config->cwd ? subject->config->cwd : ".";
    char *cwd = manifest_path(subject->manifest->supervisor.root, written, subject->env);
    int r = cwd && look_at_commands(subject, &prepared) && look_at_folder(cwd, &prepared) &&
                    look_at_environment(subject->env, &prepared)
                ? 0
                : -ENOMEM;
    if (r < 0)
        text_str(error, "out of memory");
    else
        r = look_at_inputs(subject, cwd, look_visit, &(struct look){subject, &prepared, error}, unmatched, error);
    free(cwd);
    if (r < 0) {
        prepared_fini(&prepared);
        return r;
    }
    prepared_sort(&prepared);
    *out = prepared;
    return 0;
}

static int see(void *context, const char *name, const char *path) {
    (void)context, (void)name, (void)path;
    return SEEN;
}

int record_unmatched(const struct record_subject *subject, const char *cwd, struct text *unmatched,
                     struct text *error) {
    return look_at_inputs(subject, cwd, see, NULL, unmatched, error);
}

/* ---- what there was ---- */

char *record_folder(const struct manifest *manifest) {
    struct text path = {0};
    text_printf(&path, "%s/prepare", manifest->supervisor.runtime_dir);
    return text_take(&path);
}

static char *record_path(const struct manifest *manifest, const char *app) {
    struct text path = {0};
    text_printf(&path, "%s/prepare/%s.inputs", manifest->supervisor.runtime_dir, app);
    return text_take(&path);
}

bool record_read(const struct manifest *manifest, const char *app, struct prepared *out) {
    char *path = record_path(manifest, app);
    char *bytes = NULL;
    size_t len = 0;
    bool ok = path && fs_read(path, RECORD_BYTES, &bytes, &len) >= 0 && prepared_parse(bytes, len, out);
    free(bytes);
    free(path);
    return ok;
}

int64_t record_time_ms(const struct manifest *manifest, const char *app) {
    char *path = record_path(manifest, app);
    int64_t time = path ? fs_mtime_ms(path) : -1;
    free(path);
    return time;
}

int record_write(const struct manifest *manifest, const char *app, const struct prepared *prepared) {
    struct text file TEXT_AUTO = {0};
    prepared_print(prepared, &file);
    char *path = record_path(manifest, app);
    char *folder = record_folder(manifest);
    /* A line such as `git clean` may have removed the folder. */
    int r = path && folder && !file.failed ? fs_make_dirs(folder, 0700) : -ENOMEM;
    if (r >= 0)
        r = fs_write_atomic(path, text_get(&file), file.len, 0600);
    free(folder);
    free(path);
    return r;
}

void record_remove(const struct manifest *manifest, const char *app) {
    char *path = record_path(manifest, app);
    if (path)
        (void)unlink(path);
    free(path);
}
