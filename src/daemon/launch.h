/* Making one start of one app: environment, typed config, program, folder, words. */
#ifndef UPKEEP_DAEMON_LAUNCH_H
#define UPKEEP_DAEMON_LAUNCH_H

#include <stdint.h>

#include "core/env.h"
#include "core/layers.h"
#include "core/manifest.h"
#include "core/words.h"
#include "daemon/seen.h"
#include "host/proc.h"

/* What all starts share. */
struct launch_context {
    const struct manifest *manifest;
    const struct env *inherited;
    struct seen *seen; /* remembers the dotenv files that are read; NULL: they are not remembered */
};

/* Everything that one command of an app is run with; borrowed by the proc_spec that points into it. Zero-initialised is
 * empty. */
struct launch {
    struct words words;
    const char *shell_argv[4];
    char *shell_command;
    char *program;
    char *cwd;
    int error; /* errno of what could not be entered or executed, 0 for none */
};

/* launch_environment() below, with files read by read_file. */
bool launch_layers(const struct launch_context *context, const struct manifest_app *app, layers_read_file *read_file,
                   void *read_context, struct env *env, struct diags *diags);

/* Reads the dotenv files anew and makes the environment as manifest and files have it; HOME and the like are
 * those of the user that the app runs as. False with what is wrong in diags. */
bool launch_environment(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                        struct diags *diags);

/* Appends the first error and how many there are beside it. */
void launch_first_error(const struct diags *diags, struct text *error);

/* Makes env, and config from it; what is wrong keeps its default. Then: false, and the first mistake in error
 * (`.env:3: …`). */
bool launch_configure(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                      struct app_config *config, struct text *error);

/* Adds what upkeep itself tells an app: UPKEEP_APP and so on. False when out of memory. */
bool launch_export(const struct launch_context *context, const char *app, struct env *env);

/* The PATH that programs are looked up in: that of env, or what stands for it where there is none. Borrowed. */
const char *launch_path_list(const struct env *env);

/* Who an app runs as and within what limits, from its config, for spec->terms. False with a sentence in error: there is
 * no such user, or we may not run anything as that user. May block (account_find()). */
bool launch_terms(const struct app_config *config, struct proc_terms *terms, struct text *error);

/* The same, whether we may or not. */
bool launch_find_terms(const struct app_config *config, struct proc_terms *terms, struct text *error);
void launch_terms_fini(struct proc_terms *terms);

/* Fills spec (path, argv, envp, cwd, tag; its terms are there already: programs are looked for with their rights) for
 * one of the app's commands: the main one, a pre_start, the stop_command or a prepare line. False with the reason in
 * error (`cannot enter web-ui: No such file or directory`, `cannot find npm in PATH
 * (/usr/bin:/bin)`). */
bool launch_command(const struct launch_context *context, const struct app_config *config, const char *command,
                    struct env *env, uint32_t tag, struct launch *launch, struct proc_spec *spec, struct text *error);
void launch_fini(struct launch *launch);

/* What stands against a limit that was refused at this step (`nice: less than …`); NULL when the step is none of those.
 */
const char *launch_say_limit(enum proc_step step);

/* Says why a spec that was filled could not be started. cwd: as the user wrote it, NULL when not. */
void launch_say_failure(const struct proc_spec *spec, const char *cwd, const struct proc_failure *failure,
                        struct text *error);

#endif
