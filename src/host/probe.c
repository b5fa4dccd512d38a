#include "host/probe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/value.h"
#include "host/address.h"

enum { NO_HTTP = -1 };

static void close_probe(struct probe *probe) {
    if (!probe->open)
        return;
    loop_io_stop(probe->loop, &probe->io);
    loop_timer_stop(probe->loop, &probe->limit);
    close(probe->fd);
    probe->open = false;
}

void probe_cancel(struct probe *probe) {
    close_probe(probe);
}

static enum probe_answer no(struct probe *probe, int error) {
    probe->error = error;
    close_probe(probe);
    return PROBE_NO;
}

/* Hands the answer of a try that was pending to its owner, who may begin the next one from within. */
static void settle(struct probe *probe, enum probe_answer answer) {
    probe->settled = true;
    probe->done(probe, answer);
}

static void on_limit(struct loop_timer *timer) {
    struct probe *probe = LOOP_CONTAINER(timer, struct probe, limit);
    bool settled = probe->settled;
    enum probe_answer answer = no(probe, ETIMEDOUT);
    if (!settled)
        settle(probe, answer);
}

int probe_parse_status(const char *bytes, size_t len) {
    static const char form[] = "HTTP/1.d ddd";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (i == len)
            return 0;
        if (form[i] == 'd' ? !isdigit((unsigned char)bytes[i]) : bytes[i] != form[i])
            return -1;
    }
    if (len == sizeof form - 1)
        return 0;
    char after = bytes[sizeof form - 1];
    int status = (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
    return status >= 100 && (after == ' ' || after == '\r' || after == '\n') ? status : -1;
}

/* The answer's code decides; what follows it is read off to the end of the stream, a cap or the time limit, because
 * closing with bytes unread would reset the connection and make the app log an error. */
static void on_answer(struct loop_io *io, int events) {
    (void)events;
    struct probe *probe = LOOP_CONTAINER(io, struct probe, io);
    char bytes[1024];
    ssize_t len = recv(probe->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (probe->settled) {
        if (len > 0)
            probe->received += (size_t)len;
        if (len <= 0 || probe->received >= LIMIT_PROBE_ANSWER)
            close_probe(probe);
        return;
    }
    if (len <= 0) {
        settle(probe, no(probe, len < 0 ? errno : ECONNRESET));
        return;
    }
    for (ssize_t i = 0; i < len && probe->received < sizeof probe->line; i++)
        probe->line[probe->received++] = bytes[i];
    int status = probe_parse_status(probe->line, probe->received);
    if (status == 0)
        return;
    if (status < 0) {
        settle(probe, no(probe, NO_HTTP));
        return;
    }
    probe->status = status;
    settle(probe, PROBE_YES);
}

static void on_sendable(struct loop_io *io, int events) {
    (void)events;
    struct probe *probe = LOOP_CONTAINER(io, struct probe, io);
    ssize_t len = send(probe->fd, probe->request, probe->request_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len < 0) {
        settle(probe, no(probe, errno));
        return;
    }
    probe->request += len;
    probe->request_len -= (size_t)len;
    if (probe->request_len > 0)
        return;
    loop_io_stop(probe->loop, &probe->io);
    loop_io_start(probe->loop, &probe->io, probe->fd, LOOP_READ, on_answer);
}

/* A connection from our own port to itself: TCP allows it when the ephemeral port that the kernel picked for us happens
 * to be the one we ask for, with nobody listening there. */
static bool is_connected_to_itself(int fd) {
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there;
    return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 && here_len == there_len &&
           memcmp(&here, &there, here_len) == 0;
}

/* Goes on after the connection stands: either that was all, or the request is sent. */
static enum probe_answer connected(struct probe *probe) {
    if (is_connected_to_itself(probe->fd))
        return no(probe, ECONNREFUSED);
    probe->connected = true;
    if (!probe->request) {
        close_probe(probe);
        return PROBE_YES;
    }
    loop_io_stop(probe->loop, &probe->io);
    loop_io_start(probe->loop, &probe->io, probe->fd, LOOP_WRITE, on_sendable);
    if (!probe->limit.active)
        loop_timer_at(probe->loop, &probe->limit, mono_add_ms(loop_now(probe->loop), probe->limit_ms), on_limit);
    return PROBE_PENDING;
}

static void on_connected(struct loop_io *io, int events) {
    (void)events;
    struct probe *probe = LOOP_CONTAINER(io, struct probe, io);
    int error = 0;
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error}) < 0)
        error = errno;
    enum probe_answer answer = error ? no(probe, error) : connected(probe);
    if (answer != PROBE_PENDING)
        settle(probe, answer);
}

/* Forgets the try before. */
static void reset(struct probe *probe, struct loop *loop) {
    close_probe(probe);
    probe->loop = loop;
    probe->settled = probe->connected = false;
    probe->error = probe->status = 0;
    probe->received = 0;
    probe->peer = 0;
}

enum probe_answer probe_tcp(struct probe *probe, struct loop *loop, const struct in6_addr *address, int port,
                            const char *request, int64_t limit_ms, void (*done)(struct probe *, enum probe_answer)) {
    reset(probe, loop);
    probe->request = request;
    probe->request_len = request ? strlen(request) : 0;
    probe->limit_ms = limit_ms;
    probe->done = done;
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(address, port, &name);
    probe->fd = socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe->fd < 0)
        return no(probe, errno);
    probe->open = true;
    if (connect(probe->fd, (const struct sockaddr *)&name, len) == 0)
        return connected(probe);
    if (errno != EINPROGRESS)
        return no(probe, errno);
    loop_io_start(loop, &probe->io, probe->fd, LOOP_WRITE, on_connected);
    loop_timer_at(loop, &probe->limit, mono_add_ms(loop_now(loop), limit_ms), on_limit);
    return PROBE_PENDING;
}

/* Connects through a descriptor of the socket's folder, since sun_path holds 107 bytes. */
static int connect_below(int fd, const char *path) {
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = slash ? slash + 1 : path;
    int folder_len = slash ? (int)(slash - path) : 0;
    if ((size_t)snprintf(folder, sizeof folder, "%.*s/", folder_len, path) >= sizeof folder)
        return -ENAMETOOLONG;
    int folder_fd = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -errno;
    int result = -ENAMETOOLONG;
    int len = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder_fd, name);
    if (len > 0 && (size_t)len < sizeof address.sun_path)
        result = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    close(folder_fd);
    return result;
}

enum probe_answer probe_unix(struct probe *probe, struct loop *loop, const char *path) {
    reset(probe, loop);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return no(probe, errno);
    int result = connect_below(fd, path);
    struct ucred peer;
    if (result == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &(socklen_t){sizeof peer}) == 0) {
        probe->connected = true;
        probe->peer = peer.pid;
        probe->peer_uid = peer.uid;
    }
    close(fd);
    return result < 0 ? no(probe, -result) : PROBE_YES;
}

void probe_print(const struct probe *probe, const char *target, struct text *out) {
    if (probe->status) {
        text_printf(out, "%s answered %d", target, probe->status);
        return;
    }
    switch (probe->error) {
    case NO_HTTP:
        text_printf(out, "what %s answers is not HTTP", target);
        return;
    case ETIMEDOUT:
        text_printf(out, "%s from %s within ", probe->connected ? "no answer" : "no connection", target);
        value_print_duration(probe->limit_ms, out);
        return;
    case ECONNRESET:
        text_printf(out, "%s closed the connection without an answer", target);
        return;
    case ENOENT:
        text_printf(out, "%s does not exist", target);
        return;
    case EPROTOTYPE:
        text_printf(out, "%s is not a stream socket", target);
        return;
    case EAGAIN:
        text_printf(out, "%s accepts no more connections", target);
        return;
    default: {
        const char *cause = strerror(probe->error);
        text_printf(out, "%c%s on %s", tolower((unsigned char)cause[0]), cause + 1, target);
    }
    }
}

void probe_print_request(const char *host, const char *target, struct text *out) {
    text_printf(out, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: upkeep\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                target, host);
}
