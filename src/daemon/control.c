#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "daemon/call.h"
#include "daemon/report.h"
#include "daemon/verbs.h"
#include "host/proc.h"
#include "host/sock.h"

#define CONTROL_SOCKET "control.sock"

enum {
    CONTROL_READ = 16 * 1024,       /* bytes read of a client at once */
    CONTROL_BATCH = 16,             /* calls of one client, or connections, before others have their turn */
    CONTROL_KEEP = 8 * 1024,        /* bytes of buffer that a client keeps while it has nothing in it */
    CONTROL_ACCEPT_PAUSE_MS = 1000, /* when the kernel cannot give us another connection */
};

/* A connection. It is always in one of three states: it waits for a call (all it costs is bounded by a deadline), a
 * call is going on (which ends when it is answered or the caller hangs up), or an answer is on its way out (the caller
 * must take some of it within the deadline). The next call is looked at when the answer to the one before is gone. */
struct client {
    struct control *control;
    size_t index; /* in control->clients */
    int fd;
    struct sock_peer peer;
    struct loop_io io;
    int watched; /* LOOP_READ, LOOP_WRITE */
    struct loop_timer timer;
    struct loop_post post;
    struct text in;
    size_t in_start;   /* before it all is dealt with */
    size_t in_scanned; /* from in_start to it there is no end of a message */
    struct text out;
    size_t out_sent;
    size_t out_exempt;       /* bytes queued that do not count as backlog: what the call was answered with at first */
    struct mono quiet_since; /* of the last progress: bytes taken, an answer gone, the first byte of a message */
    bool has_call;
    bool is_patient;
    bool is_half_closed; /* nothing more will come */
    bool is_lost;        /* to be closed */
    struct call call;
};

struct control {
    struct supervisor *supervisor;
    struct loop *loop;
    struct report *report;
    int listener;
    int spare; /* given up for a moment to turn a caller away when there are no descriptors left */
    gid_t group;
    bool has_group;
    struct loop_io io;
    struct loop_timer pause;
    struct client *clients[LIMIT_CLIENTS];
    size_t client_count;
};

/* ---- one client -------------------------------------------------------------------------------------------------- */

static void client_go_on(struct client *client);

static size_t client_pending(const struct client *client) {
    return client->out.len - client->out_sent;
}

static void client_end_call(struct client *client) {
    if (!client->has_call)
        return;
    client->has_call = false;
    client->is_patient = client->is_patient || client->call.is_patient;
    if (client->call.end)
        client->call.end(&client->call);
    varlink_call_fini(&client->call.message);
    free(client->call.set);
}

static void client_close(struct client *client) {
    struct control *control = client->control;
    client_end_call(client);
    loop_io_stop(control->loop, &client->io);
    loop_timer_stop(control->loop, &client->timer);
    loop_post_cancel(control->loop, &client->post);
    (void)close(client->fd);
    text_fini(&client->in);
    text_fini(&client->out);
    control->clients[client->index] = control->clients[--control->client_count];
    control->clients[client->index]->index = client->index;
    free(client);
}

/* A buffer that has grown large is given back at once, to the system too: a supervisor is small most of the time. */
static void client_empty(struct text *text) {
    size_t cap = text->cap;
    if (cap <= CONTROL_KEEP) {
        text_clear(text);
        return;
    }
    text_fini(text);
    malloc_trim(0);
}

static void client_flush(struct client *client) {
    struct text *out = &client->out;
    while (client_pending(client) > 0 && !client->is_lost) {
        ssize_t n = send(client->fd, out->data + client->out_sent, client_pending(client), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            client->is_lost = errno != EAGAIN && errno != EINTR;
            break;
        }
        client->out_sent += (size_t)n;
        client->out_exempt -= client->out_exempt < (size_t)n ? client->out_exempt : (size_t)n;
        client->quiet_since = loop_now(client->control->loop);
    }
    if (client_pending(client) == 0) {
        client_empty(out);
        client->out_sent = 0;
    } else if (client->out_sent > out->len / 2) {
        out->len -= client->out_sent;
        memmove(out->data, out->data + client->out_sent, out->len);
        client->out_sent = 0;
    }
}

/* From within whatever made the reply: it is sent once that has returned. */
static void client_posted(struct loop_post *post) {
    client_go_on(LOOP_CONTAINER(post, struct client, post));
}

static void client_wake(struct call *call) {
    struct client *client = LOOP_CONTAINER(call, struct client, call);
    if (client_pending(client) > LIMIT_CLIENT_BACKLOG + client->out_exempt)
        client->is_lost = true;
    loop_post(client->control->loop, &client->post, client_posted);
}

static void client_begin_call(struct client *client, const char *bytes, size_t len) {
    struct control *control = client->control;
    client->call = (struct call){
        .supervisor = control->supervisor,
        .report = control->report,
        .actor = {.kind = ACTOR_USER, .uid = client->peer.uid, .pid = client->peer.pid},
        .out = &client->out,
        .wake = client_wake,
    };
    const char *member;
    int error = varlink_call_parse(bytes, len, &client->call.message, &member);
    if (error == -EBADMSG) {
        client->is_lost = true;
        return;
    }
    client->has_call = true;
    proc_use_reserve(true);
    if (error < 0)
        call_service_error(&client->call, "InvalidParameter", "parameter", member);
    else
        verbs_handle(&client->call);
    proc_use_reserve(false);
    client->out_exempt = client_pending(client);
}

/* Begins the next call that has arrived whole. False when there is none. */
static bool client_take_call(struct client *client) {
    struct text *in = &client->in;
    size_t from = client->in_start + client->in_scanned;
    const char *end = in->len > from ? memchr(in->data + from, '\0', in->len - from) : NULL;
    if (!end) {
        client->in_scanned = in->len - client->in_start;
        if (client->is_half_closed || client->in_scanned >= LIMIT_MESSAGE)
            client->is_lost = !client->is_patient || client->in_scanned > 0;
        return false;
    }
    const char *message = in->data + client->in_start;
    client->in_start = (size_t)(end - in->data) + 1;
    client->in_scanned = 0;
    client_begin_call(client, message, (size_t)(end - message));
    if (client->in_start == in->len) {
        client_empty(in);
        client->in_start = 0;
    }
    return !client->is_lost;
}

static bool client_is_full(const struct client *client) {
    return client->in.len - client->in_start >= LIMIT_MESSAGE;
}

static void client_ready(struct loop_io *io, int events);
static void client_due(struct loop_timer *timer);

static void client_watch(struct client *client) {
    struct loop *loop = client->control->loop;
    int wanted = (client->is_half_closed || client_is_full(client) ? 0 : LOOP_READ) |
                 (client_pending(client) > 0 ? LOOP_WRITE : 0);
    if (wanted & ~client->watched & LOOP_WRITE)
        client->quiet_since = loop_now(loop); /* from now on it is up to the caller */
    if (wanted != client->watched) {
        loop_io_stop(loop, &client->io);
        if (wanted)
            loop_io_start(loop, &client->io, client->fd, wanted, client_ready);
        client->watched = wanted;
    }
    /* Who waits for an answer may wait: it is seen by reading that it has hung up. Where nothing is read any more, this
     * is looked for now and then. */
    bool may_wait = (client->has_call || client->is_patient) && client_pending(client) == 0;
    struct mono at = mono_add_ms(client->quiet_since, LIMIT_CLIENT_IDLE_MS);
    loop_timer_at(loop, &client->timer, may_wait && (wanted & LOOP_READ) ? MONO_NEVER : at, client_due);
}

static void client_go_on(struct client *client) {
    for (unsigned served = 0;; served++) {
        client->is_lost = client->is_lost || client->out.failed;
        if (client->has_call && client->call.is_answered) {
            client_end_call(client);
            client->quiet_since = loop_now(client->control->loop);
        }
        client_flush(client);
        if (client->is_lost || client->has_call || client_pending(client) > 0)
            break;
        if (served == CONTROL_BATCH) {
            loop_post(client->control->loop, &client->post, client_posted);
            break;
        }
        if (!client_take_call(client))
            break;
    }
    if (client->is_lost)
        client_close(client);
    else
        client_watch(client);
}

static void client_due(struct loop_timer *timer) {
    struct client *client = LOOP_CONTAINER(timer, struct client, timer);
    bool may_wait = (client->has_call || client->is_patient) && client_pending(client) == 0;
    client->is_lost = !may_wait || sock_has_hung_up(client->fd);
    client->quiet_since = loop_now(client->control->loop);
    client_go_on(client);
}

static void client_read(struct client *client) {
    char bytes[CONTROL_READ];
    struct text *in = &client->in;
    ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) {
        client->is_lost = errno != EAGAIN && errno != EINTR;
        return;
    }
    if (n == 0) {
        client->is_half_closed = true;
        client->is_lost = sock_has_hung_up(client->fd);
        return;
    }
    if (client->in_start > 0) {
        in->len -= client->in_start;
        memmove(in->data, in->data + client->in_start, in->len);
        client->in_start = 0;
    }
    if (in->len == 0)
        client->quiet_since = loop_now(client->control->loop);
    text_append(in, bytes, (size_t)n);
    client->is_lost = client->is_lost || in->failed;
}

static void client_ready(struct loop_io *io, int events) {
    struct client *client = LOOP_CONTAINER(io, struct client, io);
    if (events & LOOP_READ && client->watched & LOOP_READ)
        client_read(client);
    client_go_on(client);
}

/* ---- accepting --------------------------------------------------------------------------------------------------- */

static bool control_allows(const struct control *control, int fd, const struct sock_peer *peer) {
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    return control->has_group && (peer->gid == control->group || sock_peer_has_group(fd, control->group));
}

/* Whose call is going on, or whose answer is on its way, is not idle. */
static bool client_is_idle(const struct client *client) {
    return !client->has_call && !client->is_patient && client_pending(client) == 0;
}

/* Room for one more of the user. Who keeps a connection and says nothing gives way to who has something to say, the
 * one that has been silent the longest first. False when all that are there are being served. */
static bool control_make_room(struct control *control, uid_t uid) {
    size_t same = 0;
    for (size_t i = 0; i < control->client_count; i++)
        same += control->clients[i]->peer.uid == uid;
    bool has_too_many = uid != 0 && same >= LIMIT_CLIENTS_PER_UID;
    if (!has_too_many && control->client_count < LIMIT_CLIENTS)
        return true;
    struct client *idlest = NULL;
    for (size_t i = 0; i < control->client_count; i++) {
        struct client *client = control->clients[i];
        bool is_candidate = client_is_idle(client) && (!has_too_many || client->peer.uid == uid);
        if (is_candidate && (!idlest || mono_before(client->quiet_since, idlest->quiet_since)))
            idlest = client;
    }
    if (idlest)
        client_close(idlest);
    return idlest != NULL;
}

/* Says why, and hangs up. */
static void control_refuse(int fd, const char *error) {
    struct text out TEXT_AUTO = {0};
    varlink_reply_begin(&out, error);
    varlink_reply_end(&out, false);
    if (!out.failed)
        (void)!send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

static void control_admit(struct control *control, int fd) {
    struct sock_peer peer;
    if (sock_peer(fd, &peer) < 0 || !control_allows(control, fd, &peer)) {
        control_refuse(fd, CALL_INTERFACE ".PermissionDenied");
        return;
    }
    struct client *client = control_make_room(control, peer.uid) ? calloc(1, sizeof *client) : NULL;
    if (!client) {
        control_refuse(fd, CALL_INTERFACE ".TooManyClients");
        return;
    }
    *client = (struct client){
        .control = control,
        .index = control->client_count,
        .fd = fd,
        .peer = peer,
        .quiet_since = loop_now(control->loop),
    };
    control->clients[control->client_count++] = client;
    client_watch(client);
}

static void control_ready(struct loop_io *io, int events);

static void control_resume(struct loop_timer *timer) {
    struct control *control = LOOP_CONTAINER(timer, struct control, pause);
    loop_io_start(control->loop, &control->io, control->listener, LOOP_READ, control_ready);
}

/* The listening socket stays readable: without a rest, a loop would ask for what there is not as fast as it can. */
static void control_pause(struct control *control) {
    loop_io_stop(control->loop, &control->io);
    loop_timer_at(control->loop, &control->pause, mono_add_ms(loop_now(control->loop), CONTROL_ACCEPT_PAUSE_MS),
                  control_resume);
}

/* No descriptor is left for a caller: it is turned away with the help of the spare one, rather than left waiting. */
static void control_turn_away(struct control *control) {
    int fd = -EMFILE;
    if (control->spare >= 0) {
        (void)close(control->spare);
        fd = sock_accept(control->listener);
        if (fd >= 0)
            control_refuse(fd, CALL_INTERFACE ".TooManyClients");
    }
    control->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || control->spare < 0)
        control_pause(control);
}

/* When the apps have all descriptors that they can have, somebody must still be able to look and to stop them. */
static int control_accept(const struct control *control) {
    int fd = sock_accept(control->listener);
    if (fd != -EMFILE)
        return fd;
    proc_use_reserve(true);
    fd = sock_accept(control->listener);
    proc_use_reserve(false);
    return fd;
}

static void control_ready(struct loop_io *io, int events) {
    (void)events;
    struct control *control = LOOP_CONTAINER(io, struct control, io);
    for (unsigned i = 0; i < CONTROL_BATCH; i++) {
        int fd = control_accept(control);
        if (fd >= 0) {
            control_admit(control, fd);
            continue;
        }
        if (fd == -EMFILE || fd == -ENFILE)
            control_turn_away(control);
        else if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
            control_pause(control);
        return;
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool control_find_group(struct control *control, const char *name, struct text *error) {
    control->group = (gid_t)-1;
    if (!name)
        return true;
    const struct group *group = getgrnam(name);
    if (!group) {
        text_printf(error, "socket_group: there is no group %s", name);
        return false;
    }
    control->group = group->gr_gid;
    control->has_group = true;
    return true;
}

/* The runtime dir as we make it is closed to all others, and so would be the socket in it: those who may use that are
 * let through. One that somebody has made otherwise is left as it is. */
static bool control_let_through(const struct control *control, const char *runtime_dir, struct text *error) {
    struct stat st;
    if (!control->has_group || stat(runtime_dir, &st) < 0 || (st.st_mode & ALLPERMS) != S_IRWXU)
        return true;
    if (chown(runtime_dir, (uid_t)-1, control->group) == 0 && chmod(runtime_dir, S_IRWXU | S_IXGRP) == 0)
        return true;
    text_printf(error, "cannot let socket_group into %s: %s", runtime_dir, strerror(errno));
    return false;
}

static bool control_open(struct control *control, const struct supervisor_config *config, struct text *error) {
    if (!control_find_group(control, config->socket_group, error) ||
        !control_let_through(control, config->runtime_dir, error))
        return false;
    control->listener = sock_listen(config->runtime_dir, CONTROL_SOCKET, config->socket_mode, control->group);
    if (control->listener < 0) {
        text_printf(error, "cannot listen on %s/" CONTROL_SOCKET ": %s", config->runtime_dir,
                    strerror(-control->listener));
        return false;
    }
    control->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    loop_io_start(control->loop, &control->io, control->listener, LOOP_READ, control_ready);
    return true;
}

struct control *control_new(struct supervisor *supervisor, struct text *error) {
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        text_str(error, "out of memory");
        return NULL;
    }
    *control = (struct control){
        .supervisor = supervisor,
        .loop = supervisor_loop(supervisor),
        .report = report_new(supervisor),
        .listener = -1,
        .spare = -1,
    };
    if (!control->report)
        text_str(error, "out of memory");
    if (!control->report || !control_open(control, &supervisor_manifest(supervisor)->supervisor, error)) {
        control_free(control);
        return NULL;
    }
    return control;
}

static void control_remove_socket(const struct control *control) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/" CONTROL_SOCKET, supervisor_manifest(control->supervisor)->supervisor.runtime_dir);
    (void)unlink(text_get(&path));
}

void control_free(struct control *control) {
    if (!control)
        return;
    if (control->listener >= 0)
        control_remove_socket(control);
    while (control->client_count > 0) {
        struct client *client = control->clients[control->client_count - 1];
        client_flush(client);
        client_close(client);
    }
    loop_io_stop(control->loop, &control->io);
    loop_timer_stop(control->loop, &control->pause);
    if (control->listener >= 0)
        (void)close(control->listener);
    if (control->spare >= 0)
        (void)close(control->spare);
    report_free(control->report);
    free(control);
}
