#include "daemon/launch.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/shell_line.h"
#include "host/fs.h"
#include "host/rights.h"

enum { LAUNCH_SCRIPT_LINE = 256 }; /* bytes of a script's first line that the kernel looks at */

/* ---- environment ---- */

static bool add_variable(struct env *env, const char *name, const char *value) {
    return !value || env_set(env, name, strlen(name), value, ENV_ORIGIN_USER, 0);
}

/* The inherited environment with what login(1) would set for the user in it. False with a finding at the key. */
static bool inherit_as(const struct launch_context *context, const struct manifest_app *app, struct env *out,
                       struct diags *diags) {
    struct setting user = manifest_setting(app, "user");
    struct setting group = manifest_setting(app, "group");
    struct account account = {0};
    struct text error TEXT_AUTO = {0};
    bool ok = account_find(user.text, group.text, &account, &error);
    if (!ok)
        diags_find(diags, RULE_USER,
                   &(struct diag_place){.file = context->manifest->file, .line = user.text ? user.line : group.line},
                   "%s", text_get(&error));
    for (size_t i = 0; ok && i < context->inherited->count; i++) {
        const struct env_var *var = &context->inherited->vars[i];
        ok = env_set(out, var->assignment, var->name_len, var->assignment + var->name_len + 1, var->origin, var->line);
    }
    if (ok)
        ok = add_variable(out, "HOME", account.home) && add_variable(out, "USER", account.name) &&
             add_variable(out, "LOGNAME", account.name) && add_variable(out, "SHELL", account.shell);
    account_fini(&account);
    return ok;
}

bool launch_layers(const struct launch_context *context, const struct manifest_app *app, layers_read_file *read_file,
                   void *read_context, struct env *env, struct diags *diags) {
    bool is_other = manifest_setting(app, "user").text || manifest_setting(app, "group").text;
    struct env inherited = {0};
    bool ok = !is_other || inherit_as(context, app, &inherited, diags);
    ok = layers_build(context->manifest, app, is_other ? &inherited : context->inherited, read_file, read_context, env,
                      diags) &&
         ok;
    env_fini(&inherited);
    return ok;
}

bool launch_environment(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                        struct diags *diags) {
    return launch_layers(context, app, context->seen ? seen_read_file : fs_read_file, context->seen, env, diags);
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

/* ---- terms ---- */

void launch_terms_fini(struct proc_terms *terms) {
    account_fini(&terms->account);
    *terms = (struct proc_terms){0};
}

bool launch_find_terms(const struct app_config *config, struct proc_terms *terms, struct text *error) {
    struct account account = {0};
    bool is_other = config->user || config->group;
    if (is_other &&
        !(account_find(config->user, config->group, &account, error) && account_find_groups(&account, error))) {
        account_fini(&account);
        return false;
    }
    launch_terms_fini(terms);
    *terms = (struct proc_terms){
        .account = account,
        .attributes = config->attributes,
    };
    return true;
}

bool launch_terms(const struct app_config *config, struct proc_terms *terms, struct text *error) {
    return launch_find_terms(config, terms, error) && account_is_allowed(&terms->account, error);
}

/* ---- commands ---- */

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

/* ` as user www`, where that is another than ours. */
static void print_as(const struct proc_terms *terms, struct text *out) {
    if (!terms || account_is_ours(&terms->account))
        return;
    text_str(out, " as ");
    account_print(&terms->account, out);
}

/* What keeps the user of the terms from path, as far as modes tell. */
static void print_denied(const struct proc_terms *terms, const char *path, struct text *out) {
    struct text why TEXT_AUTO = {0};
    struct rights rights;
    if (terms && !account_is_ours(&terms->account)) {
        rights_of(&rights, &terms->account);
        (void)rights_explain(&rights, path, RIGHTS_EXECUTE, &why);
    }
    text_str(out, why.len > 0 ? text_get(&why) : strerror(EACCES));
}

static void say_no_program(const struct proc_spec *spec, const char *name, const char *cwd, const char *path_list,
                           int why, struct text *error) {
    const char *advice = why == ENOENT ? shell_line_advice(name) : NULL;
    if (advice) {
        text_printf(error, "cannot run %s without a shell: %s", name, advice);
        return;
    }
    if (why == ENOENT && !strchr(name, '/')) {
        text_printf(error, "cannot find %s in PATH (%s)", name, path_list);
        return;
    }
    text_printf(error, "cannot execute %s", name);
    if (why == EACCES)
        print_as(spec->terms, error);
    if (!strchr(name, '/')) {
        text_printf(error, ", as found in PATH (%s): %s", path_list, strerror(why));
        return;
    }
    struct text path TEXT_AUTO = {0};
    text_path(&path, cwd, name);
    text_str(error, ": ");
    if (why == EACCES)
        print_denied(spec->terms, text_get(&path), error);
    else
        text_str(error, strerror(why));
}

const char *launch_path_list(const struct env *env) {
    const char *path_list = env_get(env, "PATH");
    return path_list ? path_list : "/usr/local/bin:/usr/bin:/bin";
}

bool launch_command(const struct launch_context *context, const struct app_config *config, const char *command,
                    struct env *env, uint32_t tag, struct launch *launch, struct proc_spec *spec, struct text *error) {
    char *const *argv = NULL;
    if (!launch_cwd(context, config, env, launch, error) || !launch_words(config, command, launch, &argv, error))
        return false;
    const char *path_list = launch_path_list(env);
    bool is_other = spec->terms && !account_is_ours(&spec->terms->account);
    struct rights rights;
    if (is_other)
        rights_of(&rights, &spec->terms->account);
    int r = fs_find_program_for(is_other ? &rights : NULL, argv[0], launch->cwd, path_list, &launch->program);
    if (r < 0) {
        launch->error = -r;
        say_no_program(spec, argv[0], launch->cwd, path_list, -r, error);
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

const char *launch_say_limit(enum proc_step step) {
    switch (step) {
    case PROC_STEP_LIMIT_NOFILE:
        return account_has_capability(CAP_SYS_RESOURCE)
                   ? "limit_nofile: nobody can have more than fs.nr_open"
                   : "limit_nofile: more than the hard limit takes root (CAP_SYS_RESOURCE)";
    case PROC_STEP_LIMIT_CORE:
        return "limit_core: more than the hard limit takes root (CAP_SYS_RESOURCE)";
    case PROC_STEP_NICE:
        return "nice: less than upkeep itself has takes root (CAP_SYS_NICE)";
    case PROC_STEP_OOM_SCORE_ADJ:
        return "oom_score_adj: less than upkeep itself was given takes root (CAP_SYS_RESOURCE)";
    case PROC_STEP_FORK:
    case PROC_STEP_DESCRIPTORS:
    case PROC_STEP_LIMITS:
    case PROC_STEP_ACCOUNT:
    case PROC_STEP_PRIVILEGES:
    case PROC_STEP_CWD:
    case PROC_STEP_EXEC:
        return NULL;
    }
    return NULL;
}

static void say_account_failure(const struct account *account, int why, struct text *error) {
    text_str(error, "cannot become ");
    account_print(account, error);
    text_printf(error, ": %s",
                why == ETIMEDOUT ? "the new process did not go on, as if that user had stopped it" : strerror(why));
}

void launch_say_failure(const struct proc_spec *spec, const char *cwd, const struct proc_failure *failure,
                        struct text *error) {
    bool is_cwd = failure->step == PROC_STEP_CWD;
    bool is_exec = failure->step == PROC_STEP_EXEC;
    const char *program = strchr(spec->argv[0], '/') ? spec->argv[0] : spec->path;
    bool is_denied = failure->error == EPERM || failure->error == EACCES;
    if (is_denied && launch_say_limit(failure->step)) {
        text_str(error, launch_say_limit(failure->step));
        return;
    }
    if (failure->step == PROC_STEP_ACCOUNT) {
        say_account_failure(&spec->terms->account, failure->error, error);
        return;
    }
    text_printf(error, "%s %s", proc_step_words(failure->step), !is_cwd ? program : cwd ? cwd : spec->cwd);
    if (is_denied && (is_cwd || is_exec))
        print_as(spec->terms, error);
    text_str(error, ": ");
    if (is_exec && failure->error == ENOENT && launch_say_interpreter(spec->path, error))
        return;
    if (is_exec && failure->error == ENOEXEC)
        text_str(error, "no program for this machine, and no script with a #! line");
    else if (is_exec && failure->error == EAGAIN)
        text_str(error, "its user has as many processes as it may have (ulimit -u)");
    else if (failure->error == EACCES && (is_cwd || is_exec))
        print_denied(spec->terms, is_exec ? spec->path : spec->cwd, error);
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
