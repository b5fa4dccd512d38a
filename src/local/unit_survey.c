/* What will differ between this shell and a systemd unit, found by making each app's start under both. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/layers.h"
#include "core/unit_stack.h"
#include "daemon/launch.h"
#include "host/fs.h"
#include "host/rights.h"
#include "local/local.h"

enum { SHEBANG_BYTES = 256, NAMES_SHOWN = 8 };

/* One of the two places that a stack can be started from. */
struct place {
    struct env inherited;
    struct launch_context launch;
};

struct survey {
    const struct manifest *manifest;
    const struct rights *rights; /* of the user it will run as; NULL: whoever asks */
    const char *user;
    struct place shell;
    struct place unit;
    struct diags *diags;
};

/* One app in one of them. */
struct start {
    struct env env;
    struct app_config config;
    struct diags diags;
    bool is_good;
};

static void start_init(struct start *start, const struct survey *survey, const struct place *place,
                       const struct manifest_app *app) {
    start->is_good = launch_environment(&place->launch, app, &start->env, &start->diags);
    start->is_good =
        manifest_resolve(survey->manifest, app, &start->env, &start->config, &start->diags) && start->is_good;
}

static void start_fini(struct start *start) {
    app_config_fini(&start->config);
    env_fini(&start->env);
    diags_fini(&start->diags);
}

/* ---- environment ------------------------------------------------------------------------------------------------ */

/* What systemd sets for a service (systemd.exec(5), "Environment Variables in Spawned Processes"). */
static bool place_init_unit(struct place *place, const struct passwd *user) {
    const char *lang = getenv("LANG");
    const struct {
        const char *name, *value;
    } rows[] = {{"PATH", UNIT_PATH},
                {"LANG", lang},
                {"HOME", user ? user->pw_dir : NULL},
                {"USER", user ? user->pw_name : NULL},
                {"LOGNAME", user ? user->pw_name : NULL},
                {"SHELL", user ? user->pw_shell : NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value &&
            !env_set(&place->inherited, rows[i].name, strlen(rows[i].name), rows[i].value, ENV_ORIGIN_INHERITED, 0))
            return false;
    return true;
}

/* Of the shell or the terminal itself: no app hangs on these. */
static bool is_of_the_session(const char *assignment) {
    static const char *const beginnings[] = {
        "_=",   "PWD=",  "OLDPWD=",   "SHLVL=",  "TERM",        "COLORTERM=", "LS_COLORS=", "SSH_",
        "XDG_", "DBUS_", "DISPLAY=",  "WAYLAND", "MAIL=",       "EDITOR=",    "VISUAL=",    "PAGER=",
        "LESS", "SUDO_", "HIST",      "PS1=",    "PS2=",        "LC_",        "LANG",       "VTE_",
        "TMUX", "STY=",  "WINDOW",    "UPKEEP_", "NVM_",        "NO_COLOR=",  "DESKTOP_",   "GNOME_",
        "GTK_", "QT_",   "HOSTNAME=", "TMPDIR=", "XAUTHORITY=", "GPG_",       "KDE_"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(assignment, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* The names of what this shell would have given to the apps and systemd does not. */
static void survey_variables(const struct survey *survey) {
    struct text names TEXT_AUTO = {0};
    size_t count = 0;
    for (size_t i = 0; i < survey->shell.inherited.count; i++) {
        const struct env_var *var = &survey->shell.inherited.vars[i];
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        if (is_of_the_session(var->assignment) || env_get(&survey->unit.inherited, text_get(&name)))
            continue;
        if (count++ < NAMES_SHOWN)
            text_printf(&names, "%s%s", names.len > 0 ? ", " : "", text_get(&name));
    }
    if (count > NAMES_SHOWN)
        text_printf(&names, " and %zu more", count - NAMES_SHOWN);
    if (count > 0)
        diags_add(survey->diags, DIAG_NOTE, survey->manifest->file, 0,
                  "this shell sets %s; systemd does not: what an app needs of it belongs in env or env_file",
                  text_get(&names));
}

/* Variables of the manifest that come out otherwise. Never their values, which may be secrets. */
static void survey_values(const struct survey *survey, const struct manifest_app *app, const struct start *shell,
                          const struct start *unit) {
    for (size_t i = 0; i < unit->env.count; i++) {
        const struct env_var *var = &unit->env.vars[i];
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        const char *here = env_get(&shell->env, text_get(&name));
        if (var->line == 0 || strcmp(text_get(&name), "PATH") == 0 ||
            (here && strcmp(here, var->assignment + var->name_len + 1) == 0))
            continue;
        diags_add(survey->diags, DIAG_WARNING, var->origin, var->line,
                  "%s: %s comes out otherwise under systemd than in this shell, whose variables are not there",
                  app->name, text_get(&name));
    }
}

/* ---- programs --------------------------------------------------------------------------------------------------- */

/* The folder of a version manager in path (`.nvm`), or NULL: an upgrade there removes what is named here. */
static const char *version_manager(const char *path) {
    static const char *const managers[] = {".nvm",   ".fnm",   ".volta", ".asdf",
                                           ".pyenv", ".rbenv", ".n",     ".local/share/mise"};
    for (size_t i = 0; i < sizeof managers / sizeof *managers; i++) {
        struct text folder TEXT_AUTO = {0};
        text_printf(&folder, "/%s/", managers[i]);
        if (strstr(path, text_get(&folder)))
            return managers[i];
    }
    return NULL;
}

/* Where a start finds a program; NULL when it does not. Heap. */
static char *start_find(const struct survey *survey, const struct start *start, const char *program) {
    char *cwd =
        manifest_path(survey->manifest->supervisor.root, start->config.cwd ? start->config.cwd : ".", &start->env);
    const char *path = env_get(&start->env, "PATH");
    char *found = NULL;
    if (cwd && fs_find_program(program, cwd, path ? path : UNIT_PATH, &found) < 0)
        found = NULL;
    free(cwd);
    return found;
}

struct command {
    const struct manifest_app *app;
    const char *key;
    const struct start *shell;
    const struct start *unit;
};

static void survey_program(const struct survey *survey, const struct command *command, const char *program,
                           const char *wanted_by);

/* `#!/usr/bin/env node`: what npm and its like are run by is looked up in PATH as well. */
static void survey_interpreter(const struct survey *survey, const struct command *command, const char *path) {
    static const char env[] = "#!/usr/bin/env ";
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read_start(path, SHEBANG_BYTES, &bytes, &len) < 0)
        return;
    bytes[strcspn(bytes, "\n")] = '\0';
    if (strncmp(bytes, env, strlen(env)) == 0) {
        char *name = bytes + strlen(env);
        name += strncmp(name, "-S ", 3) == 0 ? 3 : 0;
        name[strcspn(name, " \t")] = '\0';
        if (name[0] && !strchr(name, '/') && !strchr(name, '='))
            survey_program(survey, command, name, path);
    }
    free(bytes);
}

static void survey_found(const struct survey *survey, const struct command *command, const char *what, const char *here,
                         const char *there) {
    const char *manifest = survey->manifest->file;
    unsigned line = manifest_setting(command->app, command->key).line;
    const char *app = command->app->name;
    if (!there) {
        diags_add(survey->diags, DIAG_WARNING, manifest, line,
                  "%s: %s: %s is %s here and is not found under systemd, whose PATH no shell has set: name it by its "
                  "path, or set PATH in env",
                  app, command->key, what, here);
        return;
    }
    if (here && strcmp(here, there) != 0)
        diags_add(survey->diags, DIAG_WARNING, manifest, line, "%s: %s: %s is %s here and %s under systemd", app,
                  command->key, what, here, there);
    if (version_manager(there))
        diags_add(survey->diags, DIAG_WARNING, manifest, line,
                  "%s: %s: %s belongs to a version manager (%s): an upgrade there takes it away", app, command->key,
                  there, version_manager(there));
    if (survey->rights && !rights_can(survey->rights, there, RIGHTS_EXECUTE))
        diags_add(survey->diags, DIAG_WARNING, manifest, line, "%s: %s: user %s may not execute %s", app, command->key,
                  survey->user, there);
}

static void survey_program(const struct survey *survey, const struct command *command, const char *program,
                           const char *wanted_by) {
    char *here = start_find(survey, command->shell, program);
    char *there = start_find(survey, command->unit, program);
    struct text what TEXT_AUTO = {0};
    text_str(&what, program);
    if (wanted_by)
        text_printf(&what, ", which runs %s,", wanted_by);
    if (here || there) /* found nowhere: that is for upkeep check */
        survey_found(survey, command, text_get(&what), here, there);
    if (!wanted_by && (there || here))
        survey_interpreter(survey, command, there ? there : here);
    free(here);
    free(there);
}

/* A shell's commands too begin with a program, mostly. */
static void survey_command(const struct survey *survey, const struct command *command, const char *line) {
    struct words words = {0};
    struct text unused TEXT_AUTO = {0};
    if (line && words_split(line, &words, &unused)) {
        size_t first = 0;
        while (first < words.count && command->unit->config.shell &&
               (strchr(words.list[first], '=') || strcmp(words.list[first], "exec") == 0))
            first++;
        if (first < words.count)
            survey_program(survey, command, words.list[first], NULL);
    }
    words_fini(&words);
}

static void survey_commands(const struct survey *survey, const struct manifest_app *app, const struct start *shell,
                            const struct start *unit) {
    const struct app_config *config = &unit->config;
    struct command command = {app, "command", shell, unit};
    survey_command(survey, &command, config->command);
    command.key = "pre_start";
    for (size_t i = 0; i < config->pre_start.count; i++)
        survey_command(survey, &command, config->pre_start.items[i]);
    command.key = "stop_command";
    survey_command(survey, &command, config->stop_command);
    command.key = "ready";
    if (config->ready.kind == CONDITION_EXEC)
        survey_command(survey, &command, config->ready.path);
    command.key = "health";
    if (config->health.kind == CONDITION_EXEC)
        survey_command(survey, &command, config->health.path);
}

/* ---- one app, and all ------------------------------------------------------------------------------------------- */

/* What stands against the start under systemd and not here. */
static void survey_mistakes(const struct survey *survey, const struct start *shell, const struct start *unit) {
    for (size_t i = 0; i < unit->diags.count; i++) {
        const struct diag *found = &unit->diags.list[i];
        bool is_here = false;
        for (size_t j = 0; j < shell->diags.count; j++)
            is_here = is_here || strcmp(shell->diags.list[j].text, found->text) == 0;
        if (!is_here)
            diags_add(survey->diags, DIAG_WARNING, found->file, found->line,
                      "%s (under systemd, where this shell's variables are not there)", found->text);
    }
}

static void survey_app(const struct survey *survey, const struct manifest_app *app, struct app_config *config_out) {
    struct start shell = {0};
    struct start unit = {0};
    start_init(&shell, survey, &survey->shell, app);
    start_init(&unit, survey, &survey->unit, app);
    survey_mistakes(survey, &shell, &unit);
    if (shell.is_good && unit.is_good) {
        survey_values(survey, app, &shell, &unit);
        survey_commands(survey, app, &shell, &unit);
    }
    /* Where systemd's environment is not enough, this shell's says what was meant. */
    struct start *better = !unit.is_good && shell.is_good ? &shell : &unit;
    *config_out = better->config;
    better->config = (struct app_config){0};
    start_fini(&shell);
    start_fini(&unit);
}

/* What the supervisor itself must reach as that user. Folders that are not there yet are made in the nearest that is.
 */
static void survey_rights(const struct survey *survey) {
    const struct supervisor_config *supervisor = &survey->manifest->supervisor;
    const struct {
        const char *path;
        enum rights_wish wish;
        const char *words;
    } rows[] = {{survey->manifest->file, RIGHTS_READ, "read"},
                {supervisor->root, RIGHTS_EXECUTE, "enter"},
                {supervisor->runtime_dir, RIGHTS_WRITE, "write in"},
                {supervisor->log_dir, RIGHTS_WRITE, "write in"}};
    for (size_t i = 0; survey->rights && i < sizeof rows / sizeof *rows; i++) {
        bool is_made = strncmp(rows[i].path, "/run/", 5) == 0 || strncmp(rows[i].path, "/var/log/", 9) == 0;
        if (!(is_made && rows[i].wish == RIGHTS_WRITE) && !rights_can(survey->rights, rows[i].path, rows[i].wish))
            diags_add(survey->diags, DIAG_WARNING, survey->manifest->file, 0, "user %s may not %s %s", survey->user,
                      rows[i].words, rows[i].path);
    }
}

static bool survey_apps(const struct survey *survey, struct unit_spec *spec) {
    size_t count = survey->manifest->app_count;
    struct app_config *configs = calloc(count + 1, sizeof *configs);
    if (!configs)
        return false;
    for (size_t i = 0; i < count; i++)
        survey_app(survey, &survey->manifest->apps[i], &configs[i]);
    bool ok = unit_stack(survey->manifest, configs, spec);
    for (size_t i = 0; i < count; i++)
        app_config_fini(&configs[i]);
    free(configs);
    return ok;
}

bool local_unit_survey(const struct manifest *manifest, const char *user, struct unit_spec *spec, struct diags *diags) {
    struct survey survey = {.manifest = manifest, .user = user, .diags = diags};
    const struct passwd *entry = getpwnam(user);
    struct rights rights;
    if (entry && rights_init(&rights, entry) && entry->pw_uid != 0)
        survey.rights = &rights;
    bool ok =
        place_init_unit(&survey.unit, entry) && env_import(&survey.shell.inherited, environ, ENV_ORIGIN_INHERITED);
    survey.shell.launch = (struct launch_context){manifest, &survey.shell.inherited, NULL};
    survey.unit.launch = (struct launch_context){manifest, &survey.unit.inherited, NULL};
    if (!entry)
        diags_add(diags, DIAG_WARNING, NULL, 0, "there is no user %s on this machine", user);
    ok = ok && survey_apps(&survey, spec);
    if (ok) {
        survey_rights(&survey);
        survey_variables(&survey);
    }
    env_fini(&survey.shell.inherited);
    env_fini(&survey.unit.inherited);
    return ok;
}
