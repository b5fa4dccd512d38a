/* What is known of where output goes. */
#ifndef UPKEEP_CLI_SCREEN_H
#define UPKEEP_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/card.h"
#include "core/text.h"

struct screen {
    bool is_terminal;
    bool colour;   /* a terminal that knows escape sequences, and NO_COLOR is not set (no-color.org) */
    bool can_move; /* the same whatever NO_COLOR says: it may be redrawn */
    size_t width;  /* columns; 0: not a terminal, do not cut */
    size_t height; /* lines; 0 likewise */
};

struct screen screen_of(int fd);

struct card_style screen_card_style(struct screen screen);

/* Writes text to standard output at once. False when that failed: a stream is to end then. */
bool screen_write(const struct text *text);

/* The last thing before the exit: flushes standard output. Returns code, or CODE_FAILED where the output could not be
 * written; says so unless it is only that nobody reads it any more. */
int screen_finish(int code);

#endif
