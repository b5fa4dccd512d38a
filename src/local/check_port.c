/* Ports: the app's own, and those of the services that it is told to use. */
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/lint.h"
#include "core/listen.h"
#include "daemon/owner.h"
#include "host/address.h"
#include "host/fs.h"
#include "host/holder.h"
#include "host/listener.h"
#include "host/tree.h"
#include "local/check.h"

/* Whether an app of the supervisor that runs now is among those who listen there. */
struct own_search {
    const struct check *check;
    uid_t app_uid;
    bool found;
};

static bool is_not_own(void *context, const struct listener *listener) {
    struct own_search *search = context;
    struct holder holder;
    if (holder_find(listener->inode, &holder))
        search->found =
            holder.pid == search->check->supervisor || tag_is_in(search->check->running, tree_tag_of(holder.pid));
    else /* an app that may do more than we (a port below 1024), or is another user's, hides its descriptors from us */
        search->found = listener->uid == search->check->runner || listener->uid == search->app_uid;
    return !search->found;
}

static bool is_held_by_us(const struct check *check, const struct check_app *app, int port) {
    const struct account *account = &app->terms.account;
    struct own_search search = {.check = check, .app_uid = account->is_given ? account->uid : check->runner};
    if (check->has_running)
        (void)listener_visit_tcp(port, is_not_own, &search);
    return search.found;
}

/* What we have goes on to the app unless that runs as another user; else the program may have it of its own. */
static bool may_bind(const struct check *check, struct check_app *app, int port) {
    if (port >= fs_read_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", 1024))
        return true;
    const struct account *account = &app->terms.account;
    bool is_same_user = account_is_ours(account) || account->uid == geteuid();
    if (is_same_user && account_passes_capability(CAP_NET_BIND_SERVICE))
        return true;
    struct launch launch = {0};
    struct proc_spec spec = {.terms = &app->terms};
    struct text unused TEXT_AUTO = {0};
    bool has =
        !app->terms.attributes.no_new_privileges &&
        launch_command(&check->launch, &app->config, app->config.command, &app->env, 1, &launch, &spec, &unused) &&
        getxattr(launch.program, "security.capability", NULL, 0) > 0;
    launch_fini(&launch);
    return has;
}

/* Whether it is opened for the app, and so looked at with `listen`. */
static bool is_opened(const struct app_config *config, int port) {
    for (size_t i = 0; i < config->listen.count; i++) {
        struct listen_address address;
        struct text unused TEXT_AUTO = {0};
        if (listen_parse(config->listen.items[i], &address, &unused) && address.port == port)
            return true;
    }
    return false;
}

static bool is_not_known(void *context, const struct listener *listener) {
    struct holder *holder = context;
    return !holder_find(listener->inode, holder);
}

/* How to get rid of who listens there. To kill what another supervisor looks after would only start it anew. */
static void print_remedy(int port, struct text *out) {
    struct holder holder = {0};
    struct text root TEXT_AUTO = {0};
    (void)listener_visit_tcp(port, is_not_known, &holder);
    if (holder.pid == 0)
        text_str(out, "end who holds it");
    else if (tree_tag_of(holder.pid) != 0 && holder_variable(holder.pid, "UPKEEP_ROOT", &root))
        text_printf(out, "it is an app of the upkeep in %s: upkeep shutdown there", text_get(&root));
    else if (holder.unit[0])
        text_printf(out, "stop that service: systemctl %sdisable --now %s", holder.is_of_users_unit ? "--user " : "",
                    holder.unit);
    else
        text_printf(out, "end it: kill %d", (int)holder.pid);
    text_str(out, ", or give the app another port");
}

static void find_held(const struct check *check, const struct check_app *app, const char *key, const char *entry,
                      int port, const char *error) {
    struct text remedy TEXT_AUTO = {0};
    print_remedy(port, &remedy);
    struct diag_place place = check_place(check, app, key, entry);
    place.advice = text_get(&remedy);
    check_find_at(check, app, RULE_PORT_HELD, &place, "%s", error);
}

/* For an app of another user, upkeep itself may still have the right. */
static void find_privileged(const struct check *check, const struct check_app *app, int port) {
    struct text advice TEXT_AUTO = {0};
    struct diag_place place = check_place(check, app, "port", NULL);
    if (check_rights(app)) {
        text_printf(&advice, "let upkeep open it for the app (listen = 0.0.0.0:%d), or use a port from 1024 on", port);
        place.advice = text_get(&advice);
    }
    check_find_at(check, app, RULE_PORT_PRIVILEGED, &place,
                  "port %d is below the first that every user may open, and the app will not have the right", port);
}

void check_port(const struct check *check, struct check_app *app) {
    static const struct owner_tree nobody = {0};
    int port = (int)app->config.port;
    struct text error TEXT_AUTO = {0};
    if (port == 0 || is_opened(&app->config, port) || is_held_by_us(check, app, port))
        return;
    if (owner_check_port(&nobody, port, &error) < 0)
        find_held(check, app, "port", NULL, port, text_get(&error));
    else if ((!check->has_running || check_rights(app)) && !may_bind(check, app, port))
        find_privileged(check, app, port);
}

/* Whether systemd itself listens there, which may be about to pass the socket. */
static bool is_not_manager(void *context, const struct listener *listener) {
    struct holder holder;
    bool *found = context;
    *found = holder_find(listener->inode, &holder) && holder.pid == 1;
    return !*found;
}

static bool may_be_passed(int port) {
    bool found = false;
    (void)listener_visit_tcp(port, is_not_manager, &found);
    return found;
}

void check_listen(const struct check *check, const struct check_app *app) {
    static const struct owner_tree nobody = {0};
    for (size_t i = 0; i < app->config.listen.count; i++) {
        const char *entry = app->config.listen.items[i];
        struct listen_address address;
        struct in6_addr ip;
        struct text error TEXT_AUTO = {0};
        if (!listen_parse(entry, &address, &error) || address.is_path || !address_parse(address.host, &ip) ||
            is_held_by_us(check, app, address.port) || may_be_passed(address.port))
            continue;
        if (owner_check_address(&nobody, &ip, address.port, address.place, &error) < 0)
            find_held(check, app, "listen", entry, address.port, text_get(&error));
    }
}

/* Services */

static bool is_somebody(void *context, const struct listener *listener) {
    (void)listener;
    *(bool *)context = true;
    return false;
}

static bool is_served(const struct check *check, int port) {
    for (size_t i = 0; i < check->manifest->app_count; i++)
        if (check->ports[i] == port || check->served_ports[i] == port)
            return true;
    bool is_listened_on = false;
    return listener_visit_tcp(port, is_somebody, &is_listened_on) < 0 || is_listened_on;
}

void check_services(const struct check *check, const struct check_app *app) {
    for (size_t i = 0; i < app->env.count; i++) {
        const struct env_var *var = &app->env.vars[i];
        const char *value = var->assignment + var->name_len + 1;
        struct text name TEXT_AUTO = {0};
        text_append(&name, var->assignment, var->name_len);
        int port = var->line == 0 ? 0 : lint_local_service(value);
        if (port == 0 && var->line > 0)
            port = lint_local_host(&app->env, text_get(&name), value);
        if (port == 0 || is_served(check, port))
            continue;
        struct diag_place place = {.app = app->app->name, .file = var->origin, .line = var->line};
        check_find_at(check, app, RULE_SERVICE_DOWN, &place,
                      "%s points to port %d of this machine, where nobody listens", text_get(&name), port);
    }
}
