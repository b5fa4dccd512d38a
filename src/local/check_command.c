/* The programs that an app runs: whether they are there, what interprets them, and what they give away. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/lint.h"
#include "core/shell_line.h"
#include "host/fs.h"
#include "local/check.h"

enum {
    SCRIPTS_SHOWN = 6,
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
    struct diag_place place = check_place(check, app, key, command);
    place.advice = program_advice(error);
    check_find_at(check, app, RULE_PROGRAM, &place, "%s: %s", key, error);
}

bool check_needs_shell(const struct check *check, const struct check_app *app, enum rule_id rule, const char *key,
                       const char *command, const struct launch *launch) {
    const char *name = launch->words.count > 0 && launch->error == ENOENT ? launch->words.list[0] : "/";
    const char *advice = shell_line_advice(name);
    if (!advice)
        return false;
    struct diag_place place = check_place(check, app, key, command);
    place.advice = advice;
    check_find_at(check, app, rule, &place, "%s: cannot run %s without a shell", key, name);
    return true;
}

/* Whether the program can be executed, as seen from the app. */
static bool is_program(const struct check_app *app, const char *name) {
    char *found = NULL;
    int r = fs_find_program_for(check_rights(app), name, app->cwd, launch_path_list(&app->env), &found);
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
        text_printf(error, "its interpreter %s is missing%s", text_get(&word),
                    check_rights(app) ? ", or closed to the app's user" : "");
    } else if (len > 4 && strcmp(text_get(&word) + len - 4, "/env") == 0) {
        /* `#!/usr/bin/env -S A=1 python3` is about python3 */
        while (next_word(&line, &word) && (*text_get(&word) == '-' || strchr(text_get(&word), '=')))
            ;
        if (word.len > 0 && !is_program(app, text_get(&word)))
            text_printf(error, "its interpreter %s is not in PATH", text_get(&word));
    }
}

/* What interprets a script has to read it, with the rights of who runs it. name: as somebody wrote it. */
static bool may_read_script(const struct check *check, const struct check_app *app, const char *key, const char *name,
                            const char *path) {
    struct text why TEXT_AUTO = {0};
    struct text whom TEXT_AUTO = {0};
    const struct rights *rights = check_rights(app);
    if (!rights || rights_explain(rights, path, RIGHTS_READ, &why))
        return true;
    account_print(&app->terms.account, &whom);
    check_find(check, app, RULE_PROGRAM, key, NULL, "%s: %s cannot read %s: %s", key, text_get(&whom), name,
               text_get(&why));
    return false;
}

static void check_interpreter(const struct check *check, const struct check_app *app, const char *key,
                              const struct launch *launch) {
    char *line = NULL;
    size_t len = 0;
    struct text error TEXT_AUTO = {0};
    if (fs_read_start(launch->program, SCRIPT_LINE_MAX, &line, &len) < 0)
        return;
    const char *name = launch->words.count > 0 ? launch->words.list[0] : launch->program;
    if (strncmp(line, "#!", 2) == 0 && may_read_script(check, app, key, name, launch->program))
        judge_interpreter(app, line + 2, &error);
    free(line);
    if (error.len > 0)
        check_find(check, app, RULE_INTERPRETER, key, NULL, "%s: %s: %s", key, name, text_get(&error));
}

void check_shell_sign(const struct check *check, const struct check_app *app, const char *key, const char *command) {
    struct text sign TEXT_AUTO = {0};
    if (app->config.shell || !words_shell_sign(command, &sign))
        return;
    bool is_variable = sign.data[0] == '$' && sign.data[1] != '(';
    struct diag_place place = check_place(check, app, key, command);
    if (is_variable)
        place.advice = "write ${NAME}, which upkeep fills in, or set shell = true";
    check_find_at(check, app, RULE_SHELL_SIGN, &place, "%s: %s is for a shell, and no shell runs this", key,
                  text_get(&sign));
}

static void check_program(const struct check *check, struct check_app *app, const char *key, const char *command) {
    struct launch launch = {0};
    struct proc_spec spec = {.terms = &app->terms};
    struct text error TEXT_AUTO = {0};
    if (launch_command(&check->launch, &app->config, command, &app->env, 1, &launch, &spec, &error)) {
        check_interpreter(check, app, key, &launch);
        check_shell_sign(check, app, key, command);
    } else if (!check_needs_shell(check, app, RULE_PROGRAM, key, command, &launch)) {
        find_program(check, app, key, command, text_get(&error));
    }
    launch_fini(&launch);
}

/* ---- what the command runs in the end --------------------------------------------------------------------------- */

static void check_npm_script(const struct check *check, const struct check_app *app, const struct check_step *step) {
    const char *folder = NULL;
    const char *name = lint_npm_script(step->words, step->count, &folder);
    if (!name || !step->folder || !step->must_work || (folder && !shell_line_is_literal(folder)))
        return;
    struct text at TEXT_AUTO = {0};
    struct text error TEXT_AUTO = {0};
    text_path(&at, step->folder, folder);
    json_t *package = check_package(check, text_get(&at), &error);
    json_t *scripts = json_object_get(package, "scripts");
    bool has_default = strcmp(name, "start") == 0 && check_has_file(text_get(&at), "server.js");
    if (package && !json_object_get(scripts, name) && !has_default) {
        text_printf(&error, "package.json has no script \"%s\"", name);
        const char *other;
        json_t *value;
        size_t count = 0;
        json_object_foreach(scripts, other, value) {
            if (count++ < SCRIPTS_SHOWN)
                text_printf(&error, "%s%s", count == 1 ? " (it has " : ", ", other);
        }
        text_str(&error, count > 0 ? ")" : "");
    }
    json_decref(package);
    if (error.len > 0)
        check_find(check, app, RULE_NPM_SCRIPT, "command", NULL, "command: %s", text_get(&error));
}

static void find_missing(const struct check *check, const struct check_app *app, const char *advice,
                         const char *error) {
    struct diag_place place = check_place(check, app, "command", NULL);
    place.advice = advice;
    check_find_at(check, app, RULE_PROGRAM, &place, "command: %s", error);
}

/* What a shell is told to run: whether it would find it. */
static void check_step_program(const struct check *check, const struct check_app *app, const struct check_step *step) {
    const char *name = step->words[0];
    char *found = NULL;
    if (!step->is_shells || !step->programs || !shell_line_is_literal(name) || (strchr(name, '/') && !step->folder))
        return;
    int r = fs_find_program_for(check_rights(app), name, step->folder ? step->folder : "/", step->programs, &found);
    free(found);
    if (r >= 0)
        return;
    struct text error TEXT_AUTO = {0};
    if (step->script)
        text_printf(&error, "the script %s of package.json runs %s, which is neither in node_modules/.bin nor in PATH",
                    step->script, name);
    else
        text_printf(&error, "its shell cannot execute %s: %s", name, strerror(-r));
    find_missing(check, app, step->script ? "install the packages: npm ci (or yarn, pnpm)" : program_advice(name),
                 text_get(&error));
}

/* `node server.js` */
static void check_step_file(const struct check *check, const struct check_app *app, const struct check_step *step) {
    const char *name = lint_script_file(step->words, step->count);
    if (!name || !step->folder || !shell_line_is_literal(name))
        return;
    if (check_has_file(step->folder, name)) {
        struct text path TEXT_AUTO = {0};
        text_path(&path, step->folder, name);
        (void)may_read_script(check, app, "command", name, text_get(&path));
        return;
    }
    struct text error TEXT_AUTO = {0};
    text_printf(&error, "%s has no %s to run", step->words[0], name);
    bool is_built = strncmp(name, "dist/", 5) == 0 || strncmp(name, "build/", 6) == 0 || strstr(name, ".next/");
    find_missing(check, app, is_built ? "build it: npm run build" : "correct the path, which is relative to cwd",
                 text_get(&error));
}

/* nginx goes into the background unless it is told not to, on its command line or in its configuration. */
static bool is_nginx_background(const struct check_step *step, struct text *what) {
    const char *conf = "/etc/nginx/nginx.conf";
    const char *prefix = NULL;
    if (strcmp(lint_program(step->words[0]), "nginx") != 0 || !step->folder)
        return false;
    for (size_t i = 1; i < step->count; i++) {
        const char *word = step->words[i];
        if (strstr(word, "daemon off") || strcmp(word, "-t") == 0 || strcmp(word, "-T") == 0 || strcmp(word, "-s") == 0)
            return false;
        if (i + 1 < step->count && strcmp(word, "-c") == 0)
            conf = step->words[++i];
        else if (i + 1 < step->count && strcmp(word, "-p") == 0)
            prefix = step->words[++i];
    }
    struct text base TEXT_AUTO = {0};
    struct text path TEXT_AUTO = {0};
    if (conf[0] != '/' && !prefix) /* relative to what was compiled in */
        return false;
    text_path(&base, step->folder, prefix);
    text_path(&path, text_get(&base), conf);
    char *bytes = NULL;
    size_t len = 0;
    if (path.failed || fs_read_file(NULL, text_get(&path), &bytes, &len) < 0)
        return false;
    bool is_told = false;
    for (const char *at = bytes; (at = strstr(at, "daemon")) && !is_told; at += strlen("daemon")) {
        const char *value = at + strlen("daemon");
        size_t blanks = strspn(value, " \t\n");
        is_told = blanks > 0 && strncmp(value + blanks, "off", 3) == 0;
    }
    free(bytes);
    if (!is_told)
        text_printf(what, "nginx without \"daemon off;\" in %s or in -g", conf);
    return !is_told;
}

static void check_background(const struct check *check, const struct check_app *app, const struct check_step *step) {
    struct text what TEXT_AUTO = {0};
    if (app->config.type == APP_SERVICE && step->must_work &&
        (lint_is_background(step->words, step->count, &what) || is_nginx_background(step, &what)))
        check_find(check, app, RULE_BACKGROUND, "command", NULL, "command goes into the background: %s",
                   text_get(&what));
}

static void check_development(const struct check *check, const struct check_app *app, const struct check_step *step) {
    struct text what TEXT_AUTO = {0};
    if (app->is_development || !lint_is_development_command(step->words, step->count, &what))
        return;
    if (step->script)
        text_printf(&what, ", by the script %s of package.json", step->script);
    check_find(check, app, RULE_DEV_COMMAND, "command", NULL, "command is for development: %s", text_get(&what));
}

static bool is_of_node(const struct check_step *step) {
    for (size_t i = 0; i < step->count; i++)
        if (lint_is_node(step->words[i]))
            return true;
    return false;
}

static void check_node_env(const struct check *check, const struct check_app *app, const struct check_step *step) {
    static const char *const known[] = {"production", "development", "test"};
    const struct env_var *var = env_find(&app->env, "NODE_ENV");
    if (!var || app->is_development || !is_of_node(step))
        return;
    const char *value = var->assignment + var->name_len + 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i]) == 0)
            return;
    bool is_written = var->line > 0;
    struct diag_place place = {.app = app->app->name,
                               .file = is_written ? var->origin : check->manifest->file,
                               .line = is_written ? var->line : app->app->line};
    check_find_at(check, app, RULE_NODE_ENV, &place,
                  "NODE_ENV is \"%.32s\"%s, which Next.js does not know (production, development, test)", value,
                  is_written ? "" : " in this shell");
}

static void check_step(const struct check *check, const struct check_app *app, const struct check_step *step) {
    check_npm_script(check, app, step);
    if (step->must_work) {
        check_step_program(check, app, step);
        check_step_file(check, app, step);
        check_python(check, app, step);
    }
    check_background(check, app, step);
    check_development(check, app, step);
    check_node_env(check, app, step);
    check_asgi(check, app, step);
}

static void check_probes(const struct check *check, struct check_app *app) {
    if (app->config.health.kind == CONDITION_EXEC)
        check_program(check, app, "health", app->config.health.path);
    for (size_t i = 0; i < app->config.verify.count; i++) {
        struct condition condition = {0};
        struct text unused TEXT_AUTO = {0};
        (void)condition_parse(app->config.verify.items[i], &condition, &unused);
        if (condition.kind == CONDITION_EXEC)
            check_program(check, app, "verify", condition.path);
        condition_fini(&condition);
    }
}

void check_commands(const struct check *check, struct check_app *app) {
    check_program(check, app, "command", app->config.command);
    for (size_t i = 0; i < app->config.pre_start.count; i++)
        check_program(check, app, "pre_start", app->config.pre_start.items[i]);
    if (app->config.stop_command)
        check_program(check, app, "stop_command", app->config.stop_command);
    if (app->config.ready.kind == CONDITION_EXEC)
        check_program(check, app, "ready", app->config.ready.path);
    check_probes(check, app);
    check_walk(check, app, check_step);
}
