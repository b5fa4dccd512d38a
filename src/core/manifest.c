#include "core/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/manifest_keys.h"
#include "core/manifest_memory.h"
#include "core/manifest_value.h"

void manifest_fini(struct manifest *manifest) {
    for (const struct manifest_key *key = manifest_supervisor_keys; key->name; key++)
        manifest_value_fini(key, &manifest->supervisor);
    free(manifest->apps);
    manifest_memory_fini(&manifest->chunks);
    *manifest = (struct manifest){0};
}

void list_fini(struct list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct list){0};
}

void app_config_fini(struct app_config *config) {
    for (const struct manifest_key *key = manifest_app_keys; key->name; key++)
        manifest_value_fini(key, config);
    *config = (struct app_config){0};
}

unsigned manifest_line_of(const struct setting *setting, const char *entry) {
    size_t len = strlen(entry);
    unsigned line = setting->line;
    for (const char *c = setting->text; c && *c; c++) {
        bool is_begin = c == setting->text || strchr(", \t\n", c[-1]);
        if (is_begin && strncmp(c, entry, len) == 0 && strchr(", \t\n", c[len]))
            return line;
        line += *c == '\n';
    }
    return setting->line;
}

struct setting manifest_setting(const struct manifest_app *app, const char *key) {
    return app->settings[manifest_key_find(manifest_app_keys, key) - manifest_app_keys];
}

const struct manifest_app *manifest_find(const struct manifest *manifest, const char *name) {
    for (size_t i = 0; i < manifest->app_count; i++)
        if (strcmp(manifest->apps[i].name, name) == 0)
            return &manifest->apps[i];
    return NULL;
}

bool manifest_is_named(const char *app, char *const *names, size_t name_count) {
    for (size_t i = 0; i < name_count; i++)
        if (strcmp(names[i], app) == 0)
            return true;
    return name_count == 0;
}

bool manifest_is_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strspn(name, allowed);
    return len > 0 && len <= LIMIT_NAME && name[len] == '\0';
}

/* Appends path, joined with what is there by one slash, without `.` and empty components. `..` stays: through a
 * symbolic link it is not the folder above, and that is for the kernel to know. */
static void join(const char *path, struct text *out) {
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len > 0 && !(len == 1 && *path == '.')) {
            if (out->len == 0 || out->data[out->len - 1] != '/')
                text_char(out, '/');
            text_append(out, path, len);
        }
        path += len + (path[len] == '/');
    }
}

char *manifest_path(const char *base, const char *path, const struct env *env) {
    struct text out = {0};
    bool is_home = path[0] == '~' && (path[1] == '/' || path[1] == '\0');
    const char *home = is_home && env ? env_get(env, "HOME") : NULL;
    if (home)
        join(home, &out);
    else if (*path != '/')
        join(base, &out);
    join(home ? path + 1 : path, &out);
    if (out.len == 0)
        text_char(&out, '/');
    return text_take(&out);
}
