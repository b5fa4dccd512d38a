/* What the upkeep command does in its own process, whether a supervisor runs or not. It looks and runs as the
 * supervisor would, with the same rooms. */
#ifndef UPKEEP_LOCAL_LOCAL_H
#define UPKEEP_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"
#include "core/prepare.h"
#include "core/unit.h"

/* `upkeep check`: everything that would make a start fail, into diags: executables, folders, env files, ports. */
void local_check(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags);

/* `upkeep env` without a supervisor: fills env with what an app's start would be given now, as far as it does not
 * depend on a supervisor (no UPKEEP_*, no NOTIFY_SOCKET). The origins are borrowed from manifest. False with diags. */
bool local_environment(const struct manifest *manifest, const struct manifest_app *app, struct env *env,
                       struct diags *diags);

/* `upkeep unit`: fills in what of a unit follows from the manifest, and adds a warning for each thing that will differ
 * between this shell and a unit of that user: programs, variables, what the user may not reach. False when out of
 * memory. */
bool local_unit_survey(const struct manifest *manifest, const char *user, struct unit_spec *spec, struct diags *diags);

/* ---- upkeep prepare ---- */

/* The lock that keeps two of `prepare` and `deploy` apart, for as long as the descriptor is open; it is never waited
 * for. command: who takes it, for whoever is refused. The descriptor, or -errno with a sentence in error. */
int local_prepare_lock(const struct manifest *manifest, const char *command, struct text *error);

/* Runs the prepare lines of the apps until all are done, one has failed or a signal (SIGINT, SIGTERM, SIGQUIT, SIGHUP
 * where they are not ignored) asks to end; then nothing is left of any. The lock is the caller's. Signals and limits of
 * this process are as before when it returns. False when it could not begin, with a sentence in error; else *out, which
 * is to be freed, has what became of each app. */
bool local_prepare(const struct manifest *manifest, const struct prepare_wish *wish, struct prepare *out,
                   struct text *error);

/* A whole file as text: heap. 0 or -errno (fs_read()). */
int local_read_file(const char *path, char **bytes_out);

/* fs_make_dirs and fs_write_atomic, for a file that belongs to the user or the machine. 0 or -errno. */
int local_write_file(const char *path, const char *bytes, size_t len, unsigned mode);

#endif
