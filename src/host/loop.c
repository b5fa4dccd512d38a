#include "host/loop.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Kept out of libev on purpose: timers. Its epoll back end rounds timeouts up to whole milliseconds, its instants are
 * doubles and its heap allocates. Ours is an intrusive pairing heap behind one timerfd, set to the nearest deadline
 * when that has changed: exact, without memory, and without a system call while nothing changes. */
struct loop {
    struct ev_loop *ev;
    ev_prepare prepare;
    ev_idle idle; /* active: posts are left, do not sleep */

    struct mono now; /* valid when has_now */
    bool has_now;
    bool broken;

    ev_io timer_io;
    int timer_fd;
    struct mono armed;          /* what timer_fd is set to; MONO_UNSET when it has fired */
    struct loop_timer *waiting; /* heap */
    struct loop_timer *due;     /* heap of those whose callbacks are being called */

    ev_io signal_io;
    int signal_fd;
    sigset_t signals;
    struct {
        void (*arrived)(void *context, int signal);
        void *context;
    } on_signal[_NSIG];

    struct post_list {
        struct loop_post *first;
        struct loop_post *last;
    } posts, batch; /* batch: those that are being run */
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)0)->ev), "ev_io must fit");
_Static_assert(_Alignof(ev_io) <= 8, "ev_io must be aligned");

/* ---- clock ---- */

struct mono loop_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct mono){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

struct mono loop_now(struct loop *loop) {
    if (!loop->has_now) {
        loop->now = loop_clock();
        loop->has_now = true;
    }
    return loop->now;
}

/* ---- timers: a pairing heap; a root has neither next nor prev, the prev of a first child is its parent ---- */

static struct loop_timer *heap_meld(struct loop_timer *a, struct loop_timer *b) {
    if (!a || !b)
        return a ? a : b;
    if (mono_before(b->at, a->at)) {
        struct loop_timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Melds siblings in pairs, left to right, then the pairs into one: the order that makes removal cheap on average. */
static struct loop_timer *heap_meld_siblings(struct loop_timer *first) {
    struct loop_timer *pairs = NULL;
    while (first) {
        struct loop_timer *a = first;
        struct loop_timer *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = heap_meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    struct loop_timer *root = NULL;
    while (pairs) {
        struct loop_timer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        root = heap_meld(root, a);
    }
    return root;
}

static void heap_remove(struct loop_timer **root, struct loop_timer *timer) {
    struct loop_timer *below = heap_meld_siblings(timer->child);
    if (*root == timer) {
        *root = below;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        *root = heap_meld(*root, below);
    }
    timer->child = timer->next = timer->prev = NULL;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer) {
    if (!timer->active)
        return;
    timer->active = false;
    heap_remove(loop->due == timer ? &loop->due : &loop->waiting, timer);
}

void loop_timer_at(struct loop *loop, struct loop_timer *timer, struct mono at, void (*due)(struct loop_timer *)) {
    loop_timer_stop(loop, timer);
    if (mono_is_never(at))
        return;
    timer->due = due;
    timer->at = at.ns > 0 ? at : (struct mono){1}; /* 0 would disarm the timerfd */
    timer->active = true;
    loop->waiting = heap_meld(loop->waiting, timer);
}

static void loop_arm(struct loop *loop) {
    struct mono nearest = loop->waiting ? loop->waiting->at : MONO_NEVER;
    if (nearest.ns == loop->armed.ns)
        return;
    struct itimerspec spec = {0};
    if (!mono_is_never(nearest)) {
        spec.it_value.tv_sec = (time_t)(nearest.ns / 1000000000);
        spec.it_value.tv_nsec = (long)(nearest.ns % 1000000000);
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    loop->armed = nearest;
}

/* Not read: setting the timerfd anew makes it unreadable as well. */
static void loop_timer_ready(struct ev_loop *ev, ev_io *io, int events) {
    (void)io;
    (void)events;
    struct loop *loop = ev_userdata(ev);
    struct mono now = loop_now(loop);
    loop->armed = MONO_UNSET;

    /* First all that is due is set aside, so that a callback which sets its timer to the past waits for its turn. */
    while (loop->waiting && mono_reached(loop->waiting->at, now)) {
        struct loop_timer *timer = loop->waiting;
        heap_remove(&loop->waiting, timer);
        loop->due = heap_meld(loop->due, timer);
    }
    while (loop->due) {
        struct loop_timer *timer = loop->due;
        loop_timer_stop(loop, timer);
        timer->due(timer);
    }
}

/* ---- descriptors ---- */

static void loop_io_ready(struct ev_loop *ev, ev_io *watcher, int events) {
    (void)ev;
    struct loop_io *io = LOOP_CONTAINER(watcher, struct loop_io, ev);
    /* EV_ERROR: the kernel refused to watch; the owner learns why by trying. */
    bool refused = events & EV_ERROR;
    io->ready(io, (events & EV_READ || refused ? LOOP_READ : 0) | (events & EV_WRITE || refused ? LOOP_WRITE : 0));
}

void loop_io_start(struct loop *loop, struct loop_io *io, int fd, int events, void (*ready)(struct loop_io *, int)) {
    loop_io_stop(loop, io);
    ev_io *watcher = (ev_io *)(void *)io->ev;
    io->ready = ready;
    io->active = true;
    ev_io_init(watcher, loop_io_ready, fd, (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0));
    ev_io_start(loop->ev, watcher);
}

void loop_io_stop(struct loop *loop, struct loop_io *io) {
    if (!io->active)
        return;
    io->active = false;
    ev_io_stop(loop->ev, (ev_io *)(void *)io->ev);
}

/* ---- posts ---- */

static bool post_list_remove(struct post_list *list, struct loop_post *post) {
    struct loop_post *before = NULL;
    for (struct loop_post *p = list->first; p; before = p, p = p->next) {
        if (p != post)
            continue;
        *(before ? &before->next : &list->first) = post->next;
        if (list->last == post)
            list->last = before;
        return true;
    }
    return false;
}

void loop_post(struct loop *loop, struct loop_post *post, void (*run)(struct loop_post *)) {
    post->run = run;
    if (post->posted)
        return;
    post->posted = true;
    post->next = NULL;
    *(loop->posts.first ? &loop->posts.last->next : &loop->posts.first) = post;
    loop->posts.last = post;
}

void loop_post_cancel(struct loop *loop, struct loop_post *post) {
    if (!post->posted)
        return;
    post->posted = false;
    if (!post_list_remove(&loop->batch, post))
        post_list_remove(&loop->posts, post);
}

static void loop_run_posts(struct loop *loop) {
    loop->batch = loop->posts;
    loop->posts = (struct post_list){0};
    while (loop->batch.first) {
        struct loop_post *post = loop->batch.first;
        loop_post_cancel(loop, post);
        post->run(post);
    }
}

/* ---- signals ---- */

static void loop_signal_ready(struct ev_loop *ev, ev_io *io, int events) {
    (void)io;
    (void)events;
    struct loop *loop = ev_userdata(ev);
    struct signalfd_siginfo info[8];
    ssize_t n = read(loop->signal_fd, info, sizeof info);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof *info; i++) {
        int signal = (int)info[i].ssi_signo;
        loop->on_signal[signal].arrived(loop->on_signal[signal].context, signal);
    }
}

void loop_on_signal(struct loop *loop, int signal, void (*arrived)(void *context, int signal), void *context) {
    loop->on_signal[signal].arrived = arrived;
    loop->on_signal[signal].context = context;
    sigaddset(&loop->signals, signal);
    sigprocmask(SIG_BLOCK, &loop->signals, NULL);
    signalfd(loop->signal_fd, &loop->signals, 0); /* changes the set of one that is open: cannot fail */
}

/* ---- the loop ---- */

static void loop_prepare(struct ev_loop *ev, ev_prepare *prepare, int events) {
    (void)prepare;
    (void)events;
    struct loop *loop = ev_userdata(ev);
    loop_run_posts(loop);
    loop_arm(loop);
    if (loop->posts.first)
        ev_idle_start(ev, &loop->idle);
    else
        ev_idle_stop(ev, &loop->idle);
    loop->has_now = false;
}

static void loop_idle(struct ev_loop *ev, ev_idle *idle, int events) {
    (void)ev;
    (void)idle;
    (void)events;
}

/* libev wakes every minute to notice that the wall clock was set, which concerns only timers that we do not use. The
 * shortest time that it is to wait for "timers" is therefore set to the longest that epoll_wait can express. */
static const ev_tstamp LOOP_LONGEST_WAIT_SECONDS = 2000000.;

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->armed = MONO_NEVER;
    sigemptyset(&loop->signals);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->signal_fd = signalfd(-1, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->timer_fd >= 0 && loop->signal_fd >= 0)
        loop->ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD | EVBACKEND_EPOLL);
    if (!loop->ev) {
        loop_free(loop);
        return NULL;
    }
    ev_set_userdata(loop->ev, loop);
    ev_set_timeout_collect_interval(loop->ev, LOOP_LONGEST_WAIT_SECONDS);

    ev_prepare_init(&loop->prepare, loop_prepare);
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_idle_init(&loop->idle, loop_idle);
    ev_io_init(&loop->timer_io, loop_timer_ready, loop->timer_fd, EV_READ);
    ev_io_start(loop->ev, &loop->timer_io);
    ev_io_init(&loop->signal_io, loop_signal_ready, loop->signal_fd, EV_READ);
    ev_io_start(loop->ev, &loop->signal_io);
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    int error = errno;
    if (loop->ev)
        ev_loop_destroy(loop->ev);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    free(loop);
    errno = error;
}

void loop_run(struct loop *loop) {
    loop->has_now = false;
    if (!loop->broken)
        ev_run(loop->ev, 0);
    loop->broken = false;
}

void loop_break(struct loop *loop) {
    loop->broken = true;
    ev_break(loop->ev, EVBREAK_ALL);
}
