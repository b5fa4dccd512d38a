/* What would make a start fail, or a deployment go wrong, found without starting anything. */
#include "local/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/layers.h"
#include "core/lint.h"
#include "core/manifest_keys.h"
#include "daemon/leftover.h"
#include "daemon/lock.h"
#include "daemon/require.h"
#include "host/fs.h"
#include "local/local.h"

static bool check_is_ignored(const struct check_app *app, enum rule_id rule) {
    for (size_t i = 0; app && i < app->config.lint_ignore.count; i++)
        if (strcmp(app->config.lint_ignore.items[i], rule_rows[rule].id) == 0)
            return true;
    return false;
}

__attribute__((format(printf, 5, 0))) static void check_find_text(const struct check *check,
                                                                  const struct check_app *app, enum rule_id rule,
                                                                  const struct diag_place *place, const char *format,
                                                                  va_list args) {
    if (check_is_ignored(app, rule))
        return;
    struct text text TEXT_AUTO = {0};
    struct text remedy TEXT_AUTO = {0};
    struct diag_place here = *place;
    text_vprintf(&text, format, args);
    /* A program that no installer brings is not to be had by installing. */
    bool is_installed = rule_rows[rule].prepare_mends && (place->advice || rule != RULE_PROGRAM);
    if (is_installed && require_print_remedy(app->app, &app->config, &remedy))
        here.advice = text_get(&remedy);
    diags_find(check->diags, rule, &here, "%s", text_get(&text));
}

struct diag_place check_place(const struct check *check, const struct check_app *app, const char *key,
                              const char *entry) {
    struct setting setting = manifest_setting(app->app, key);
    struct diag_place place = {.app = app->app->name, .file = check->manifest->file, .line = app->app->line};
    if (setting.text)
        place.line = entry ? manifest_line_of(&setting, entry) : setting.line;
    return place;
}

void check_find(const struct check *check, const struct check_app *app, enum rule_id rule, const char *key,
                const char *entry, const char *format, ...) {
    struct diag_place place = check_place(check, app, key, entry);
    va_list args;
    va_start(args, format);
    check_find_text(check, app, rule, &place, format, args);
    va_end(args);
}

void check_find_at(const struct check *check, const struct check_app *app, enum rule_id rule,
                   const struct diag_place *place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    check_find_text(check, app, rule, place, format, args);
    va_end(args);
}

const char *check_name(const struct check *check, const char *path) {
    const char *root = check->manifest->supervisor.root;
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

/* What keeps who checks, or the app's own user, from entering it; 0: nothing that can be seen. */
static int check_enter(const struct check_app *app, struct text *why) {
    struct stat st;
    const struct rights *rights = check_rights(app);
    if (stat(app->cwd, &st) < 0)
        return rights && errno == EACCES ? 0 : errno;
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    if (!rights)
        return access(app->cwd, X_OK) < 0 ? errno : 0;
    return rights_explain(rights, app->cwd, RIGHTS_EXECUTE, why) ? 0 : EACCES;
}

/* What somebody may have meant by the name of a folder that is not there. NULL: just that. */
static const char *folder_advice(const char *name) {
    size_t len = strlen(name);
    if (len > 1 && strchr("\"'", name[0]) && name[len - 1] == name[0])
        return "write it without quotes: they are part of the name here";
    if (strchr(name, '\\'))
        return "write it with slashes (web/app), relative to root";
    if (name[0] == '~' && name[1] != '/')
        return "write the folder itself: only ~/ stands for a home";
    return NULL;
}

/* False when the folder cannot be entered: then nothing relative to it is worth a finding of its own. */
static bool check_cwd(const struct check *check, struct check_app *app) {
    const char *root = check->manifest->supervisor.root;
    const char *name = app->config.cwd ? app->config.cwd : root;
    struct setting setting = manifest_setting(app->app, "cwd");
    struct text closed TEXT_AUTO = {0};
    struct text whom TEXT_AUTO = {0};
    app->cwd = manifest_path(root, app->config.cwd ? app->config.cwd : ".", &app->env);
    int why = app->cwd ? check_enter(app, &closed) : ENOMEM;
    if (check_rights(app))
        account_print(&app->terms.account, &whom);
    if (closed.len > 0)
        check_find(check, app, RULE_FOLDER, "cwd", NULL, "%s cannot enter %s: %s", text_get(&whom), name,
                   text_get(&closed));
    else if (why != 0)
        check_find_at(check, app, RULE_FOLDER,
                      &(struct diag_place){.app = app->app->name,
                                           .file = check->manifest->file,
                                           .line = setting.text ? setting.line : app->app->line,
                                           .advice = folder_advice(name)},
                      "cannot enter %s: %s", name, strerror(why));
    return why == 0;
}

/* A folder of the supervisor's own that cannot be made, said once. */
static void check_folder(const struct check *check, const char *key, const char *path) {
    struct text at TEXT_AUTO = {0};
    text_str(&at, path);
    /* The nearest folder that is there must let us make the rest. */
    struct stat st;
    while (at.len > 1 && stat(text_get(&at), &st) < 0 && errno == ENOENT) {
        char *slash = strrchr(at.data, '/');
        if (!slash)
            break;
        at.len = slash == at.data ? 1 : (size_t)(slash - at.data);
        at.data[at.len] = '\0';
    }
    int why = stat(text_get(&at), &st) < 0             ? errno
              : !S_ISDIR(st.st_mode)                   ? ENOTDIR
              : access(text_get(&at), W_OK | X_OK) < 0 ? errno
                                                       : 0;
    if (why != 0)
        diags_find(check->diags, RULE_FOLDER, &(struct diag_place){.file = check->manifest->file},
                   "%s: cannot write in %s: %s", key, text_get(&at), strerror(why));
}

/* Reads a dotenv file for the layers, and remembers that it is one, unless it can be read only once (a pipe). */
static int check_read_env_file(void *context, const char *path, char **bytes_out, size_t *len_out) {
    struct list *files = context;
    int r = fs_read_file(NULL, path, bytes_out, len_out);
    struct stat st;
    bool is_kept = r >= 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    char **items = !is_kept ? NULL : reallocarray(files->items, files->count + 1, sizeof *items);
    if (!items)
        return r;
    files->items = items;
    files->items[files->count] = strdup(path);
    files->count += files->items[files->count] != NULL;
    return r;
}

static void check_app_fini(struct check_app *app) {
    for (size_t i = 0; i < app->env_files.count; i++)
        free(app->env_files.items[i]);
    free(app->env_files.items);
    free(app->cwd);
    launch_terms_fini(&app->terms);
    app_config_fini(&app->config);
    env_fini(&app->env);
}

/* NULL when the stack is called as its folder is, which says nothing. */
static const char *check_written_name(const struct manifest *manifest) {
    size_t row = (size_t)(manifest_key_find(manifest_supervisor_keys, "name") - manifest_supervisor_keys);
    return manifest->supervisor_settings[row].text ? manifest->supervisor.name : NULL;
}

static void check_one(const struct check *check, const struct manifest_app *manifest_app) {
    struct check_app app = {.app = manifest_app};
    size_t before = check->diags->count;
    bool ok = launch_layers(&check->launch, manifest_app, check_read_env_file, &app.env_files, &app.env, check->diags);
    ok = manifest_resolve(check->manifest, manifest_app, &app.env, &app.config, check->diags) && ok;
    diags_give_app(check->diags, before, manifest_app->name);
    if (ok && check_terms(check, &app)) {
        const struct manifest *manifest = check->manifest;
        app.is_development = lint_is_development(manifest->profile, check_written_name(manifest), &app.env);
        require_look(&check->launch, manifest_app, &app.config, &app.env, check->diags);
        if (check_cwd(check, &app)) {
            check_commands(check, &app);
            check_builds(check, &app);
            check_habits(check, &app);
            check_prepare(check, &app);
        }
        check_port(check, &app);
        check_listen(check, &app);
        check_journal(check, &app);
        check_services(check, &app);
        check_secrets(check, &app);
        check_homes(check, &app);
    }
    check_dotenv(check, &app);
    check_app_fini(&app);
}

/* Two apps on one port: the second would be refused at its start. */
static void check_ports_differ(const struct check *check, size_t index) {
    const struct manifest_app *apps = check->manifest->apps;
    for (size_t i = 0; check->ports[index] != 0 && i < index; i++) {
        if (check->ports[i] != check->ports[index])
            continue;
        struct diag_place place = {.app = apps[index].name,
                                   .file = check->manifest->file,
                                   .line = manifest_setting(&apps[index], "port").line};
        diags_find(check->diags, RULE_PORT_TWICE, &place, "port %lld is also the port of %s",
                   (long long)check->ports[index], apps[i].name);
        return;
    }
}

static void check_read_ports(struct check *check) {
    for (size_t i = 0; i < check->manifest->app_count; i++) {
        struct env env = {0};
        struct app_config config = {0};
        struct diags unused = {0}; /* said by check_one */
        (void)launch_environment(&check->launch, &check->manifest->apps[i], &env, &unused);
        (void)manifest_resolve(check->manifest, &check->manifest->apps[i], &env, &config, &unused);
        check->ports[i] = config.port;
        if (config.ready.kind == CONDITION_TCP || config.ready.kind == CONDITION_HTTP)
            check->served_ports[i] = config.ready.number;
        app_config_fini(&config);
        env_fini(&env);
        diags_fini(&unused);
    }
}

static void check_all(struct check *check, char *const *apps, size_t app_count) {
    const struct manifest *manifest = check->manifest;
    struct stat st;
    check->has_running = leftover_read(manifest->supervisor.runtime_dir, &check->running) &&
                         stat(manifest->supervisor.runtime_dir, &st) == 0;
    check->runner = check->has_running ? st.st_uid : 0;
    check->supervisor = lock_holder(manifest->supervisor.runtime_dir, LOCK_SUPERVISOR, NULL);
    check_read_ports(check);
    check_folder(check, "log_dir", manifest->supervisor.log_dir);
    check_folder(check, "runtime_dir", manifest->supervisor.runtime_dir);
    check_supervisor_homes(check);
    for (size_t i = 0; i < manifest->app_count; i++) {
        if (!manifest_is_named(manifest->apps[i].name, apps, app_count))
            continue;
        check_one(check, &manifest->apps[i]);
        check_ports_differ(check, i);
    }
}

void local_check(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags) {
    struct env inherited = {0};
    struct check check = {.manifest = manifest,
                          .launch = {.manifest = manifest, .inherited = &inherited},
                          .ports = calloc(manifest->app_count + 1, sizeof *check.ports),
                          .served_ports = calloc(manifest->app_count + 1, sizeof *check.served_ports),
                          .diags = diags};
    if (check.ports && check.served_ports && env_import(&inherited, environ, ENV_ORIGIN_INHERITED))
        check_all(&check, apps, app_count);
    else
        diags_add(diags, DIAG_ERROR, manifest->file, 0, "out of memory");
    free(check.ports);
    free(check.served_ports);
    env_fini(&inherited);
}
