/* Writing to a terminal that may be slow, stopped (Ctrl-S) or gone, without ever waiting for it. */
#ifndef UPKEEP_HOST_TERMINAL_H
#define UPKEEP_HOST_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "host/loop.h"

struct terminal;

/* SIGTTOU should be ignored (proc_setup does). caught_up: all that was queued is written, after there had been too much
 * of it (see terminal_is_choked). fd: borrowed; its own mode is left alone, as other programs share it. NULL when out
 * of memory. */
struct terminal *terminal_new(struct loop *loop, int fd, void (*caught_up)(void *context), void *context);

/* Gives what is queued a last quarter of a second. */
void terminal_free(struct terminal *terminal);

/* Writes at once what the terminal takes and queues the rest. Nothing when it is gone or choked. */
void terminal_write(struct terminal *terminal, const char *bytes, size_t len);

/* More than LIMIT_TERMINAL_BACKLOG is queued: until caught_up is called, nothing should be written. */
bool terminal_is_choked(const struct terminal *terminal);

#endif
