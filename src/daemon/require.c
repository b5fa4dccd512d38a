#include "daemon/require.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/dotenv.h"
#include "core/placeholder.h"
#include "host/fs.h"

/* Where a variable that is not there would have been expected. */
static void print_env_files(const struct manifest_app *app, struct text *out) {
    const char *before = " (looked in ";
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++) {
        const char *files = app->layers[i].env_file.text;
        if (!files)
            continue;
        text_str(out, before);
        before = ", ";
        for (const char *c = files; *c; c++)
            text_str(out, *c == '\n' ? ", " : (const char[]){*c, '\0'});
    }
    text_str(out, *before == ',' ? ")" : " (the app has no env_file)");
}

static bool is_example(const char *name) {
    static const char *const words[] = {"example", "sample", "template", "dist"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

/* The line of a dotenv file that sets the variable (NULL: any) to something; 0: none does. */
static unsigned line_of_variable(const char *path, const char *variable) {
    struct env env = {0};
    struct diags unused = {0};
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read_file(NULL, path, &bytes, &len) == 0)
        (void)dotenv_parse(bytes, len, path, &env, &unused);
    const struct env_var *var = variable ? env_find(&env, variable) : env.vars;
    unsigned line = var && var->assignment[var->name_len + 1] ? var->line : 0;
    free(bytes);
    env_fini(&env);
    diags_fini(&unused);
    return line;
}

bool require_find_dotenv(const char *folder, const char *variable,
                         bool (*is_wanted)(const char *name, const void *context), const void *context,
                         struct text *path_out, unsigned *line_out) {
    struct text pattern TEXT_AUTO = {0};
    glob_t files = {0};
    unsigned line = 0;
    text_printf(&pattern, "%s/.env*", folder);
    if (pattern.failed || glob(text_get(&pattern), 0, NULL, &files) != 0)
        files.gl_pathc = 0;
    for (size_t i = 0; i < files.gl_pathc && line == 0; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        if (is_example(name) || (is_wanted && !is_wanted(name, context)))
            continue;
        line = line_of_variable(files.gl_pathv[i], variable);
        if (line > 0)
            text_str(path_out, files.gl_pathv[i]);
    }
    globfree(&files);
    *line_out = line;
    return line > 0;
}

/* A dotenv file that sets what is missing: that the app's env_file does not name it is the mistake. */
static bool print_elsewhere(const struct manifest *manifest, const char *folder, const char *name, struct text *out) {
    struct text path TEXT_AUTO = {0};
    unsigned line = 0;
    if (!require_find_dotenv(folder, name, NULL, NULL, &path, &line))
        return false;
    const char *shown = text_get(&path);
    size_t root = strlen(manifest->supervisor.root);
    if (strncmp(shown, manifest->supervisor.root, root) == 0 && shown[root] == '/')
        shown += root + 1;
    text_printf(out, ": it is in %s:%u, which no env_file of the app names", shown, line);
    return true;
}

static void find_unset(const struct manifest *manifest, const struct manifest_app *app, const char *cwd,
                       const char *name, const struct diag_place *place, struct diags *diags) {
    struct text where TEXT_AUTO = {0};
    bool is_elsewhere = print_elsewhere(manifest, manifest->supervisor.root, name, &where) ||
                        (cwd && print_elsewhere(manifest, cwd, name, &where));
    if (!is_elsewhere)
        print_env_files(app, &where);
    diags_find(diags, RULE_REQUIRE_ENV, place, "require_env: %s is not set%s", name, text_get(&where));
}

static void look_at_variable(const struct manifest *manifest, const struct manifest_app *app, const char *cwd,
                             const char *name, const struct env *env, struct diags *diags) {
    struct setting setting = manifest_setting(app, "require_env");
    struct diag_place place = {app->name, manifest->file, manifest_line_of(&setting, name), NULL};
    const struct env_var *var = env_find(env, name);
    if (!var) {
        find_unset(manifest, app, cwd, name, &place, diags);
        return;
    }
    const char *value = var->assignment + var->name_len + 1;
    const char *what = *value == '\0' ? "is empty" : placeholder_is(value) ? "is still a placeholder" : NULL;
    if (!what)
        return;
    if (var->line > 0) {
        place.file = var->origin;
        place.line = var->line;
        place.advice = "write the real value there";
        diags_find(diags, RULE_REQUIRE_ENV, &place, "%s %s, and require_env names it", name, what);
    } else {
        diags_find(diags, RULE_REQUIRE_ENV, &place, "require_env: %s %s in the %s that upkeep was started with", name,
                   what, var->origin);
    }
}

bool require_print_remedy(const struct manifest_app *app, const struct app_config *config, struct text *out) {
    if (config->prepare.count > 0)
        text_printf(out, "install and build it: upkeep prepare %s", app->name);
    return config->prepare.count > 0;
}

static void look_at_path(const struct manifest *manifest, const struct manifest_app *app,
                         const struct app_config *config, const char *name, const struct env *env,
                         struct diags *diags) {
    char *path = manifest_path(manifest->supervisor.root, name, env);
    struct stat st;
    int why = !path ? ENOMEM : stat(path, &st) < 0 ? errno : 0;
    free(path);
    if (why == 0)
        return;
    struct setting setting = manifest_setting(app, "require_path");
    struct text remedy TEXT_AUTO = {0};
    struct diag_place place = {app->name, manifest->file, manifest_line_of(&setting, name), NULL};
    if (require_print_remedy(app, config, &remedy))
        place.advice = text_get(&remedy);
    if (why == ENOENT || why == ENOTDIR)
        diags_find(diags, RULE_REQUIRE_PATH, &place, "require_path: %s does not exist", name);
    else
        diags_find(diags, RULE_REQUIRE_PATH, &place, "require_path: cannot look at %s: %s", name, strerror(why));
}

void require_look(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                  const struct env *env, struct diags *diags) {
    char *cwd = config->cwd ? manifest_path(context->manifest->supervisor.root, config->cwd, env) : NULL;
    for (size_t i = 0; i < config->require_env.count; i++)
        look_at_variable(context->manifest, app, cwd, config->require_env.items[i], env, diags);
    free(cwd);
    for (size_t i = 0; i < config->require_path.count; i++)
        look_at_path(context->manifest, app, config, config->require_path.items[i], env, diags);
}

bool require_met(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                 const struct env *env, struct text *error) {
    struct diags diags = {0};
    require_look(context, app, config, env, &diags);
    bool is_met = diags.errors == 0;
    if (!is_met)
        launch_first_error(&diags, error);
    diags_fini(&diags);
    return is_met;
}
