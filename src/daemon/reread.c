#include "daemon/reread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "host/fs.h"

char *reread_path(const struct manifest *manifest) {
    const char *slash = strrchr(manifest->file, '/');
    return manifest_path(manifest->dir, slash ? slash + 1 : manifest->file, NULL);
}

bool reread_manifest(const struct manifest *manifest, const struct env *environment, struct manifest *out,
                     struct diags *diags) {
    *out = (struct manifest){0};
    char *path = reread_path(manifest);
    char *bytes = NULL;
    size_t len = 0;
    int r = path ? fs_read(path, LIMIT_MANIFEST_FILE, &bytes, &len) : -ENOMEM;
    free(path);
    if (r < 0) {
        diags_add(diags, DIAG_ERROR, manifest->file, 0, "cannot read the manifest: %s", strerror(-r));
        return false;
    }
    bool ok = manifest_parse(bytes, len, manifest->file, manifest->dir, manifest->profile, environment, out, diags);
    free(bytes);
    return ok;
}
