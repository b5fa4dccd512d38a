#include "core/layers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dotenv.h"
#include "core/expand.h"
#include "core/manifest_keys.h"
#include "core/manifest_value.h"

struct builder {
    const struct manifest *manifest;
    const struct env *inherited;
    layers_read_file *read_file;
    void *context;
    struct env *env;
    struct diags *diags;
    const char *manifest_file; /* its name, as long-lived as env */
    bool is_good;
};

static void complain(struct builder *b, unsigned line, const char *key, const char *what) {
    b->is_good = false;
    diags_add(b->diags, DIAG_ERROR, b->manifest->file, line, "%s: %s", key, what);
}

/* What speaks to one process of a service manager would, passed on, make the apps answer for us (NOTIFY_SOCKET) or take
 * our sockets for theirs (LISTEN_FDS), or their log file for the journal (JOURNAL_STREAM, see daemon/output.h). What an
 * outer supervisor said to us is not about our apps. */
static bool is_ours_alone(const struct env_var *var) {
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_PID",   "WATCHDOG_USEC",  "LISTEN_PID",
                                        "LISTEN_FDS",    "LISTEN_FDNAMES", "LISTEN_PIDFDID", "JOURNAL_STREAM"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == var->name_len && memcmp(names[i], var->assignment, var->name_len) == 0)
            return true;
    return strncmp(var->assignment, "UPKEEP_", 7) == 0;
}

static bool set(struct builder *b, const char *name, size_t name_len, const char *value, const char *origin,
                unsigned line) {
    if (env_set(b->env, name, name_len, value, origin, line))
        return true;
    diags_add(b->diags, DIAG_ERROR, b->manifest->file, 0,
              "the environment has no room: too many variables, or too large ones");
    return b->is_good = false;
}

/* What the key `user` says of its user is there even when nothing is inherited. */
static void inherit(struct builder *b, bool inherits_all) {
    for (size_t i = 0; i < b->inherited->count; i++) {
        const struct env_var *var = &b->inherited->vars[i];
        const char *value = var->assignment + var->name_len + 1;
        bool is_wanted = var->origin == ENV_ORIGIN_USER || (inherits_all && !is_ours_alone(var));
        if (is_wanted && !set(b, var->assignment, var->name_len, value, var->origin, var->line))
            return;
    }
}

/* The key's value as a start would resolve it, with ${…} from env; false when it is not written, or bad. */
static bool read_key(struct builder *b, const struct manifest_app *app, const char *name, const struct env *env,
                     struct app_config *config) {
    struct setting setting = manifest_setting(app, name);
    if (!setting.text)
        return false;
    const struct manifest_value value = {.key = manifest_key_find(manifest_app_keys, name),
                                         .text = setting.text,
                                         .line = setting.line,
                                         .file = b->manifest->file,
                                         .env = env,
                                         .diags = b->diags};
    bool is_read = manifest_value_read(&value, config) == VALUE_GOOD;
    b->is_good &= is_read;
    return is_read;
}

static bool wants_inherited(struct builder *b, const struct manifest_app *app) {
    struct app_config config = {.inherit_env = true};
    (void)read_key(b, app, "inherit_env", b->inherited, &config);
    return config.inherit_env;
}

static void read_env_file(struct builder *b, const char *name, bool is_optional, unsigned line) {
    char *path = manifest_path(b->manifest->supervisor.root, name, b->env);
    const char *origin = env_intern(b->env, name);
    char *bytes = NULL;
    size_t len = 0;
    int code = path && origin ? b->read_file(b->context, path, &bytes, &len) : -ENOMEM;
    free(path);
    if (code >= 0) {
        b->is_good &= dotenv_parse(bytes ? bytes : "", len, origin, b->env, b->diags);
        free(bytes);
    } else if (code != -ENOENT || !is_optional) {
        b->is_good = false;
        struct diag_place place = {.file = b->manifest->file, .line = line};
        if (code == -ENOENT)
            place.advice =
                "write it (from .env.example, where there is one), or make it optional with a ? before its name";
        diags_find(b->diags, RULE_MANIFEST, &place, "cannot read %s: %s", name, strerror(-code));
    }
}

/* One entry of env_file: `?` makes it optional. */
static void read_env_file_entry(struct builder *b, const char *entry, unsigned line) {
    bool is_optional = *entry == '?';
    entry += is_optional;
    entry += strspn(entry, " \t");
    TEXT_AUTO struct text name = {0};
    TEXT_AUTO struct text error = {0};
    if (!expand(entry, env_lookup, b->env, &name, &error))
        complain(b, line, "env_file", text_get(&error));
    else if (name.len == 0)
        complain(b, line, "env_file", "an empty name");
    else
        read_env_file(b, text_get(&name), is_optional, line);
}

/* Entries stand one a line or between commas. */
static void read_env_files(struct builder *b, const struct setting *setting) {
    TEXT_AUTO struct text entry = {0};
    unsigned line = setting->line;
    for (const char *c = setting->text; *c;) {
        size_t len = strcspn(c, ",\n");
        const char *start = c + strspn(c, " \t");
        const char *end = c + len;
        while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (end > start) {
            text_clear(&entry);
            text_append(&entry, start, (size_t)(end - start));
            read_env_file_entry(b, text_get(&entry), line);
        }
        line += c[len] == '\n';
        c += len + (c[len] != '\0');
    }
}

static void set_port(struct builder *b, const struct manifest_app *app) {
    struct app_config config = {0};
    if (!read_key(b, app, "port", b->env, &config))
        return;
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%" PRId64, config.port);
    set(b, "PORT", strlen("PORT"), digits, b->manifest_file, manifest_setting(app, "port").line);
}

bool layers_build(const struct manifest *manifest, const struct manifest_app *app, const struct env *inherited,
                  layers_read_file *read_file, void *context, struct env *env, struct diags *diags) {
    env_clear(env);
    struct builder b = {.manifest = manifest,
                        .inherited = inherited,
                        .read_file = read_file,
                        .context = context,
                        .env = env,
                        .diags = diags,
                        .manifest_file = env_intern(env, manifest->file),
                        .is_good = true};
    if (!b.manifest_file) {
        diags_add(diags, DIAG_ERROR, manifest->file, 0, "out of memory");
        return false;
    }
    inherit(&b, wants_inherited(&b, app));
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++) {
        const struct env_layer *layer = &app->layers[i];
        if (layer->env_file.text)
            read_env_files(&b, &layer->env_file);
        if (layer->env.text)
            b.is_good &= dotenv_parse_setting(layer->env.text, b.manifest_file, layer->env.line, env, diags);
    }
    set_port(&b, app);
    return b.is_good;
}
