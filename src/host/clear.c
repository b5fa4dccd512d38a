#include "host/clear.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/mono.h"
#include "host/loop.h"
#include "host/proc.h"
#include "host/tree.h"

/* The processes of one look, each held by a pidfd. */
struct clear_round {
    struct tag_range tags;
    struct pollfd *fds;
    size_t count;
    size_t cap;
};

static void clear_hold(struct clear_round *round, int pidfd) {
    if (round->count == round->cap) {
        size_t cap = round->cap ? round->cap * 2 : 64;
        struct pollfd *fds = reallocarray(round->fds, cap, sizeof *fds);
        if (!fds) {
            close(pidfd); /* the next round finds it again */
            return;
        }
        round->fds = fds;
        round->cap = cap;
    }
    round->fds[round->count++] = (struct pollfd){.fd = pidfd, .events = POLLIN};
}

static void clear_add(void *context, const struct tree_usage *usage) {
    struct clear_round *round = context;
    int pidfd = (int)syscall(SYS_pidfd_open, usage->pid, 0);
    if (pidfd < 0)
        return;
    /* The pid may be another's by the time that we hold it, or a zombie's whose new parent is slow to reap. */
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (tag_is_in(round->tags, tree_tag_of(usage->pid)) && poll(&ended, 1, 0) == 0)
        clear_hold(round, pidfd);
    else
        close(pidfd);
}

/* One look and one signal, then a wait for the ends. Returns how many there were. */
static size_t clear_signal(struct tag_range tags, int signal, int timeout_ms) {
    struct clear_round round = {.tags = tags};
    (void)tree_usage(tags, clear_add, &round);
    for (size_t i = 0; i < round.count; i++)
        (void)proc_signal_pidfd(round.fds[i].fd, signal);
    struct mono deadline = mono_add_ms(loop_clock(), timeout_ms);
    for (size_t i = 0; i < round.count; i++) {
        int64_t left_ms = mono_ms_between(loop_clock(), deadline);
        (void)poll(&round.fds[i], 1, left_ms > 0 ? (int)left_ms : 0);
        close(round.fds[i].fd);
    }
    free(round.fds);
    return round.count;
}

size_t clear_tags(struct tag_range tags, int timeout_ms) {
    enum { CLEAR_KILL_ROUNDS = 20, CLEAR_KILL_WAIT_MS = 500 };
    size_t found = clear_signal(tags, SIGTERM, timeout_ms);
    for (int i = 0; found > 0 && i < CLEAR_KILL_ROUNDS; i++)
        if (clear_signal(tags, SIGKILL, CLEAR_KILL_WAIT_MS) == 0)
            break;
    return found;
}
