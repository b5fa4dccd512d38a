/* What has to be installed or built before a start, and what it was made from. */
#include <errno.h>
#include <fts.h>
#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/lint.h"
#include "core/shell_line.h"
#include "host/fs.h"
#include "local/check.h"
#include "local/record.h"

enum { SOURCES_MAX = 50000 }; /* files looked at of one tree */

/* What an installer makes, by when it was made: the newest of its marks. */
struct build {
    const char *made;
    const char *marks[5];   /* patterns, from the folder */
    const char *sources[6]; /* the lock files that it is made from */
    const char *advice;
};

static const struct build builds[] = {
    {"node_modules",
     {"node_modules/.package-lock.json", "node_modules/.yarn-integrity", "node_modules/.modules.yaml", "node_modules"},
     {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"},
     "install the packages: npm ci (or yarn, pnpm)"},
    {".venv",
     {".venv", ".venv/pyvenv.cfg", ".venv/lib/python*/site-packages"},
     {"uv.lock", "poetry.lock", "Pipfile.lock", "requirements.txt"},
     "install the packages: uv sync, or pip install -r requirements.txt"},
    {"venv",
     {"venv", "venv/pyvenv.cfg", "venv/lib/python*/site-packages"},
     {"uv.lock", "poetry.lock", "Pipfile.lock", "requirements.txt"},
     "install the packages: pip install -r requirements.txt"},
};

static const char next_advice[] = "build it: npm run build";

/* The time of the newest file that the pattern matches below the folder, which is taken as it is; -1 for none. */
static int64_t newest(const char *folder, const char *pattern) {
    struct text path TEXT_AUTO = {0};
    for (const char *c = folder; *c; c++) {
        if (strchr("*?[\\", *c))
            text_char(&path, '\\');
        text_char(&path, *c);
    }
    text_printf(&path, "/%s", pattern);
    glob_t found = {0};
    int64_t time = -1;
    if (!path.failed && glob(text_get(&path), GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            int64_t one = fs_mtime_ms(found.gl_pathv[i]);
            time = one > time ? one : time;
        }
    globfree(&found);
    return time;
}

static int64_t made_at(const struct build *build, const char *folder) {
    int64_t time = -1;
    for (size_t i = 0; build->marks[i]; i++) {
        int64_t one = newest(folder, build->marks[i]);
        time = one > time ? one : time;
    }
    return time;
}

/* An installer's own mark says when it ran; the folder's time also changes when a build puts a cache there. */
static int64_t installed_at(const struct build *build, const char *folder) {
    int64_t mark = strcmp(build->made, "node_modules") == 0 ? newest(folder, build->marks[0]) : -1;
    return mark >= 0 ? mark : made_at(build, folder);
}

static void find_in(const struct check *check, const struct check_app *app, enum rule_id rule, const char *folder,
                    const char *file, const char *advice, const char *text) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/%s", folder, file);
    struct diag_place place = {.app = app->app->name, .file = check_name(check, text_get(&path)), .advice = advice};
    check_find_at(check, app, rule, &place, "%s", text);
}

static void check_build(const struct check *check, const struct check_app *app, const struct build *build,
                        const char *folder, bool is_needed) {
    int64_t made = installed_at(build, folder);
    for (size_t i = 0; build->sources[i]; i++) {
        struct text text TEXT_AUTO = {0};
        int64_t source = newest(folder, build->sources[i]);
        if (source < 0)
            continue;
        if (made >= 0 && source > made && !app->has_record) {
            text_printf(&text, "%s is older than %s", build->made, build->sources[i]);
            find_in(check, app, RULE_STALE_BUILD, folder, build->sources[i], build->advice, text_get(&text));
        } else if (made < 0 && is_needed) {
            text_printf(&text, "%s is missing, which is made from %s", build->made, build->sources[i]);
            find_in(check, app, RULE_MISSING_BUILD, folder, build->sources[i], build->advice, text_get(&text));
        } else {
            continue;
        }
        return;
    }
}

/* Next.js */

static bool is_source(const char *name) {
    static const char *const suffixes[] = {".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".css", ".scss", ".mdx"};
    size_t len = strlen(name);
    if (strcmp(name, "next-env.d.ts") == 0) /* the build writes it */
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t suffix = strlen(suffixes[i]);
        if (len > suffix && strcmp(name + len - suffix, suffixes[i]) == 0)
            return true;
    }
    return strcmp(name, "package.json") == 0;
}

static bool is_foreign_folder(const FTSENT *entry) {
    static const char *const names[] = {"node_modules", "out", "dist", "build", "coverage", "logs"};
    if (entry->fts_level > 0 && entry->fts_name[0] == '.')
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(entry->fts_name, names[i]) == 0)
            return entry->fts_level > 0;
    return false;
}

/* The first source below the folder that is newer; appended to name, from the folder. */
static bool find_newer_source(const char *folder, int64_t than_ms, struct text *name) {
    char *roots[] = {strdup(folder), NULL};
    FTS *tree = roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL) : NULL;
    FTSENT *entry;
    int seen = 0;
    while (tree && name->len == 0 && seen++ < SOURCES_MAX && (entry = fts_read(tree))) {
        if (entry->fts_info == FTS_D && is_foreign_folder(entry))
            (void)fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_F && is_source(entry->fts_name) && fs_mtime_ms(entry->fts_path) > than_ms)
            text_str(name, entry->fts_path + strlen(folder) + 1);
    }
    if (tree)
        fts_close(tree);
    free(roots[0]);
    return name->len > 0;
}

/* The folder of the build: `.next`, or what the configuration calls distDir. False when that cannot be told. */
static bool find_next_build(const char *folder, struct text *name) {
    static const char *const configs[] = {"next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs"};
    text_str(name, ".next");
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct text path TEXT_AUTO = {0};
        char *bytes = NULL;
        size_t len = 0;
        text_printf(&path, "%s/%s", folder, configs[i]);
        if (path.failed || fs_read_file(NULL, text_get(&path), &bytes, &len) < 0)
            continue;
        const char *at = strstr(bytes, "distDir");
        const char *value = at ? at + strlen("distDir") + strspn(at + strlen("distDir"), " \t\n:") : "";
        size_t value_len = at && strchr("'\"", *value) && *value ? strcspn(value + 1, "'\"\n") : 0;
        if (at) {
            text_clear(name);
            text_append(name, value_len > 0 ? value + 1 : "", value_len);
        }
        free(bytes);
        return name->len > 0;
    }
    return true;
}

/* `next start`: without a build it opens its port and then ends. */
static void check_next(const struct check *check, const struct check_app *app, const struct check_step *step) {
    const char *named = NULL;
    if (!step->folder || !lint_is_next_start(step->words, step->count, &named) ||
        (named && !shell_line_is_literal(named)))
        return;
    struct text folder TEXT_AUTO = {0};
    struct text build TEXT_AUTO = {0};
    struct text source TEXT_AUTO = {0};
    struct text text TEXT_AUTO = {0};
    text_path(&folder, step->folder, named);
    if (!find_next_build(text_get(&folder), &build))
        return;
    text_str(&build, "/BUILD_ID");
    int64_t made = newest(text_get(&folder), text_get(&build));
    if (made < 0) {
        find_in(check, app, step->must_work ? RULE_NEXT_BUILD : RULE_MISSING_BUILD, text_get(&folder), text_get(&build),
                next_advice, "there is no build that next start could serve");
    } else if (!app->has_record && find_newer_source(text_get(&folder), made, &source)) {
        text_printf(&text, "the build is older than %s", text_get(&source));
        find_in(check, app, RULE_STALE_BUILD, text_get(&folder), text_get(&build), next_advice, text_get(&text));
    }
}

/* Where to look */

static void check_folder(const struct check *check, const struct check_app *app, const char *folder, bool is_node) {
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)
        check_build(check, app, &builds[i], folder, is_node && i == 0);
}

/* The folder beside which a path names a build: `web` of `web/node_modules/.bin/next`. */
static void check_path(const struct check *check, const struct check_app *app, const char *base, const char *path) {
    char *absolute = manifest_path(base, path, &app->env);
    for (size_t i = 0; absolute && i < sizeof builds / sizeof *builds; i++) {
        struct text part TEXT_AUTO = {0};
        text_printf(&part, "/%s", builds[i].made);
        char *at = strstr(absolute, text_get(&part));
        if (!at || (at[part.len] != '/' && at[part.len] != '\0'))
            continue;
        *at = '\0';
        check_build(check, app, &builds[i], absolute, false);
        break;
    }
    free(absolute);
}

static bool has_dependencies(const struct check *check, const char *folder) {
    struct text unused TEXT_AUTO = {0};
    json_t *package = check_package(check, folder, &unused);
    bool has = json_object_size(json_object_get(package, "dependencies")) > 0 ||
               json_object_size(json_object_get(package, "devDependencies")) > 0;
    json_decref(package);
    return has;
}

/* What was told of the same folder before is not told again (diags_find). */
static void check_step_builds(const struct check *check, const struct check_app *app, const struct check_step *step) {
    if (step->folder) {
        check_folder(check, app, step->folder, lint_is_node(step->words[0]) && has_dependencies(check, step->folder));
        if (strchr(step->words[0], '/') && shell_line_is_literal(step->words[0]))
            check_path(check, app, step->folder, step->words[0]);
    }
    check_next(check, app, step);
}

/* What `upkeep prepare` has kept tells by contents whether anything is stale. */
static void check_record(const struct check *check, struct check_app *app) {
    const struct record_subject subject = {check->manifest, &app->config, &app->env, NULL};
    struct prepared before = {0};
    struct prepared now = {0};
    struct text why TEXT_AUTO = {0};
    struct text unused TEXT_AUTO = {0};
    app->has_record = app->config.prepare.count > 0 && app->config.prepare_inputs.count > 0 &&
                      record_read(check->manifest, app->app->name, &before) &&
                      record_look(&subject, &now, &unused, &unused) == 0;
    if (app->has_record && prepared_compare(&before, &now, &why) > 0)
        check_find(check, app, RULE_STALE_BUILD, "prepare_inputs", NULL, "%s since it was prepared", text_get(&why));
    prepared_fini(&before);
    prepared_fini(&now);
}

void check_builds(const struct check *check, struct check_app *app) {
    check_record(check, app);
    check_walk(check, app, check_step_builds);
    for (size_t i = 0; i < app->config.require_path.count; i++)
        check_path(check, app, check->manifest->supervisor.root, app->config.require_path.items[i]);
}
