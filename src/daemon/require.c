#include "daemon/require.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/placeholder.h"

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

static void look_at_variable(const struct manifest *manifest, const struct manifest_app *app, const char *name,
                             const struct env *env, struct diags *diags) {
    struct setting setting = manifest_setting(app, "require_env");
    struct diag_place place = {app->name, manifest->file, manifest_line_of(&setting, name), NULL};
    const struct env_var *var = env_find(env, name);
    if (!var) {
        struct text files TEXT_AUTO = {0};
        print_env_files(app, &files);
        diags_find(diags, RULE_REQUIRE_ENV, &place, "require_env: %s is not set%s", name, text_get(&files));
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

static void look_at_path(const struct manifest *manifest, const struct manifest_app *app, const char *name,
                         const struct env *env, struct diags *diags) {
    char *path = manifest_path(manifest->supervisor.root, name, env);
    struct stat st;
    int why = !path ? ENOMEM : stat(path, &st) < 0 ? errno : 0;
    free(path);
    if (why == 0)
        return;
    struct setting setting = manifest_setting(app, "require_path");
    struct diag_place place = {app->name, manifest->file, manifest_line_of(&setting, name), NULL};
    if (why == ENOENT || why == ENOTDIR)
        diags_find(diags, RULE_REQUIRE_PATH, &place, "require_path: %s does not exist", name);
    else
        diags_find(diags, RULE_REQUIRE_PATH, &place, "require_path: cannot look at %s: %s", name, strerror(why));
}

void require_look(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                  const struct env *env, struct diags *diags) {
    for (size_t i = 0; i < config->require_env.count; i++)
        look_at_variable(context->manifest, app, config->require_env.items[i], env, diags);
    for (size_t i = 0; i < config->require_path.count; i++)
        look_at_path(context->manifest, app, config->require_path.items[i], env, diags);
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
