/* What the upkeep command runs in its own process: the supervisor, and the checks that need no supervisor. */
#ifndef UPKEEP_DAEMON_DAEMON_H
#define UPKEEP_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"

/* `upkeep run`: supervises until told to end. apps: which to start, all autostarted ones when app_count is 0.
 * started_fd: -1, or where one byte is written once the control socket answers (upkeep start waits for it; an error is
 * written there as a line instead). Returns the exit code. */
int daemon_run(struct manifest *manifest, char *const *apps, size_t app_count, int started_fd);

/* `upkeep check`: everything that would make a start fail, into diags: executables, folders, env files, ports. */
void daemon_check(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags);

/* Reads and parses a manifest file; the one way in for every command. path: as named by the user. False with diags. */
bool daemon_load(const char *path, const char *profile, struct manifest *out, struct diags *diags);

#endif
