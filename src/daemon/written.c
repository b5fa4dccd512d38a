#include "daemon/written.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/manifest_keys.h"
#include "host/fs.h"

struct written {
    const struct manifest *manifest;
    char *path;
    struct stat seen;
    bool has_changed;
    bool *stale; /* by app */
};

struct written *written_new(const struct manifest *manifest) {
    struct written *written = calloc(1, sizeof *written);
    if (!written)
        return NULL;
    const char *slash = strrchr(manifest->file, '/');
    written->manifest = manifest;
    written->path = manifest_path(manifest->dir, slash ? slash + 1 : manifest->file, NULL);
    written->stale = calloc(manifest->app_count + 1, sizeof *written->stale);
    if (!written->path || !written->stale) {
        written_free(written);
        return NULL;
    }
    (void)stat(written->path, &written->seen);
    return written;
}

void written_free(struct written *written) {
    if (!written)
        return;
    free(written->path);
    free(written->stale);
    free(written);
}

static bool written_same_string(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool written_same_app(const struct manifest_app *a, const struct manifest_app *b) {
    for (size_t i = 0; i < manifest_app_key_count; i++)
        if (!written_same_string(a->settings[i].text, b->settings[i].text))
            return false;
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++)
        if (!written_same_string(a->layers[i].env.text, b->layers[i].env.text) ||
            !written_same_string(a->layers[i].env_file.text, b->layers[i].env_file.text))
            return false;
    return true;
}

static bool written_same_supervisor(const struct supervisor_config *a, const struct supervisor_config *b) {
    return written_same_string(a->name, b->name) && written_same_string(a->root, b->root) &&
           written_same_string(a->runtime_dir, b->runtime_dir) && written_same_string(a->log_dir, b->log_dir) &&
           a->socket_mode == b->socket_mode && written_same_string(a->socket_group, b->socket_group) &&
           a->on_failure == b->on_failure && a->exit_when_done == b->exit_when_done && a->stop_order == b->stop_order &&
           a->ready_when == b->ready_when;
}

static void written_compare(struct written *written, const struct manifest *now) {
    const struct manifest *read = written->manifest;
    written->has_changed =
        now->app_count != read->app_count || !written_same_supervisor(&now->supervisor, &read->supervisor);
    for (size_t i = 0; i < read->app_count; i++) {
        const struct manifest_app *app = manifest_find(now, read->apps[i].name);
        written->stale[i] = !app || !written_same_app(app, &read->apps[i]);
        written->has_changed = written->has_changed || written->stale[i];
    }
}

/* A file that cannot be read or understood has changed, but says nothing about any app. */
static void written_read(struct written *written) {
    memset(written->stale, 0, written->manifest->app_count * sizeof *written->stale);
    written->has_changed = true;
    char *bytes;
    size_t len;
    if (fs_read(written->path, LIMIT_MANIFEST_FILE, &bytes, &len) < 0)
        return;
    struct env environment = {0};
    struct manifest now = {0};
    struct diags diags = {0};
    if (env_import(&environment, environ, ENV_ORIGIN_INHERITED) &&
        manifest_parse(bytes, len, written->manifest->file, written->manifest->dir, written->manifest->profile,
                       &environment, &now, &diags))
        written_compare(written, &now);
    manifest_fini(&now);
    diags_fini(&diags);
    env_fini(&environment);
    free(bytes);
}

void written_look(struct written *written) {
    struct stat now = {0};
    (void)stat(written->path, &now);
    const struct stat *seen = &written->seen;
    if (now.st_ino == seen->st_ino && now.st_dev == seen->st_dev && now.st_size == seen->st_size &&
        now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
        return;
    written->seen = now;
    written_read(written);
}

bool written_has_changed(const struct written *written) {
    return written->has_changed;
}

bool written_is_stale(const struct written *written, const struct manifest_app *app) {
    return written->stale[app - written->manifest->apps];
}

const char *written_path(const struct written *written) {
    return written->path;
}
