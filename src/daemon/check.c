/* What would make a start fail, found without starting anything. Each check is a function of its own in one table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/layers.h"
#include "daemon/daemon.h"
#include "daemon/launch.h"
#include "daemon/leftover.h"
#include "daemon/require.h"
#include "host/fs.h"
#include "host/holder.h"
#include "host/listener.h"
#include "host/tree.h"

struct check {
    const struct manifest *manifest;
    struct launch_context launch;
    struct tag_range running; /* of a supervisor that runs now: its apps may hold their own ports */
    bool has_running;
    uid_t runner; /* and who it runs as */
    struct diags *diags;
};

/* One app under check. */
struct check_app {
    const struct manifest_app *app;
    struct env env;
    struct app_config config;
};

static void check_find(const struct check *check, const struct check_app *app, const char *key, const char *text) {
    struct setting setting = manifest_setting(app->app, key);
    unsigned line = setting.text ? setting.line : app->app->line;
    diags_add(check->diags, DIAG_ERROR, check->manifest->file, line, "%s: %s", app->app->name, text);
}

static void check_command(const struct check *check, struct check_app *app, const char *key, const char *command) {
    struct launch launch = {0};
    struct proc_spec spec = {0};
    struct text error TEXT_AUTO = {0};
    if (!launch_command(&check->launch, &app->config, command, &app->env, 1, &launch, &spec, &error)) {
        struct text text TEXT_AUTO = {0};
        text_printf(&text, "%s: %s", key, text_get(&error));
        check_find(check, app, key, text_get(&text));
    }
    launch_fini(&launch);
}

/* False when the folder cannot be entered: then nothing relative to it is worth a finding of its own. */
static bool check_cwd(const struct check *check, struct check_app *app) {
    const char *root = check->manifest->supervisor.root;
    char *cwd = manifest_path(root, app->config.cwd ? app->config.cwd : ".", &app->env);
    struct stat st;
    int why = !cwd                    ? ENOMEM
              : stat(cwd, &st) < 0    ? errno
              : !S_ISDIR(st.st_mode)  ? ENOTDIR
              : access(cwd, X_OK) < 0 ? errno
                                      : 0;
    free(cwd);
    if (why == 0)
        return true;
    struct text text TEXT_AUTO = {0};
    text_printf(&text, "cannot enter %s: %s", app->config.cwd ? app->config.cwd : root, strerror(why));
    check_find(check, app, "cwd", text_get(&text));
    return false;
}

static void check_commands(const struct check *check, struct check_app *app) {
    check_command(check, app, "command", app->config.command);
    for (size_t i = 0; i < app->config.pre_start.count; i++)
        check_command(check, app, "pre_start", app->config.pre_start.items[i]);
    if (app->config.stop_command)
        check_command(check, app, "stop_command", app->config.stop_command);
    if (app->config.ready.kind == CONDITION_EXEC)
        check_command(check, app, "ready", app->config.ready.path);
}

/* Whoever would keep us from listening on the app's port, unless it is an app of a supervisor that runs this manifest
 * now. */
struct check_port {
    const struct check *check;
    struct text text;
};

static bool check_port_holder(void *context, const struct listener *listener) {
    struct check_port *port = context;
    struct holder holder;
    bool is_known = holder_find(listener->inode, &holder);
    if (is_known && port->check->has_running && tag_is_in(port->check->running, tree_tag_of(holder.pid)))
        return true;
    /* An app that may do more than we (a port below 1024) hides its descriptors from us. */
    if (!is_known && port->check->has_running && listener->uid == port->check->runner)
        return true;
    text_printf(&port->text, "port %d is held by ", listener->port);
    if (is_known) {
        holder_print(&holder, &port->text);
    } else {
        text_str(&port->text, "a process of user ");
        holder_print_user(listener->uid, &port->text);
    }
    return false;
}

static void check_port(const struct check *check, struct check_app *app) {
    if (app->config.port == 0)
        return;
    struct check_port port = {.check = check};
    if (listener_visit_tcp((int)app->config.port, check_port_holder, &port) == 0 && port.text.len > 0)
        check_find(check, app, "port", text_get(&port.text));
    text_fini(&port.text);
}

/* A log folder that cannot be made is an error of the supervisor's, said once. */
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
        diags_add(check->diags, DIAG_ERROR, check->manifest->file, 0, "%s: cannot write in %s: %s", key, text_get(&at),
                  strerror(why));
}

static void check_one(const struct check *check, const struct manifest_app *manifest_app) {
    struct check_app app = {.app = manifest_app};
    bool ok = layers_build(check->manifest, manifest_app, check->launch.inherited, fs_read_file, NULL, &app.env,
                           check->diags);
    ok = manifest_resolve(check->manifest, manifest_app, &app.env, &app.config, check->diags) && ok;
    if (ok && check_cwd(check, &app))
        check_commands(check, &app);
    if (ok)
        check_port(check, &app);
    if (ok)
        require_look(&check->launch, app.app, &app.config, &app.env, check->diags);
    app_config_fini(&app.config);
    env_fini(&app.env);
}

/* Two apps on one port: the second would be refused at its start. */
static void check_ports_differ(const struct check *check, const int64_t *ports) {
    for (size_t i = 0; i < check->manifest->app_count; i++)
        for (size_t j = 0; ports[i] != 0 && j < i; j++) {
            if (ports[i] != ports[j])
                continue;
            const struct manifest_app *app = &check->manifest->apps[i];
            diags_add(check->diags, DIAG_ERROR, check->manifest->file, manifest_setting(app, "port").line,
                      "%s: port %lld is also the port of %s", app->name, (long long)ports[i],
                      check->manifest->apps[j].name);
            break;
        }
}

static void check_all_ports(const struct check *check) {
    int64_t *ports = calloc(check->manifest->app_count + 1, sizeof *ports);
    if (!ports)
        return;
    for (size_t i = 0; i < check->manifest->app_count; i++) {
        struct env env = {0};
        struct app_config config = {0};
        struct diags unused = {0}; /* said by check_one */
        (void)launch_environment(&check->launch, &check->manifest->apps[i], &env, &unused);
        (void)manifest_resolve(check->manifest, &check->manifest->apps[i], &env, &config, &unused);
        ports[i] = config.port;
        app_config_fini(&config);
        env_fini(&env);
        diags_fini(&unused);
    }
    check_ports_differ(check, ports);
    free(ports);
}

static bool check_is_named(const char *name, char *const *apps, size_t app_count) {
    for (size_t i = 0; i < app_count; i++)
        if (strcmp(apps[i], name) == 0)
            return true;
    return app_count == 0;
}

void daemon_check(const struct manifest *manifest, char *const *apps, size_t app_count, struct diags *diags) {
    struct env inherited = {0};
    if (!env_import(&inherited, environ, ENV_ORIGIN_INHERITED))
        return;
    struct check check = {.manifest = manifest, .launch = {manifest, &inherited}, .diags = diags};
    struct stat st;
    check.has_running = leftover_read(manifest->supervisor.runtime_dir, &check.running) &&
                        stat(manifest->supervisor.runtime_dir, &st) == 0;
    check.runner = check.has_running ? st.st_uid : 0;
    check_folder(&check, "log_dir", manifest->supervisor.log_dir);
    check_folder(&check, "runtime_dir", manifest->supervisor.runtime_dir);
    for (size_t i = 0; i < manifest->app_count; i++)
        if (check_is_named(manifest->apps[i].name, apps, app_count))
            check_one(&check, &manifest->apps[i]);
    check_all_ports(&check);
    env_fini(&inherited);
}
