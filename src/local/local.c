#include "local/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/launch.h"
#include "host/fs.h"

bool local_environment(const struct manifest *manifest, const struct manifest_app *app, struct env *env,
                       struct diags *diags) {
    struct env inherited = {0};
    bool ok = env_import(&inherited, environ, ENV_ORIGIN_INHERITED);
    struct launch_context context = {manifest, &inherited, NULL};
    ok = launch_environment(&context, app, env, diags) && ok;
    env_fini(&inherited);
    return ok;
}

int local_read_file(const char *path, char **bytes_out) {
    size_t len = 0;
    return fs_read_file(NULL, path, bytes_out, &len);
}

int local_write_file(const char *path, const char *bytes, size_t len, unsigned mode) {
    char *folder = strdup(path);
    if (!folder)
        return -ENOMEM;
    *strrchr(folder, '/') = '\0';
    int r = fs_make_dirs(folder, 0755);
    free(folder);
    return r < 0 ? r : fs_write_atomic(path, bytes, len, mode);
}
