/* `python -m MODULE` in a virtual environment: whether that has been installed there. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "core/lint.h"
#include "core/shell_line.h"
#include "host/fs.h"
#include "local/check.h"

/* A setting of pyvenv.cfg: `home = /usr/bin`. Nothing when it is not there. */
static void print_setting(const char *config, const char *name, struct text *out) {
    size_t len = strlen(name);
    for (const char *line = config; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *sign = line + strspn(line, "abcdefghijklmnopqrstuvwxyz-_");
        const char *value = sign + strspn(sign, " ");
        if ((size_t)(sign - line) != len || strncmp(line, name, len) != 0 || *value != '=')
            continue;
        value += 1 + strspn(value + 1, " ");
        text_append(out, value, strcspn(value, "\r\n"));
        return;
    }
}

static bool matches(const char *folder, const char *pattern) {
    struct text path TEXT_AUTO = {0};
    glob_t found = {0};
    text_printf(&path, "%s/%s", folder, pattern);
    bool is_match = path.failed || glob(text_get(&path), GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return is_match;
}

/* As a package, a file, or compiled. where: a pattern that ends with a slash, or "". */
static bool has_module(const char *folder, const char *where, const char *module) {
    static const char *const endings[] = {"", ".py", ".*.so"};
    bool found = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !found; i++) {
        struct text pattern TEXT_AUTO = {0};
        text_printf(&pattern, "%s%s%s", where, module, endings[i]);
        found = matches(folder, text_get(&pattern));
    }
    return found;
}

/* Whether files tell Python of more places to look. Two come with the installers themselves and tell of none. */
static bool has_links(const char *environment) {
    static const char *const harmless[] = {"distutils-precedence.pth", "_virtualenv.pth"};
    struct text pattern TEXT_AUTO = {0};
    glob_t found = {0};
    size_t links = 0;
    text_printf(&pattern, "%s/lib/python*/site-packages/*.pth", environment);
    if (!pattern.failed && glob(text_get(&pattern), GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *name = lint_program(found.gl_pathv[i]);
            links += strcmp(name, harmless[0]) != 0 && strcmp(name, harmless[1]) != 0;
        }
    globfree(&found);
    return links > 0 || matches(environment, "lib/python*/site-packages/*.egg-link");
}

/* Whether all places are known where Python would look: not with packages of the system, or installed as links. */
static bool is_closed(const char *environment, const char *config) {
    struct text system TEXT_AUTO = {0};
    print_setting(config, "include-system-site-packages", &system);
    return strcmp(text_get(&system), "false") == 0 && !has_links(environment);
}

/* The module's first name: `app` of `app.main`. False when this is no `-m`. */
static bool print_module(const struct check_step *step, struct text *module) {
    bool is_module = step->count > 2 && strncmp(lint_program(step->words[0]), "python", 6) == 0 &&
                     strcmp(step->words[1], "-m") == 0 && shell_line_is_literal(step->words[2]);
    if (is_module)
        text_append(module, step->words[2], strcspn(step->words[2], "."));
    return is_module;
}

/* The folder above bin/python; false when the program is not in one. */
static bool print_environment(const struct check_step *step, struct text *environment) {
    const char *program = step->words[0];
    const char *bin = strstr(program, "/bin/python");
    if (!bin || !step->folder || !shell_line_is_literal(program))
        return false;
    text_printf(environment, "%s%s%.*s", program[0] == '/' ? "" : step->folder, program[0] == '/' ? "" : "/",
                (int)(bin - program), program);
    return !strpbrk(text_get(environment), "*?[\\"); /* signs of patterns */
}

void check_python(const struct check *check, const struct check_app *app, const struct check_step *step) {
    struct text module TEXT_AUTO = {0};
    struct text environment TEXT_AUTO = {0};
    struct text path TEXT_AUTO = {0};
    struct text home TEXT_AUTO = {0};
    char *config = NULL;
    size_t len = 0;
    if (!print_module(step, &module) || !print_environment(step, &environment) || env_find(&app->env, "PYTHONPATH"))
        return;
    text_printf(&path, "%s/pyvenv.cfg", text_get(&environment));
    if (fs_read_file(NULL, text_get(&path), &config, &len) < 0)
        return;
    print_setting(config, "home", &home);
    bool is_known = is_closed(text_get(&environment), config) && matches(text_get(&home), "../lib/python3*/os.py");
    free(config);
    if (!is_known || has_module(step->folder, "", text_get(&module)) ||
        has_module(text_get(&environment), "lib/python*/site-packages/", text_get(&module)) ||
        has_module(text_get(&home), "../lib/python3*/", text_get(&module)) ||
        has_module(text_get(&home), "../lib/python3*/lib-dynload/", text_get(&module)))
        return;
    struct diag_place place = check_place(check, app, "command", NULL);
    place.advice = "install the packages: pip install -r requirements.txt, or uv sync";
    check_find_at(check, app, RULE_PROGRAM, &place, "command: %s has no module %s", step->words[0], text_get(&module));
}
