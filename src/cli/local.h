/* What the command does in its own process, without a supervisor. The command line cannot see src/local and src/daemon,
 * so main.c hands these in. */
#ifndef UPKEEP_CLI_LOCAL_H
#define UPKEEP_CLI_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"
#include "core/prepare.h"
#include "core/unit.h"

/* Each as its namesake in local/local.h; load, run and refuse in daemon/daemon.h. */
struct local {
    bool (*load)(const char *path, const char *profile, struct manifest *out, struct diags *diags);
    void (*check)(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags);
    int (*run)(struct manifest *manifest, char *const *apps, size_t app_count, int started_fd);
    void (*refuse)(const char *why, int code);
    bool (*environment)(const struct manifest *manifest, const struct manifest_app *app, struct env *env,
                        struct diags *diags);
    bool (*unit_survey)(const struct manifest *manifest, const char *user, struct unit_spec *spec, struct diags *diags);
    int (*prepare_lock)(const struct manifest *manifest, const char *command, struct text *error);
    bool (*prepare)(const struct manifest *manifest, const struct prepare_wish *wish, struct prepare *out,
                    struct text *error);
    int (*read_file)(const char *path, char **bytes_out);
    int (*write_file)(const char *path, const char *bytes, size_t len, unsigned mode);
};

#endif
