#include "upkeep/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/text.h"
#include "core/varlink.h"

enum {
    CLIENT_READ = 64 * 1024,     /* bytes asked of the kernel at once */
    CLIENT_CONNECT_LIMIT_S = 10, /* in a full backlog */
};

struct upkeep_client {
    int fd;
    struct text in;
    size_t in_start;   /* before it all is dealt with */
    size_t in_scanned; /* from in_start, so many bytes hold no end of a message */
};

/* ---- time -------------------------------------------------------------------------------------------------------- */

static int64_t client_now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t client_deadline(int timeout_ms) {
    return timeout_ms < 0 ? INT64_MAX : client_now_ms() + timeout_ms;
}

static int client_left_ms(int64_t deadline) {
    if (deadline == INT64_MAX)
        return -1;
    int64_t left = deadline - client_now_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits until the socket can be read or written. 0, -ETIMEDOUT or another -errno. */
static int client_poll(int fd, short events, int64_t deadline) {
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int ready = poll(&poll_fd, 1, client_left_ms(deadline));
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (client_left_ms(deadline) == 0)
            return -ETIMEDOUT;
    }
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

/* Through the folder's descriptor: a path in sun_path must be shorter than many a project's. */
static int client_connect(int fd, int dir_fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", dir_fd);
    /* Only a blocking socket can wait in a full backlog at all; this is the limit of that. */
    struct timeval limit = {.tv_sec = CLIENT_CONNECT_LIMIT_S};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int client_open(const char *runtime_dir) {
    int dir_fd = open(runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? -errno : client_connect(fd, dir_fd);
    (void)close(dir_fd);
    if (error < 0 && fd >= 0)
        (void)close(fd);
    return error < 0 ? error : fd;
}

int upkeep_client_connect(const char *runtime_dir, struct upkeep_client **out) {
    struct upkeep_client *client = calloc(1, sizeof *client);
    if (!client)
        return -ENOMEM;
    client->fd = client_open(runtime_dir);
    if (client->fd < 0) {
        int error = client->fd;
        free(client);
        return error;
    }
    *out = client;
    return 0;
}

void upkeep_client_free(struct upkeep_client *client) {
    if (!client)
        return;
    (void)close(client->fd);
    text_fini(&client->in);
    free(client);
}

int upkeep_client_fd(const struct upkeep_client *client) {
    return client->fd;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* A supervisor that hangs up may have said why before: then there is a reply to receive, and the call counts as sent.
 */
static int client_hung_up(const struct upkeep_client *client) {
    char byte;
    bool has_reply = client->in.len > client->in_start || recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    return has_reply ? 0 : -EPIPE;
}

static int client_write(const struct upkeep_client *client, const char *bytes, size_t len, int64_t deadline) {
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(client->fd, bytes + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EPIPE || errno == ECONNRESET)
            return client_hung_up(client);
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int error = client_poll(client->fd, POLLOUT, deadline);
        if (error < 0)
            return error;
    }
    return 0;
}

int upkeep_client_send(struct upkeep_client *client, const char *method, json_t *parameters, int more, int timeout_ms) {
    struct text name TEXT_AUTO = {0};
    struct text message TEXT_AUTO = {0};
    text_printf(&name, "%s%s", strchr(method, '.') ? "" : "io.upkeep.Supervisor.", method);
    if (name.failed || !varlink_call_write(&message, text_get(&name), parameters, false, more != 0))
        return name.failed || message.failed ? -ENOMEM : -EINVAL;
    return client_write(client, message.data, message.len, client_deadline(timeout_ms));
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* Takes some of what has arrived, or waits for it. 0 or -errno. */
static int client_fill(struct upkeep_client *client, int64_t deadline) {
    struct text *in = &client->in;
    if (client->in_start > 0) {
        in->len -= client->in_start;
        memmove(in->data, in->data + client->in_start, in->len);
        client->in_start = 0;
    }
    if (in->len >= LIMIT_REPLY)
        return -EBADMSG;
    char bytes[CLIENT_READ];
    for (;;) {
        ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) {
            text_append(in, bytes, (size_t)n);
            return in->failed ? -ENOMEM : 0;
        }
        if (n == 0 || errno == ECONNRESET)
            return -EPIPE;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int error = client_poll(client->fd, POLLIN, deadline);
        if (error < 0)
            return error;
    }
}

/* The next message that has arrived whole, without its NUL; NULL when there is none. Borrowed until the next fill. */
static const char *client_take(struct upkeep_client *client, size_t *len_out) {
    struct text *in = &client->in;
    size_t from = client->in_start + client->in_scanned;
    const char *end = in->len > from ? memchr(in->data + from, '\0', in->len - from) : NULL;
    if (!end) {
        client->in_scanned = in->len - client->in_start;
        return NULL;
    }
    const char *message = in->data + client->in_start;
    *len_out = (size_t)(end - message);
    client->in_start += *len_out + 1;
    client->in_scanned = 0;
    return message;
}

static int client_hand_over(const struct varlink_reply *reply, json_t **parameters_out, char **error_out) {
    char *error = reply->error ? strdup(reply->error) : NULL;
    json_t *parameters = reply->parameters ? json_incref(reply->parameters) : json_object();
    if (!parameters || (reply->error && !error)) {
        json_decref(parameters);
        free(error);
        return -ENOMEM;
    }
    *parameters_out = parameters;
    *error_out = error;
    return reply->continues;
}

int upkeep_client_receive(struct upkeep_client *client, int timeout_ms, json_t **parameters_out, char **error_out) {
    int64_t deadline = client_deadline(timeout_ms);
    size_t len;
    const char *message;
    while (!(message = client_take(client, &len))) {
        int error = client_fill(client, deadline);
        if (error < 0)
            return error;
    }
    struct varlink_reply reply;
    int result = varlink_reply_parse(message, len, &reply);
    if (result < 0)
        return result;
    result = client_hand_over(&reply, parameters_out, error_out);
    varlink_reply_fini(&reply);
    return result;
}
