#include "daemon/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/listen.h"
#include "daemon/owner.h"
#include "daemon/say.h"
#include "host/address.h"
#include "host/notify.h"
#include "host/passed.h"

/* The service manager keeps ours under this name and what they are bound to; a name cannot hold a ':'. */
static const char stored_prefix[] = "upkeep.";

struct socket {
    int fd;
    char *app;        /* NULL: passed, and not claimed yet */
    char *place;      /* what it is bound to, resolved; of a claimed one as the app asks for it */
    char *entry_name; /* of the entry that it was opened or claimed for; "" when that has none */
    char *fd_name;    /* as the service manager knows it; NULL: it does not */
    dev_t file_dev;   /* of a unix socket: its file, as it was made or found */
    ino_t file_ino;
    bool is_unix;
    bool is_foreign; /* of a socket unit: not opened by us, nor by an earlier supervisor */
    bool is_wanted;  /* scratch of sockets_open() */
    struct socket *next;
};

struct sockets {
    struct socket *first;
};

/* ---- one socket ---- */

static void socket_free(struct socket *socket) {
    if (!socket)
        return;
    if (socket->fd >= 0)
        close(socket->fd);
    free(socket->app);
    free(socket->place);
    free(socket->entry_name);
    free(socket->fd_name);
    free(socket);
}

static bool is_stored_name(const char *name) {
    return strncmp(name, stored_prefix, sizeof stored_prefix - 1) == 0;
}

static char *stored_name(const char *place) {
    char *name = NULL;
    if (asprintf(&name, "%s%s", stored_prefix, place) < 0)
        return NULL;
    for (char *at = name; (at = strchr(at, ':'));)
        *at = '_';
    return name;
}

/* So that it survives a restart of our unit, where that has a FileDescriptorStoreMax; else nothing comes of it. */
static void socket_store(struct socket *socket) {
    char *name = stored_name(socket->place);
    struct text state TEXT_AUTO = {0};
    text_printf(&state, "FDSTORE=1\nFDNAME=%s", name ? name : "");
    if (name && !state.failed && notify_manager_with(text_get(&state), socket->fd) > 0)
        socket->fd_name = name;
    else
        free(name);
}

static void socket_unstore(const struct socket *socket) {
    if (socket->fd_name && !socket->is_foreign)
        (void)notify_managerf("FDSTOREREMOVE=1\nFDNAME=%s", socket->fd_name);
}

/* For good. */
static void socket_end(struct socket *socket) {
    socket_unstore(socket);
    struct stat st;
    if (socket->is_unix && !socket->is_foreign && lstat(socket->place, &st) == 0 && st.st_dev == socket->file_dev &&
        st.st_ino == socket->file_ino)
        unlink(socket->place);
    socket_free(socket);
}

static struct socket *sockets_add(struct sockets *sockets, struct socket *socket) {
    socket->next = sockets->first;
    sockets->first = socket;
    return socket;
}

/* ---- entries ---- */

/* One entry of a request, resolved. */
struct wanted {
    struct listen_address address;
    struct in6_addr ip;
    struct text place;
};

static bool wanted_init(struct wanted *wanted, const struct sockets_request *request, const char *entry,
                        struct text *error) {
    *wanted = (struct wanted){0};
    if (!listen_parse(entry, &wanted->address, error))
        return false;
    if (!wanted->address.is_path) {
        if (!address_parse(wanted->address.host, &wanted->ip))
            return false;
        address_print(&wanted->ip, wanted->address.port, &wanted->place);
    } else {
        char *path = manifest_path(request->root, wanted->address.place, request->env);
        text_str(&wanted->place, path ? path : "");
        wanted->place.failed |= !path;
        free(path);
    }
    if (wanted->place.failed)
        text_str(error, "out of memory");
    return !wanted->place.failed;
}

static void wanted_fini(struct wanted *wanted) {
    text_fini(&wanted->place);
}

static bool is_for(const struct socket *socket, const char *app, const struct wanted *wanted) {
    return socket->app && strcmp(socket->app, app) == 0 && strcmp(socket->place, text_get(&wanted->place)) == 0 &&
           strcmp(socket->entry_name, wanted->address.name) == 0;
}

static struct socket *sockets_find(const struct sockets *sockets, const char *app, const struct wanted *wanted) {
    for (struct socket *socket = sockets->first; socket; socket = socket->next)
        if (is_for(socket, app, wanted))
            return socket;
    return NULL;
}

/* Makes a socket the entry's. False when out of memory. */
static bool socket_assign(struct socket *socket, const char *app, const struct wanted *wanted) {
    free(socket->app);
    free(socket->place);
    free(socket->entry_name);
    socket->app = strdup(app);
    socket->place = strdup(text_get(&wanted->place));
    socket->entry_name = strdup(wanted->address.name);
    socket->is_unix = wanted->address.is_path;
    struct stat st;
    if (socket->is_unix && socket->place && lstat(socket->place, &st) == 0) {
        socket->file_dev = st.st_dev;
        socket->file_ino = st.st_ino;
    }
    return socket->app && socket->place && socket->entry_name;
}

/* ---- passed ones ---- */

struct sockets *sockets_new(void) {
    struct sockets *sockets = calloc(1, sizeof *sockets);
    size_t count = 0;
    struct passed *list = sockets ? passed_take(&count) : NULL;
    for (size_t i = count; i-- > 0;) {
        struct socket *socket = calloc(1, sizeof *socket);
        struct text place TEXT_AUTO = {0};
        if (!socket) {
            close(list[i].fd);
            free(list[i].name);
            continue;
        }
        (void)passed_place(list[i].fd, &place);
        *socket = (struct socket){.fd = list[i].fd,
                                  .fd_name = list[i].name,
                                  .place = strdup(text_get(&place)),
                                  .is_foreign = !is_stored_name(list[i].name)};
        sockets_add(sockets, socket);
    }
    free(list);
    return sockets;
}

/* Whether the file of a kept socket is there still: without it nobody could connect. */
static bool is_reachable(const struct socket *socket, const struct wanted *wanted) {
    struct stat st;
    return socket->is_foreign || !wanted->address.is_path ||
           (lstat(text_get(&wanted->place), &st) == 0 && S_ISSOCK(st.st_mode));
}

/* How well a passed socket fits: both name and address, the name, the address, not at all. */
enum fit { FIT_NONE, FIT_ADDRESS, FIT_NAME, FIT_BOTH };

static enum fit socket_fit(const struct socket *socket, const struct wanted *wanted) {
    bool is_there = socket->place && strcmp(socket->place, text_get(&wanted->place)) == 0;
    bool is_named = wanted->address.name[0] && strcmp(socket->fd_name, wanted->address.name) == 0;
    if (!is_reachable(socket, wanted))
        return FIT_NONE;
    return is_named ? (is_there ? FIT_BOTH : FIT_NAME) : (is_there ? FIT_ADDRESS : FIT_NONE);
}

static void claim_one(struct sockets *sockets, const struct sockets_request *request, const struct wanted *wanted) {
    struct socket *best = NULL;
    enum fit best_fit = FIT_NONE;
    for (struct socket *socket = sockets->first; socket; socket = socket->next) {
        enum fit fit = socket->app ? FIT_NONE : socket_fit(socket, wanted);
        if (fit > best_fit) {
            best = socket;
            best_fit = fit;
        }
    }
    if (best && !socket_assign(best, request->app, wanted))
        say(SAY_ERROR, request->app, "out of memory for a socket that the service manager passed");
}

void sockets_claim(struct sockets *sockets, const struct sockets_request *request) {
    for (size_t i = 0; i < request->listen->count; i++) {
        struct wanted wanted;
        struct text unused TEXT_AUTO = {0}; /* a start says it, if it is still so */
        if (wanted_init(&wanted, request, request->listen->items[i], &unused))
            claim_one(sockets, request, &wanted);
        wanted_fini(&wanted);
    }
}

/* Takes those out of the list that match, and ends them. */
static void sockets_end_where(struct sockets *sockets, bool (*is_over)(const struct socket *, const char *),
                              const char *app) {
    for (struct socket **at = &sockets->first; *at;) {
        struct socket *socket = *at;
        if (!is_over(socket, app)) {
            at = &socket->next;
            continue;
        }
        *at = socket->next;
        socket_end(socket);
    }
}

static bool is_unclaimed(const struct socket *socket, const char *app) {
    (void)app;
    return !socket->app;
}

void sockets_end_claims(struct sockets *sockets) {
    for (const struct socket *socket = sockets->first; socket; socket = socket->next) {
        if (socket->app)
            continue;
        const char *place = socket->place && *socket->place ? socket->place : "no listening socket";
        if (socket->is_foreign)
            say(SAY_WARNING, NULL,
                "closed the socket %s (%s) that the service manager passed: no app's listen names it", socket->fd_name,
                place);
        else
            say(SAY_INFO, NULL, "closed the socket %s that the service manager had kept: no app listens there any more",
                place);
    }
    sockets_end_where(sockets, is_unclaimed, NULL);
}

/* ---- opening ---- */

static const struct owner_tree nobody = {0};

/* Another app of ours that listens there. */
static const char *sockets_holder(const struct sockets *sockets, const struct wanted *wanted) {
    for (const struct socket *socket = sockets->first; socket; socket = socket->next)
        if (socket->app && strcmp(socket->place, text_get(&wanted->place)) == 0)
            return socket->app;
    return NULL;
}

/* Appends why the socket could not be opened. */
static void tell_failure(const struct sockets *sockets, const struct wanted *wanted, int status, struct text *error) {
    const char *place = text_get(&wanted->place);
    const char *holder = sockets_holder(sockets, wanted);
    if (status == -EADDRINUSE && holder) {
        text_printf(error, "%s is held by this supervisor, for %s", place, holder);
        return;
    }
    if (status == -EADDRINUSE && !wanted->address.is_path &&
        owner_check_address(&nobody, &wanted->ip, wanted->address.port, place, error) < 0)
        return;
    text_printf(error, "cannot listen on %s: %s", place, strerror(-status));
    if (status == -EACCES && !wanted->address.is_path)
        text_str(error, " (ports below 1024 are for root, or need CAP_NET_BIND_SERVICE)");
    if (status == -ENAMETOOLONG)
        text_str(error, " (the path of a socket holds 107 bytes)");
}

/* What a killed supervisor or app has left behind is replaced; what somebody listens on, and what is no socket, is not.
 */
static int clear_path(const char *path, struct text *error) {
    struct stat st;
    if (lstat(path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        text_printf(error, "cannot listen on %s: it is there already, and no socket", path);
        return -EADDRINUSE;
    }
    int status = owner_check_unix(&nobody, path, error);
    if (status == 0 && unlink(path) < 0 && errno != ENOENT) {
        status = -errno;
        text_printf(error, "cannot replace the stale socket %s: %s", path, strerror(-status));
    }
    return status;
}

static int open_fd(const struct sockets *sockets, const struct wanted *wanted, struct text *error) {
    const char *place = text_get(&wanted->place);
    int fd;
    if (wanted->address.is_path) {
        int status = sockets_holder(sockets, wanted) ? 0 : clear_path(place, error);
        if (status < 0)
            return status;
        fd = passed_open_unix(place);
    } else {
        fd = passed_open_tcp(&wanted->ip, wanted->address.port);
    }
    if (fd < 0)
        tell_failure(sockets, wanted, fd, error);
    return fd;
}

static int open_one(struct sockets *sockets, const struct sockets_request *request, const struct wanted *wanted,
                    struct text *error) {
    struct socket *socket = sockets_find(sockets, request->app, wanted);
    if (socket) {
        socket->is_wanted = true;
        if (!socket->fd_name) /* the service manager did not read when it was opened */
            socket_store(socket);
        return 0;
    }
    int fd = open_fd(sockets, wanted, error);
    if (fd < 0)
        return fd;
    socket = calloc(1, sizeof *socket);
    if (socket)
        socket->fd = fd;
    if (!socket || !socket_assign(socket, request->app, wanted)) {
        text_str(error, "out of memory");
        if (!socket)
            close(fd);
        socket_free(socket);
        return -ENOMEM;
    }
    socket->is_wanted = true;
    sockets_add(sockets, socket);
    socket_store(socket);
    return 0;
}

static bool is_of_app(const struct socket *socket, const char *app) {
    return socket->app && strcmp(socket->app, app) == 0;
}

static bool is_unwanted(const struct socket *socket, const char *app) {
    return is_of_app(socket, app) && !socket->is_wanted;
}

int sockets_open(struct sockets *sockets, const struct sockets_request *request, struct text *error) {
    for (struct socket *socket = sockets->first; socket; socket = socket->next)
        socket->is_wanted = false;
    int status = 0;
    for (size_t i = 0; i < request->listen->count && status == 0; i++) {
        struct wanted wanted;
        status = wanted_init(&wanted, request, request->listen->items[i], error)
                     ? open_one(sockets, request, &wanted, error)
                     : -EINVAL;
        wanted_fini(&wanted);
    }
    if (status == 0)
        sockets_end_where(sockets, is_unwanted, request->app);
    return status;
}

/* ---- handing over ---- */

/* As long as any pid; no other variable looks so, and this one only until the child has written its own. */
static const char pid_variable[] = "LISTEN_PID=##########";
_Static_assert(sizeof pid_variable - sizeof "LISTEN_PID=" == PROC_PID_DIGITS, "room for a pid");

static bool set(struct env *env, const char *name, const char *value) {
    return env_set(env, name, strlen(name), value, ENV_ORIGIN_UPKEEP, 0);
}

bool sockets_hand_over(const struct sockets *sockets, const struct sockets_request *request, struct env *env,
                       struct proc_spec *spec) {
    if (request->listen->count == 0)
        return true;
    struct text names TEXT_AUTO = {0};
    for (size_t i = 0; i < request->listen->count; i++) {
        struct wanted wanted;
        struct text unused TEXT_AUTO = {0};
        bool is_good = wanted_init(&wanted, request, request->listen->items[i], &unused);
        const struct socket *socket = is_good ? sockets_find(sockets, request->app, &wanted) : NULL;
        wanted_fini(&wanted);
        if (!socket)
            return false;
        proc_spec_pass(spec, socket->fd, LISTEN_FIRST_FD + (int)i);
        text_printf(&names, "%s%s", i > 0 ? ":" : "", *socket->entry_name ? socket->entry_name : request->app);
    }
    char count[16];
    snprintf(count, sizeof count, "%zu", request->listen->count);
    return !names.failed && set(env, "LISTEN_FDS", count) && set(env, "LISTEN_FDNAMES", text_get(&names)) &&
           set(env, "LISTEN_PID", strchr(pid_variable, '=') + 1);
}

char *sockets_pid_text(char *const *envp) {
    for (; *envp; envp++)
        if (strcmp(*envp, pid_variable) == 0)
            return strchr(*envp, '=') + 1;
    return NULL;
}

/* ---- closing ---- */

static bool is_ours_of_app(const struct socket *socket, const char *app) {
    return is_of_app(socket, app) && !socket->is_foreign;
}

void sockets_close(struct sockets *sockets, const char *app) {
    sockets_end_where(sockets, is_ours_of_app, app);
}

/* A file stays where the service manager may pass its socket on to the next supervisor, which would not be reachable
 * without; one that is stale is replaced. */
void sockets_free(struct sockets *sockets) {
    if (!sockets)
        return;
    for (struct socket *socket; (socket = sockets->first);) {
        sockets->first = socket->next;
        if (socket->fd_name)
            socket_free(socket);
        else
            socket_end(socket);
    }
    free(sockets);
}
