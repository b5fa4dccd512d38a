/* The event loop; the only room that knows libev. Everything that waits in the supervisor waits here. */
#ifndef UPKEEP_HOST_LOOP_H
#define UPKEEP_HOST_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mono.h"

struct loop;

/* LOOP_READ and LOOP_WRITE may be joined. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A descriptor that is watched. Memory is the caller's, zero-initialised before first use; it must not move while
 * active. */
struct loop_io {
    void (*ready)(struct loop_io *io, int events);
    _Alignas(8) unsigned char ev[64];
    bool active;
};

/* A point in time that is waited for. Memory is the caller's, zero-initialised before first use; it must not move while
 * active. Setting a timer takes no memory and cannot fail. */
struct loop_timer {
    void (*due)(struct loop_timer *timer);
    struct mono at;
    struct loop_timer *child, *next, *prev; /* of the loop's heap */
    bool active;
};

/* Work to be done once the present callback has returned, before the loop sleeps: the way results come back without
 * re-entrancy. Posts run in the order of posting; what a post posts runs after descriptors and timers had their turn.
 * Memory is the caller's; posting twice before it ran is once. */
struct loop_post {
    void (*run)(struct loop_post *post);
    struct loop_post *next;
    bool posted;
};

/* NULL when the kernel refuses (errno). Never reads the environment. One loop per process at a time. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Until loop_break(), which may have come before. */
void loop_run(struct loop *loop);
void loop_break(struct loop *loop);

/* The same instant for the whole of one callback round. */
struct mono loop_now(struct loop *loop);

/* The clock itself, for measuring within a round. */
struct mono loop_clock(void);

/* Watches fd, or changes what an active io watches. A callback never comes after loop_io_stop(). Stop before closing
 * fd. Not for regular files: they are always ready. */
void loop_io_start(struct loop *loop, struct loop_io *io, int fd, int events, void (*ready)(struct loop_io *, int));
void loop_io_stop(struct loop *loop, struct loop_io *io);

/* Sets or moves the timer; it is kept to a fraction of a millisecond, and never early. MONO_NEVER stops it. */
void loop_timer_at(struct loop *loop, struct loop_timer *timer, struct mono at, void (*due)(struct loop_timer *));
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

void loop_post(struct loop *loop, struct loop_post *post, void (*run)(struct loop_post *));
void loop_post_cancel(struct loop *loop, struct loop_post *post);

/* The signal is blocked from now on (and stays so) and read through a signalfd, so no handler ever runs. Called once
 * per signal number. */
void loop_on_signal(struct loop *loop, int signal, void (*arrived)(void *context, int signal), void *context);

#define LOOP_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
