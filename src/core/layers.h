/* The environment that an app's manifest sections and dotenv files give, low to high:
 * inherited < [defaults] env_file < [defaults] env < … for each section that applies < PORT. What upkeep itself adds at
 * a start (UPKEEP_*, NOTIFY_SOCKET) is the launcher's. */
#ifndef UPKEEP_CORE_LAYERS_H
#define UPKEEP_CORE_LAYERS_H

#include <stdbool.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"

/* How the layers get at a file: fills *bytes_out (heap, freed by the caller) and *len_out; 0 or -errno. path is
 * absolute. */
typedef int layers_read_file(void *context, const char *path, char **bytes_out, size_t *len_out);

/* Fills env (cleared first). inherited: the supervisor's own environment, used when inherit_env says so. Names of the
 * supervisor's service manager (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*) never pass; what is ENV_ORIGIN_USER always does.
 * ${…} in env, env_file and port see what is below them. False when a file was missing (without `?`), unreadable or
 * malformed, with all of it in diags as FILE:LINE. */
bool layers_build(const struct manifest *manifest, const struct manifest_app *app, const struct env *inherited,
                  layers_read_file *read_file, void *context, struct env *env, struct diags *diags);

#endif
