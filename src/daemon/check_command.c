/* The programs that an app runs: whether they are there, what interprets them, and what they give away. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/lint.h"
#include "daemon/check.h"
#include "host/fs.h"

enum {
    PACKAGE_JSON_MAX = 1 << 20,
    SCRIPT_LINE_MAX = 256, /* what the kernel looks at (BINPRM_BUF_SIZE) */
};

static const char *program_advice(const char *program) {
    if (strstr(program, "venv/"))
        return "make the virtual environment: python3 -m venv and pip install, or uv sync";
    if (strstr(program, "node_modules/"))
        return "install the packages: npm ci";
    return NULL;
}

static void find_program(const struct check *check, const struct check_app *app, const char *key, const char *command,
                         const char *error) {
    struct setting setting = manifest_setting(app->app, key);
    struct diag_place place = {.app = app->app->name,
                               .file = check->manifest->file,
                               .line = setting.text ? manifest_line_of(&setting, command) : app->app->line,
                               .advice = program_advice(error)};
    check_find_at(check, app, RULE_PROGRAM, &place, "%s: %s", key, error);
}

/* Whether the program can be executed, as seen from the app. */
static bool is_program(const struct check_app *app, const char *name) {
    const char *path_list = env_get(&app->env, "PATH");
    char *found = NULL;
    int r = fs_find_program(name, app->cwd, path_list ? path_list : "/usr/local/bin:/usr/bin:/bin", &found);
    free(found);
    return r >= 0;
}

/* The next word of a line; false at its end. Moves *rest behind it. */
static bool next_word(const char **rest, struct text *word) {
    const char *begin = *rest + strspn(*rest, " \t");
    size_t len = strcspn(begin, " \t\n");
    text_clear(word);
    text_append(word, begin, len);
    *rest = begin + len;
    return len > 0;
}

/* What a script's first line needs and does not have, as words for a finding. line: without the #!. */
static void judge_interpreter(const struct check_app *app, const char *line, struct text *error) {
    struct text word TEXT_AUTO = {0};
    if (!next_word(&line, &word))
        return;
    size_t len = word.len;
    if (word.data[len - 1] == '\r') {
        text_printf(error, "its first line ends as on Windows (CRLF), so that %.*s is not found", (int)len - 1,
                    text_get(&word));
    } else if (!is_program(app, text_get(&word))) {
        text_printf(error, "its interpreter %s is missing", text_get(&word));
    } else if (len > 4 && strcmp(text_get(&word) + len - 4, "/env") == 0) {
        /* `#!/usr/bin/env -S A=1 python3` is about python3 */
        while (next_word(&line, &word) && (*text_get(&word) == '-' || strchr(text_get(&word), '=')))
            ;
        if (word.len > 0 && !is_program(app, text_get(&word)))
            text_printf(error, "its interpreter %s is not in PATH", text_get(&word));
    }
}

static void check_interpreter(const struct check *check, const struct check_app *app, const char *key,
                              const struct launch *launch) {
    char *line = NULL;
    size_t len = 0;
    struct text error TEXT_AUTO = {0};
    if (fs_read_start(launch->program, SCRIPT_LINE_MAX, &line, &len) < 0)
        return;
    if (strncmp(line, "#!", 2) == 0)
        judge_interpreter(app, line + 2, &error);
    free(line);
    if (error.len > 0)
        check_find(check, app, RULE_INTERPRETER, key, NULL, "%s: %s: %s", key,
                   launch->words.count > 0 ? launch->words.list[0] : launch->program, text_get(&error));
}

static void check_program(const struct check *check, struct check_app *app, const char *key, const char *command) {
    struct launch launch = {0};
    struct proc_spec spec = {0};
    struct text error TEXT_AUTO = {0};
    if (!launch_command(&check->launch, &app->config, command, &app->env, 1, &launch, &spec, &error))
        find_program(check, app, key, command, text_get(&error));
    else
        check_interpreter(check, app, key, &launch);
    launch_fini(&launch);
}

/* npm scripts */

/* package.json of the app's folder; the caller decrefs. NULL with the reason in error. */
static json_t *read_package(const struct check *check, const struct check_app *app, struct text *error) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/package.json", app->cwd);
    char *bytes = NULL;
    size_t len = 0;
    int r = path.failed ? -ENOMEM : fs_read(text_get(&path), PACKAGE_JSON_MAX, &bytes, &len);
    if (r < 0) {
        text_printf(error, "cannot read %s: %s", check_name(check, text_get(&path)), strerror(-r));
        return NULL;
    }
    json_error_t why;
    json_t *package = json_loadb(bytes, len, 0, &why);
    free(bytes);
    if (!package)
        text_printf(error, "%s:%d: is no JSON", check_name(check, text_get(&path)), why.line);
    return package;
}

static json_t *package_script(json_t *package, const char *name) {
    return json_object_get(json_object_get(package, "scripts"), name);
}

static void check_npm_script(const struct check *check, const struct check_app *app, const char *name) {
    struct text error TEXT_AUTO = {0};
    json_t *package = read_package(check, app, &error);
    bool has_default = strcmp(name, "start") == 0; /* node server.js */
    if (package && !package_script(package, name) && !has_default)
        text_printf(&error, "package.json has no script \"%s\"", name);
    json_decref(package);
    if (error.len > 0)
        check_find(check, app, RULE_NPM_SCRIPT, "command", NULL, "command: %s", text_get(&error));
}

static bool has_dependencies(const json_t *package) {
    return json_object_size(json_object_get(package, "dependencies")) > 0 ||
           json_object_size(json_object_get(package, "devDependencies")) > 0;
}

void check_command_read(const struct check *check, const struct check_app *app, struct check_command *out) {
    *out = (struct check_command){0};
    struct text unused TEXT_AUTO = {0};
    if (!words_split(app->config.command, &out->words, &unused))
        return;
    out->script_name = lint_npm_script(out->words.list, out->words.count);
    json_t *package = read_package(check, app, &unused);
    const char *script = json_string_value(package_script(package, out->script_name ? out->script_name : ""));
    if (script)
        (void)words_split(script, &out->script, &unused);
    out->has_dependencies = has_dependencies(package);
    json_decref(package);
}

void check_command_fini(struct check_command *command) {
    words_fini(&command->words);
    words_fini(&command->script);
}

/* What they give away */

static void check_development(const struct check *check, const struct check_app *app,
                              const struct check_command *command) {
    struct text what TEXT_AUTO = {0};
    if (app->is_development)
        return;
    if (lint_is_development_command(command->words.list, command->words.count, &what))
        check_find(check, app, RULE_DEV_COMMAND, "command", NULL, "command is for development: %s", text_get(&what));
    else if (lint_is_development_command(command->script.list, command->script.count, &what))
        check_find(check, app, RULE_DEV_COMMAND, "command", NULL,
                   "command is for development: %s, by the script %s of package.json", text_get(&what),
                   command->script_name);
}

static bool is_of_node(const struct check_command *command) {
    for (size_t i = 0; i < command->words.count; i++)
        if (lint_is_node(command->words.list[i]))
            return true;
    return false;
}

static void check_node_env(const struct check *check, const struct check_app *app,
                           const struct check_command *command) {
    static const char *const known[] = {"production", "development", "test"};
    const struct env_var *var = env_find(&app->env, "NODE_ENV");
    if (!var || app->is_development || !is_of_node(command))
        return;
    const char *value = var->assignment + var->name_len + 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i]) == 0)
            return;
    struct diag_place place = {.app = app->app->name, .file = check->manifest->file, .line = app->app->line};
    if (var->line > 0) {
        place.file = var->origin;
        place.line = var->line;
    }
    check_find_at(check, app, RULE_NODE_ENV, &place,
                  "NODE_ENV is \"%.32s\", which Next.js does not know (production, development, test)", value);
}

static bool has_file(const struct check_app *app, const char *folder, const char *name) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/%s/%s", app->cwd, folder, name);
    return fs_mtime_ms(text_get(&path)) >= 0;
}

/* The settings module tells the folder of asgi.py: Django keeps both together. */
static bool has_asgi(const struct check_app *app, const struct check_command *command) {
    if (has_file(app, ".", "asgi.py"))
        return true;
    const char *settings = env_get(&app->env, "DJANGO_SETTINGS_MODULE");
    struct text folder TEXT_AUTO = {0};
    if (settings)
        text_append(&folder, settings, strcspn(settings, "."));
    if (folder.len > 0 && has_file(app, text_get(&folder), "asgi.py"))
        return true;
    for (size_t i = 0; i < command->words.count; i++) { /* gunicorn shop.wsgi:application */
        const char *wsgi = strstr(command->words.list[i], ".wsgi");
        text_clear(&folder);
        if (wsgi)
            text_append(&folder, command->words.list[i], (size_t)(wsgi - command->words.list[i]));
        if (folder.len > 0 && has_file(app, text_get(&folder), "asgi.py"))
            return true;
    }
    return false;
}

static void check_wsgi(const struct check *check, const struct check_app *app, const struct check_command *command) {
    if (lint_is_wsgi(command->words.list, command->words.count) && has_asgi(app, command))
        check_find(check, app, RULE_WSGI, "command", NULL,
                   "command serves WSGI, which answers WebSockets with 404, and there is an asgi.py");
}

void check_commands(const struct check *check, struct check_app *app) {
    check_program(check, app, "command", app->config.command);
    for (size_t i = 0; i < app->config.pre_start.count; i++)
        check_program(check, app, "pre_start", app->config.pre_start.items[i]);
    if (app->config.stop_command)
        check_program(check, app, "stop_command", app->config.stop_command);
    if (app->config.ready.kind == CONDITION_EXEC)
        check_program(check, app, "ready", app->config.ready.path);
    struct check_command command;
    check_command_read(check, app, &command);
    if (command.script_name && !app->config.shell)
        check_npm_script(check, app, command.script_name);
    check_development(check, app, &command);
    check_node_env(check, app, &command);
    check_wsgi(check, app, &command);
    check_command_fini(&command);
}
