#include "peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void peer_ready(struct loop_io *io, int events) {
    (void)events;
    struct peer *peer = LOOP_CONTAINER(io, struct peer, io);
    char bytes[4096];
    ssize_t n = recv(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
        text_append(&peer->in, bytes, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        peer->has_ended = true;
        loop_io_stop(peer->loop, io);
    }
    bool has_message = n > 0 && memchr(peer->in.data, '\0', peer->in.len);
    if (peer->has_ended || (has_message && !peer->waits_for_end))
        loop_break(peer->loop);
}

static void peer_give_up(struct loop_timer *timer) {
    (void)timer;
    fail_msg("nothing came from the supervisor");
}

void peer_open(struct peer *peer, struct loop *loop, const char *runtime_dir) {
    *peer = (struct peer){.loop = loop};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", runtime_dir);
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
}

void peer_close(struct peer *peer) {
    loop_io_stop(peer->loop, &peer->io);
    (void)close(peer->fd);
    text_fini(&peer->in);
}

void peer_say_bytes(struct peer *peer, const char *bytes, size_t len) {
    assert_int_equal(send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT), (ssize_t)len);
}

void peer_say(struct peer *peer, const char *message) {
    peer_say_bytes(peer, message, strlen(message) + 1);
}

static void peer_run(struct peer *peer) {
    struct mono limit = mono_add_ms(loop_clock(), PEER_LIMIT_MS);
    loop_timer_at(peer->loop, &peer->limit, limit, peer_give_up);
    loop_io_start(peer->loop, &peer->io, peer->fd, LOOP_READ, peer_ready);
    loop_run(peer->loop);
    loop_io_stop(peer->loop, &peer->io);
    loop_timer_stop(peer->loop, &peer->limit);
}

json_t *peer_hear(struct peer *peer) {
    const char *end;
    while (!(end = peer->in.len > 0 ? memchr(peer->in.data, '\0', peer->in.len) : NULL) && !peer->has_ended)
        peer_run(peer);
    if (!end)
        return NULL;
    size_t len = (size_t)(end - peer->in.data);
    json_t *message = json_loadb(peer->in.data, len, 0, NULL);
    assert_non_null(message);
    peer->in.len -= len + 1;
    memmove(peer->in.data, end + 1, peer->in.len);
    return message;
}

json_t *peer_call(struct peer *peer, const char *message) {
    peer_say(peer, message);
    return peer_hear(peer);
}

void peer_wait_for_end(struct peer *peer) {
    peer->waits_for_end = true;
    while (!peer->has_ended)
        peer_run(peer);
}

struct settling {
    struct loop *loop;
    struct loop_timer timer;
};

static void peer_settled(struct loop_timer *timer) {
    loop_break(LOOP_CONTAINER(timer, struct settling, timer)->loop);
}

/* A timer that is due already is served after one round of descriptors at the latest; a few of them in a row let what
 * one round began be ended by the next. */
void peer_settle(struct loop *loop) {
    for (unsigned i = 0; i < 4; i++) {
        struct settling settling = {.loop = loop};
        loop_timer_at(loop, &settling.timer, mono_add_ms(loop_clock(), 1), peer_settled);
        loop_run(loop);
    }
}
