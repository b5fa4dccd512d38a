/* What is known of where output goes. */
#ifndef UPKEEP_CLI_CONSOLE_H
#define UPKEEP_CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/card.h"
#include "core/text.h"

struct console {
    bool is_terminal;
    bool colour;   /* a terminal that knows escape sequences, and NO_COLOR is not set (no-color.org) */
    bool can_move; /* the same whatever NO_COLOR says: it may be redrawn */
    size_t width;  /* columns; 0: not a terminal, do not cut */
    size_t height; /* lines; 0 likewise */
};

struct console console_of(int fd);

struct card_style console_card_style(struct console console);

/* Writes text to standard output at once. False when that failed: a stream is to end then. */
bool console_write(const struct text *text);

/* The same for what goes on while a run listens to its signals itself, so that SIGINT and the like are blocked: waits
 * for a reader that is slow, but no longer once such a signal waits or is_ending; what is not taken then is dropped. */
bool console_stream(const struct text *text, bool is_ending);

/* Takes the whole screen of a terminal that can_move for drawing, and gives it back as it was. Whatever is said of a
 * failure gives it back first; once more does nothing. */
void console_enter(void);
void console_leave(void);

/* Goes back to the begin of an open line and takes it away: on a terminal that can move. */
#define CONSOLE_CLEAR_LINE "\r\033[K"

/* A line on a terminal that is not ended, as it may be written over. Whatever is said of a failure ends it first. */
void console_hold_line(FILE *stream);
bool console_has_line(void);
/* It was written over. */
void console_drop_line(void);
/* Ends it, for whoever writes past it; nothing when there is none. */
void console_end_line(void);

/* The last thing before the exit: flushes standard output. Returns code, or CODE_FAILED where the output could not be
 * written; says so unless it is only that nobody reads it any more. */
int console_finish(int code);

#endif
