/* What the upkeep command runs in its own process: the supervisor, and the checks that need no supervisor. */
#ifndef UPKEEP_DAEMON_DAEMON_H
#define UPKEEP_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"
#include "core/prepare.h"
#include "core/unit.h"

/* `upkeep run`: supervises until told to end. apps: which to start, all autostarted ones when app_count is 0.
 * started_fd: -1, or the pipe of an `upkeep start`: a newline is written there once the control socket answers, or one
 * line that says why not, and it is closed. Then nothing is started by itself (and exit_when_done waits for the first
 * start): who waits there asks for it over the socket, so that a start has one asker and runs no oneshot twice. Returns
 * the exit code. */
int daemon_run(struct manifest *manifest, char *const *apps, size_t app_count, int started_fd);

/* Tells the service manager, if there is one, why `upkeep run` ends with this code before daemon_run() was called. */
void daemon_refuse(const char *why, int code);

/* `upkeep check`: everything that would make a start fail, into diags: executables, folders, env files, ports. */
void daemon_check(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags);

/* Reads and parses a manifest file; the one way in for every command. path: as named by the user. False with diags. */
bool daemon_load(const char *path, const char *profile, struct manifest *out, struct diags *diags);

/* `upkeep env` without a supervisor: fills env with what an app's start would be given now, as far as it does not
 * depend on a supervisor (no UPKEEP_*, no NOTIFY_SOCKET). The origins are borrowed from manifest. False with diags. */
bool daemon_environment(const struct manifest *manifest, const struct manifest_app *app, struct env *env,
                        struct diags *diags);

/* `upkeep unit`: fills in what of a unit follows from the manifest, and adds a warning for each thing that will differ
 * between this shell and a unit of that user: programs, variables, what the user may not reach. False when out of
 * memory. */
bool daemon_unit_survey(const struct manifest *manifest, const char *user, struct unit_spec *spec, struct diags *diags);

/* ---- upkeep prepare ---- */

/* The lock that keeps two of `prepare` and `deploy` apart, for as long as the descriptor is open; it is never waited
 * for. command: who takes it, for whoever is refused. The descriptor, or -errno with a sentence in error. */
int daemon_prepare_lock(const struct manifest *manifest, const char *command, struct text *error);

/* Runs the prepare lines of the apps until all are done, one has failed or a signal (SIGINT, SIGTERM, SIGQUIT, SIGHUP
 * where they are not ignored) asks to end; then nothing is left of any. The lock is the caller's. Signals and limits of
 * this process are as before when it returns. False when it could not begin, with a sentence in error; else *out, which
 * is to be freed, has what became of each app. */
bool daemon_prepare(const struct manifest *manifest, const struct prepare_wish *wish, struct prepare *out,
                    struct text *error);

/* fs_make_dirs and fs_write_atomic, for a file that belongs to the user or the machine. 0 or -errno. */
int daemon_write_file(const char *path, const char *bytes, size_t len, unsigned mode);

#endif
