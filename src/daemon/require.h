/* What an app requires before it is started: require_env and require_path. */
#ifndef UPKEEP_DAEMON_REQUIRE_H
#define UPKEEP_DAEMON_REQUIRE_H

#include <stdbool.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"
#include "daemon/launch.h"

/* All that is missing, into diags. env: as launch_environment made it. No value is quoted. */
void require_look(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                  const struct env *env, struct diags *diags);

/* For a start. False with the first of it in error (`.env:3: API_KEY is empty, and require_env names it`). */
bool require_met(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                 const struct env *env, struct text *error);

/* What to do about something that the app's own prepare lines make: appends `upkeep prepare backend`. False when it has
 * none. */
bool require_print_remedy(const struct manifest_app *app, const struct app_config *config, struct text *out);

/* The first dotenv file in a folder that is no example and sets the variable (NULL: any) to something: its path, and
 * the line. Only files that `is_wanted` (NULL: all) says yes to, by their name and context, are looked at. */
bool require_find_dotenv(const char *folder, const char *variable,
                         bool (*is_wanted)(const char *name, const void *context), const void *context,
                         struct text *path_out, unsigned *line_out);

#endif
