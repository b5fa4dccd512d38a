/* What stands in the manifest and in dotenv files: paths into homes, secrets in the open, keys that are lacking. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dotenv.h"
#include "core/lint.h"
#include "core/manifest_keys.h"
#include "core/placeholder.h"
#include "daemon/require.h"
#include "host/fs.h"
#include "local/check.h"

/* Homes */

/* Calls each for every line that is no comment. */
typedef void each_line(const struct check *check, const struct check_app *app, const struct diag_place *place,
                       const char *what, const char *line);

static void visit_lines(const struct check *check, const struct check_app *app, struct diag_place place,
                        const char *what, const char *text, each_line *each) {
    struct text line TEXT_AUTO = {0};
    for (; *text; place.line++) {
        size_t len = strcspn(text, "\n");
        text_clear(&line);
        text_append(&line, text, len);
        const char *begin = text_get(&line) + strspn(text_get(&line), " \t");
        if (*begin != '#')
            each(check, app, &place, what, begin);
        text += len + (text[len] == '\n');
    }
}

static void find_home(const struct check *check, const struct check_app *app, const struct diag_place *place,
                      const char *what, const char *line) {
    struct text home TEXT_AUTO = {0};
    struct text name TEXT_AUTO = {0};
    if (!lint_has_home(line, &home))
        return;
    if (!what) { /* an assignment names itself */
        const char *start = strncmp(line, "export ", 7) == 0 ? line + 7 : line;
        text_append(&name, start, env_name_span(start));
        if (strcmp(text_get(&name), "HOME") == 0)
            return;
    }
    const char *subject = what ? what : name.len > 0 ? text_get(&name) : "this line";
    check_find_at(check, app, RULE_HOME_PATH, place, "%s points into %s, one user's home on one machine", subject,
                  text_get(&home));
}

static void check_settings(const struct check *check, const struct check_app *app, const struct manifest_key *keys,
                           const struct setting *settings) {
    for (size_t row = 0; keys[row].name; row++) {
        if (!settings[row].text || keys[row].type == KEY_ENV || keys[row].type == KEY_ENV_FILES)
            continue;
        struct diag_place place = {
            .app = app ? app->app->name : NULL, .file = check->manifest->file, .line = settings[row].line};
        visit_lines(check, app, place, keys[row].name, settings[row].text, find_home);
    }
}

static void check_layers(const struct check *check, const struct check_app *app) {
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++) {
        const struct env_layer *layer = &app->app->layers[i];
        struct diag_place place = {.app = app->app->name, .file = check->manifest->file};
        place.line = layer->env.line;
        if (layer->env.text)
            visit_lines(check, app, place, NULL, layer->env.text, find_home);
        place.line = layer->env_file.line;
        if (layer->env_file.text)
            visit_lines(check, app, place, "env_file", layer->env_file.text, find_home);
    }
}

void check_homes(const struct check *check, const struct check_app *app) {
    check_settings(check, app, manifest_app_keys, app->app->settings);
    check_layers(check, app);
    for (size_t i = 0; i < app->env_files.count; i++) {
        char *bytes = NULL;
        size_t len = 0;
        const char *path = app->env_files.items[i];
        if (fs_read_file(NULL, path, &bytes, &len) < 0)
            continue;
        struct diag_place place = {.app = app->app->name, .file = check_name(check, path), .line = 1};
        visit_lines(check, app, place, NULL, bytes, find_home);
        free(bytes);
    }
}

void check_supervisor_homes(const struct check *check) {
    check_settings(check, NULL, manifest_supervisor_keys, check->manifest->supervisor_settings);
}

/* Dotenv files */

/* The variables of a dotenv file by themselves; what is wrong in it is not our business. */
static void read_variables(const char *path, struct env *env) {
    char *bytes = NULL;
    size_t len = 0;
    struct diags unused = {0};
    const char *origin = env_intern(env, path);
    if (origin && fs_read_file(NULL, path, &bytes, &len) == 0)
        (void)dotenv_parse(bytes, len, origin, env, &unused);
    free(bytes);
    diags_fini(&unused);
}

static void check_mode(const struct check *check, const struct check_app *app, const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        return;
    bool is_open = st.st_mode & S_IROTH;
    /* A group that reads it is on purpose where the owner is another one than who runs the apps. */
    bool is_group = !is_open && st.st_mode & S_IRGRP && st.st_uid == geteuid();
    if (!is_open && !is_group)
        return;
    struct env env = {0};
    read_variables(path, &env);
    for (size_t i = 0; i < env.count; i++) {
        const struct env_var *var = &env.vars[i];
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        const char *value = var->assignment + var->name_len + 1;
        if (!lint_is_secret(text_get(&name), value) || placeholder_is(value))
            continue;
        struct text advice TEXT_AUTO = {0};
        text_printf(&advice, "chmod 600 %s", check_name(check, path));
        struct diag_place place = {.app = app->app->name, .file = check_name(check, path), .advice = text_get(&advice)};
        check_find_at(check, app, RULE_SECRET_MODE, &place, "holds secrets (%s) and can be read by %s (mode %04o)",
                      text_get(&name), is_open ? "every user" : "its group", (unsigned)st.st_mode & 07777);
        break;
    }
    env_fini(&env);
}

static void check_example(const struct check *check, const struct check_app *app, const char *path,
                          const char *example) {
    struct env env = {0};
    read_variables(example, &env);
    for (size_t i = 0; i < env.count; i++) {
        const struct env_var *var = &env.vars[i];
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        if (env_find(&app->env, text_get(&name)))
            continue;
        struct text advice TEXT_AUTO = {0};
        text_printf(&advice, "add it to %s", check_name(check, path));
        struct diag_place place = {
            .app = app->app->name, .file = check_name(check, example), .line = var->line, .advice = text_get(&advice)};
        check_find_at(check, app, RULE_ENV_EXAMPLE, &place, "%s is not in %s, nor set otherwise", text_get(&name),
                      check_name(check, path));
    }
    env_fini(&env);
}

/* `.env.staging.example`, else `.env.example` beside it. Only what is called .env… has one. */
static void check_examples(const struct check *check, const struct check_app *app, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash || strncmp(slash + 1, ".env", 4) != 0)
        return;
    struct text example TEXT_AUTO = {0};
    text_printf(&example, "%s.example", path);
    if (fs_mtime_ms(text_get(&example)) < 0) {
        text_clear(&example);
        text_append(&example, path, (size_t)(slash + 1 - path));
        text_str(&example, ".env.example");
    }
    if (!example.failed && fs_mtime_ms(text_get(&example)) >= 0)
        check_example(check, app, path, text_get(&example));
}

/* By any of the apps: what is wrong with it is told there, as an error. */
static bool is_required(const struct check *check, const char *name) {
    for (size_t i = 0; i < check->manifest->app_count; i++) {
        struct setting setting = manifest_setting(&check->manifest->apps[i], "require_env");
        const char *at = setting.text ? setting.text : "";
        while (*at) {
            size_t len = strcspn(at, ", \t\n");
            if (strlen(name) == len && strncmp(at, name, len) == 0)
                return true;
            at += len + strspn(at + len, ", \t\n");
        }
    }
    return false;
}

void check_secrets(const struct check *check, const struct check_app *app) {
    for (size_t i = 0; i < app->env.count && !app->is_development; i++) {
        const struct env_var *var = &app->env.vars[i];
        const char *value = var->assignment + var->name_len + 1;
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        if (var->line == 0 || !lint_is_secret_name(text_get(&name)) || is_required(check, text_get(&name)))
            continue;
        struct diag_place place = {.app = app->app->name, .file = var->origin, .line = var->line};
        if (*value == '\0')
            check_find_at(check, app, RULE_EMPTY_SECRET, &place, "%s is empty", text_get(&name));
        else if (placeholder_is(value))
            check_find_at(check, app, RULE_PLACEHOLDER, &place, "%s is still a placeholder", text_get(&name));
    }
}

static bool names_env_files(const struct check_app *app) {
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++)
        if (app->app->layers[i].env_file.text)
            return true;
    return false;
}

/* `.env`, and those of the stage that this is. */
static bool is_of_stage(const char *name, const void *context) {
    const char *profile = context;
    const char *stage = name + strlen(".env");
    if (*stage == '\0')
        return true;
    return *stage++ == '.' && (profile ? strcmp(stage, profile) == 0 : lint_is_deployment_name(stage));
}

/* A dotenv file that we do not give to the app. Node's frameworks read theirs themselves; others may. */
static void check_unread(const struct check *check, const struct check_app *app) {
    struct words words = {0};
    struct text path TEXT_AUTO = {0};
    struct text unused TEXT_AUTO = {0};
    unsigned line = 0;
    bool is_node = false;
    if (names_env_files(app) || !words_split(app->config.command, &words, &unused))
        return;
    for (size_t i = 0; i < words.count; i++)
        is_node = is_node || lint_is_node(words.list[i]);
    words_fini(&words);
    const char *profile = check->manifest->profile;
    if (!is_node && (require_find_dotenv(check->manifest->supervisor.root, NULL, is_of_stage, profile, &path, &line) ||
                     (app->cwd && require_find_dotenv(app->cwd, NULL, is_of_stage, profile, &path, &line))))
        check_find(check, app, RULE_UNREAD_DOTENV, "command", NULL, "%s is there, and no env_file of the app names it",
                   check_name(check, text_get(&path)));
}

void check_dotenv(const struct check *check, const struct check_app *app) {
    for (size_t i = 0; i < app->env_files.count; i++) {
        check_mode(check, app, app->env_files.items[i]);
        check_examples(check, app, app->env_files.items[i]);
    }
    if (app->config.command)
        check_unread(check, app);
}
