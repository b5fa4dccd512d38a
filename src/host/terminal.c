#include "host/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/text.h"

struct terminal {
    struct loop *loop;
    struct loop_io io;
    int fd;      /* -1: it is gone */
    bool is_own; /* fd is a description of our own, non-blocking */
    bool is_choked;
    void (*caught_up)(void *context);
    void *context;
    struct text queue;
    size_t sent; /* of queue */
};

/* A description of our own can be made non-blocking without doing the same to the shell's. Not every descriptor can be
 * opened anew (a socket; the terminal of another user, after sudo -u). */
static int terminal_reopen(int fd) {
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct terminal *terminal_new(struct loop *loop, int fd, void (*caught_up)(void *context), void *context) {
    struct terminal *terminal = calloc(1, sizeof *terminal);
    if (!terminal)
        return NULL;
    int own = terminal_reopen(fd);
    *terminal = (struct terminal){
        .loop = loop, .fd = own >= 0 ? own : fd, .is_own = own >= 0, .caught_up = caught_up, .context = context};
    return terminal;
}

static bool terminal_is_writable(const struct terminal *terminal, int timeout_ms) {
    struct pollfd poll_fd = {.fd = terminal->fd, .events = POLLOUT};
    return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* Like write(2), but never waits. */
static ssize_t terminal_try(struct terminal *terminal, const char *bytes, size_t len) {
    if (!terminal->is_own) {
        /* A descriptor that can be written takes at least a little without blocking. */
        enum { LITTLE = 256 };
        if (!terminal_is_writable(terminal, 0)) {
            errno = EAGAIN;
            return -1;
        }
        len = len < LITTLE ? len : LITTLE;
    }
    return write(terminal->fd, bytes, len);
}

static void terminal_close(struct terminal *terminal) {
    loop_io_stop(terminal->loop, &terminal->io);
    if (terminal->is_own)
        close(terminal->fd);
    terminal->fd = -1;
    text_fini(&terminal->queue);
}

/* How much was taken; fewer than len when the terminal takes no more, or is gone. */
static size_t terminal_send(struct terminal *terminal, const char *bytes, size_t len) {
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = terminal_try(terminal, bytes + sent, len - sent);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            break;
        } else if (n < 0 && errno != EINTR) {
            terminal_close(terminal);
            break;
        }
    }
    return sent;
}

static void terminal_ready(struct loop_io *io, int events) {
    (void)events;
    struct terminal *terminal = LOOP_CONTAINER(io, struct terminal, io);
    terminal->sent +=
        terminal_send(terminal, terminal->queue.data + terminal->sent, terminal->queue.len - terminal->sent);
    if (terminal->fd < 0 || terminal->sent < terminal->queue.len)
        return;
    loop_io_stop(terminal->loop, io);
    text_fini(&terminal->queue);
    terminal->sent = 0;
    if (terminal->is_choked) {
        terminal->is_choked = false;
        terminal->caught_up(terminal->context);
    }
}

/* A terminal that is always a little behind must not let the queue grow. */
static void terminal_compact(struct terminal *terminal) {
    if (terminal->sent < terminal->queue.len / 2)
        return;
    terminal->queue.len -= terminal->sent;
    if (terminal->queue.len > 0)
        memmove(terminal->queue.data, terminal->queue.data + terminal->sent, terminal->queue.len);
    terminal->sent = 0;
}

void terminal_write(struct terminal *terminal, const char *bytes, size_t len) {
    if (terminal->fd < 0 || terminal->is_choked)
        return;
    if (!terminal->io.active) {
        size_t sent = terminal_send(terminal, bytes, len);
        bytes += sent;
        len -= sent;
        if (len == 0 || terminal->fd < 0)
            return;
        loop_io_start(terminal->loop, &terminal->io, terminal->fd, LOOP_WRITE, terminal_ready);
    }
    terminal_compact(terminal);
    text_append(&terminal->queue, bytes, len);
    terminal->is_choked = terminal->queue.failed || terminal->queue.len - terminal->sent > LIMIT_TERMINAL_BACKLOG;
    terminal->queue.failed = false;
}

bool terminal_is_choked(const struct terminal *terminal) {
    return terminal->is_choked;
}

void terminal_free(struct terminal *terminal) {
    if (!terminal)
        return;
    enum { LAST_CHANCE_MS = 250 };
    struct mono end = mono_add_ms(loop_clock(), LAST_CHANCE_MS);
    while (terminal->fd >= 0 && terminal->sent < terminal->queue.len) {
        int64_t left_ms = mono_ms_between(loop_clock(), end);
        if (left_ms <= 0 || !terminal_is_writable(terminal, (int)left_ms))
            break;
        terminal->sent +=
            terminal_send(terminal, terminal->queue.data + terminal->sent, terminal->queue.len - terminal->sent);
    }
    if (terminal->fd >= 0)
        terminal_close(terminal);
    free(terminal);
}
