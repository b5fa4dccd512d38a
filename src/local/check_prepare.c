/* What `upkeep prepare` would stumble over. */
#include <string.h>

#include "local/check.h"
#include "local/record.h"

/* Whether a folder of PATH is one of the project's own, into which an earlier line may put what a later one runs. */
static bool has_own_programs(const struct check *check, const struct check_app *app) {
    const char *root = check->manifest->supervisor.root;
    const char *folder = env_get(&app->env, "PATH");
    size_t len = strlen(root);
    while (folder) {
        if (folder[0] != '/' || (strncmp(folder, root, len) == 0 && folder[len] == '/'))
            return true;
        folder = strchr(folder, ':');
        folder = folder ? folder + 1 : NULL;
    }
    return false;
}

/* What has a slash may be made by the lines before; in a shell's line anything may be meant. */
static void check_prepare_program(const struct check *check, struct check_app *app, const char *command) {
    struct launch launch = {0};
    struct proc_spec spec = {0};
    struct text error TEXT_AUTO = {0};
    bool ok = launch_command(&check->launch, &app->config, command, &app->env, 1, &launch, &spec, &error);
    const char *program = launch.words.count > 0 ? launch.words.list[0] : "/";
    if (!ok && !strchr(program, '/') &&
        !check_needs_shell(check, app, RULE_PREPARE_PROGRAM, "prepare", command, &launch))
        check_find(check, app, RULE_PREPARE_PROGRAM, "prepare", command, "prepare: %s", text_get(&error));
    launch_fini(&launch);
}

static void check_prepare_inputs(const struct check *check, const struct check_app *app) {
    struct text unmatched TEXT_AUTO = {0};
    struct text error TEXT_AUTO = {0};
    struct record_subject subject = {check->manifest, &app->config, &app->env, NULL};
    if (record_unmatched(&subject, app->cwd, &unmatched, &error) < 0)
        check_find(check, app, RULE_PREPARE_INPUTS, "prepare_inputs", NULL, "prepare_inputs: %s", text_get(&error));
    char *rest = NULL;
    for (char *line = unmatched.len > 0 ? strtok_r(unmatched.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        check_find(check, app, RULE_PREPARE_INPUTS, "prepare_inputs", line, "prepare_inputs: nothing is called %s",
                   line);
}

void check_prepare(const struct check *check, struct check_app *app) {
    if (!app->config.shell && !has_own_programs(check, app))
        for (size_t i = 0; i < app->config.prepare.count; i++)
            check_prepare_program(check, app, app->config.prepare.items[i]);
    for (size_t i = 0; i < app->config.prepare.count; i++)
        check_shell_sign(check, app, "prepare", app->config.prepare.items[i]);
    check_prepare_inputs(check, app);
}
