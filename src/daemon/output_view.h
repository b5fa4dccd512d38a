/* The lines of all apps on the terminal of `run`, as they come. */
#ifndef UPKEEP_DAEMON_OUTPUT_VIEW_H
#define UPKEEP_DAEMON_OUTPUT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/display.h"
#include "core/lines.h"
#include "host/terminal.h"

/* Zero-initialised shows nothing. */
struct output_view {
    struct terminal *terminal; /* NULL: none */
    struct display display;
    struct text batch;   /* what is to be written at once */
    size_t hidden_lines; /* that the terminal was too slow for, since it last kept up */
    struct text held;    /* what was to be said meanwhile, as far as LIMIT_TAIL goes */
};

/* Without memory it shows nothing. The view must not move from now on. */
void output_view_open(struct output_view *view, struct loop *loop, int fd);
void output_view_close(struct output_view *view);

bool output_view_is_open(const struct output_view *view);

/* Prefixes are made wide enough for this name too. */
void output_view_expect(struct output_view *view, const char *name);

/* Adds a line to the batch. app: tells the apps apart by colour. */
void output_view_line(struct output_view *view, unsigned app, const char *name, const struct line *line);

/* Writes the batch. Never waits. */
void output_view_flush(struct output_view *view);

/* Writes a line that is nobody's; keeps it for later when the terminal is too slow. */
void output_view_say(struct output_view *view, const char *line);

#endif
