#include "daemon/launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/layers.h"
#include "host/fs.h"

enum { LAUNCH_SCRIPT_LINE = 256 }; /* bytes of a script's first line that the kernel looks at */

bool launch_environment(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                        struct diags *diags) {
    return layers_build(context->manifest, app, context->inherited, context->seen ? seen_read_file : fs_read_file,
                        context->seen, env, diags);
}

void launch_first_error(const struct diags *diags, struct text *error) {
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->list[i].severity != DIAG_ERROR)
            continue;
        diag_print(&diags->list[i], error);
        if (diags->errors > 1)
            text_printf(error, " (and %zu more)", diags->errors - 1);
        return;
    }
    text_str(error, "out of memory");
}

bool launch_configure(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                      struct app_config *config, struct text *error) {
    struct diags diags = {0};
    bool ok = launch_environment(context, app, env, &diags);
    ok = manifest_resolve(context->manifest, app, env, config, &diags) && ok;
    if (!ok)
        launch_first_error(&diags, error);
    diags_fini(&diags);
    return ok;
}

bool launch_export(const struct launch_context *context, const char *app, struct env *env) {
    const struct supervisor_config *supervisor = &context->manifest->supervisor;
    const struct {
        const char *name, *value;
    } exports[] = {
        {"UPKEEP_APP", app},
        {"UPKEEP_INSTANCE", "1"},
        {"UPKEEP_NAME", supervisor->name},
        {"UPKEEP_ROOT", supervisor->root},
    };
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        if (!env_set(env, exports[i].name, strlen(exports[i].name), exports[i].value, ENV_ORIGIN_UPKEEP, 0))
            return false;
    return true;
}

/* The app's folder, absolute; said as the user wrote it when it cannot be entered. */
static bool launch_cwd(const struct launch_context *context, const struct app_config *config, const struct env *env,
                       struct launch *launch, struct text *error) {
    const char *root = context->manifest->supervisor.root;
    char *cwd = manifest_path(root, config->cwd ? config->cwd : ".", env);
    if (!cwd) {
        text_str(error, "out of memory");
        return false;
    }
    struct stat st;
    int why = stat(cwd, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    if (why != 0) {
        text_printf(error, "cannot enter %s: %s", config->cwd ? config->cwd : root, strerror(why));
        launch->error = why;
        free(cwd);
        return false;
    }
    launch->cwd = cwd;
    return true;
}

static bool launch_words(const struct app_config *config, const char *command, struct launch *launch,
                         char *const **argv_out, struct text *error) {
    if (config->shell) {
        launch->shell_command = strdup(command);
        if (!launch->shell_command) {
            text_str(error, "out of memory");
            return false;
        }
        launch->shell_argv[0] = "/bin/sh";
        launch->shell_argv[1] = "-c";
        launch->shell_argv[2] = launch->shell_command;
        *argv_out = (char *const *)launch->shell_argv;
        return true;
    }
    if (!words_split(command, &launch->words, error))
        return false;
    if (launch->words.count == 0) {
        text_str(error, "the command is empty");
        return false;
    }
    *argv_out = launch->words.list;
    return true;
}

bool launch_command(const struct launch_context *context, const struct app_config *config, const char *command,
                    struct env *env, uint32_t tag, struct launch *launch, struct proc_spec *spec, struct text *error) {
    char *const *argv = NULL;
    if (!launch_cwd(context, config, env, launch, error) || !launch_words(config, command, launch, &argv, error))
        return false;
    const char *path_list = env_get(env, "PATH");
    if (!path_list)
        path_list = "/usr/local/bin:/usr/bin:/bin";
    int r = fs_find_program(argv[0], launch->cwd, path_list, &launch->program);
    if (r < 0) {
        launch->error = -r;
        if (strchr(argv[0], '/'))
            text_printf(error, "cannot execute %s: %s", argv[0], strerror(-r));
        else if (r == -ENOENT)
            text_printf(error, "cannot find %s in PATH (%s)", argv[0], path_list);
        else
            text_printf(error, "cannot execute %s, as found in PATH (%s): %s", argv[0], path_list, strerror(-r));
        return false;
    }
    spec->path = launch->program;
    spec->argv = argv;
    spec->envp = env_envp(env);
    spec->cwd = launch->cwd;
    spec->tag = tag;
    if (!spec->envp)
        text_str(error, "out of memory for the environment");
    return spec->envp != NULL;
}

/* The kernel's `No such file or directory` for a script that is there means what stands behind its #!. */
static bool launch_say_interpreter(const char *path, struct text *error) {
    char *line = NULL;
    size_t len = 0;
    if (fs_read_start(path, LAUNCH_SCRIPT_LINE, &line, &len) < 0)
        return false;
    bool is_script = strncmp(line, "#!", 2) == 0;
    if (is_script) {
        const char *interpreter = line + 2 + strspn(line + 2, " \t");
        int word_len = (int)strcspn(interpreter, " \t\r\n");
        bool has_dos_ends = interpreter[word_len] == '\r';
        text_printf(error, "its interpreter %.*s is missing%s", word_len, interpreter,
                    has_dos_ends ? " (the file has Windows line ends)" : "");
    } else {
        text_str(error, "the loader that it was built for is missing");
    }
    free(line);
    return true;
}

void launch_say_failure(const struct proc_spec *spec, const char *cwd, const struct proc_failure *failure,
                        struct text *error) {
    bool is_cwd = failure->step == PROC_STEP_CWD;
    const char *program = strchr(spec->argv[0], '/') ? spec->argv[0] : spec->path;
    text_printf(error, "%s %s: ", proc_step_words(failure->step), !is_cwd ? program : cwd ? cwd : spec->cwd);
    bool is_exec = failure->step == PROC_STEP_EXEC;
    if (is_exec && failure->error == ENOENT && launch_say_interpreter(spec->path, error))
        return;
    if (is_exec && failure->error == ENOEXEC)
        text_str(error, "no program for this machine, and no script with a #! line");
    else
        text_str(error, strerror(failure->error));
}

void launch_fini(struct launch *launch) {
    words_fini(&launch->words);
    free(launch->shell_command);
    free(launch->program);
    free(launch->cwd);
    *launch = (struct launch){0};
}
