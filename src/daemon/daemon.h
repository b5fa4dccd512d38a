/* The supervisor as a whole: `upkeep run`. */
#ifndef UPKEEP_DAEMON_DAEMON_H
#define UPKEEP_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/manifest.h"

/* `upkeep run`: supervises until told to end. apps: which to start, all autostarted ones when app_count is 0.
 * started_fd: -1, or the pipe of an `upkeep start`: a newline is written there once the control socket answers, or one
 * line that says why not, and it is closed. Then nothing is started by itself (and exit_when_done waits for the first
 * start): who waits there asks for it over the socket, so that a start has one asker and runs no oneshot twice. Returns
 * the exit code. */
int daemon_run(struct manifest *manifest, char *const *apps, size_t app_count, int started_fd);

/* Tells the service manager, if there is one, why `upkeep run` ends with this code before daemon_run() was called. */
void daemon_refuse(const char *why, int code);

/* Reads and parses a manifest file; the one way in for every command. path: as named by the user. False with diags. */
bool daemon_load(const char *path, const char *profile, struct manifest *out, struct diags *diags);

#endif
