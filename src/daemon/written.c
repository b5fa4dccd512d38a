#include "daemon/written.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/manifest_diff.h"
#include "daemon/reread.h"

struct written {
    const struct manifest *manifest;
    const struct env *environment;
    char *path;
    struct stat seen;
    bool is_known; /* that the file, as it was seen, is what was read */
    bool has_changed;
    struct manifest now;
    struct manifest_diff diff; /* from manifest to now; empty when now has errors */
};

struct written *written_new(const struct manifest *manifest, const struct env *environment) {
    struct written *written = calloc(1, sizeof *written);
    if (!written)
        return NULL;
    written->manifest = manifest;
    written->environment = environment;
    written->path = reread_path(manifest);
    if (!written->path) {
        free(written);
        return NULL;
    }
    written->is_known = stat(written->path, &written->seen) == 0;
    return written;
}

static void written_clear(struct written *written) {
    manifest_diff_fini(&written->diff);
    manifest_fini(&written->now);
    written->has_changed = false;
}

void written_free(struct written *written) {
    if (!written)
        return;
    written_clear(written);
    free(written->path);
    free(written);
}

void written_forget(struct written *written) {
    written_clear(written);
    written->is_known = false;
}

/* A file that cannot be read or understood has changed, but says nothing about any app. */
static void written_read(struct written *written) {
    struct diags diags = {0};
    written_clear(written);
    written->has_changed = !reread_manifest(written->manifest, written->environment, &written->now, &diags) ||
                           !manifest_diff(written->manifest, &written->now, &written->diff) ||
                           !manifest_diff_is_empty(&written->diff);
    diags_fini(&diags);
}

void written_look(struct written *written) {
    struct stat now = {0};
    (void)stat(written->path, &now);
    const struct stat *seen = &written->seen;
    if (written->is_known && now.st_ino == seen->st_ino && now.st_dev == seen->st_dev && now.st_size == seen->st_size &&
        now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
        return;
    written->seen = now;
    written->is_known = true;
    written_read(written);
}

bool written_has_changed(const struct written *written) {
    return written->has_changed;
}

bool written_is_stale(const struct written *written, const struct manifest_app *app) {
    for (size_t i = 0; i < written->diff.count; i++)
        if (written->diff.apps[i].before == app)
            return written->diff.apps[i].kind != DIFF_SAME;
    return false;
}

const char *written_path(const struct written *written) {
    return written->path;
}
