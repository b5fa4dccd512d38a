/* The failure card: how a failed start or a crash is told to people, the same wherever it is shown. */
#ifndef UPKEEP_CORE_CARD_H
#define UPKEEP_CORE_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

enum { CARD_TAIL_LINES = 10 }; /* of the last lines at most this many are shown */

/* All strings are borrowed. */
struct card {
    const char *name;  /* of the instance */
    const char *state; /* the contract's word, as from phase_word() */
    const char *cause; /* one line, as from why_print(); of the failure, which need not be why it is in this state */
    /* How the last process ended: shown where the cause does not say so itself. */
    int exit_code;           /* -1: none */
    const char *exit_signal; /* `SIGKILL`; NULL: none */
    const char *tail;        /* the last lines that it wrote, separated by newlines, any bytes; NULL or "": none */
    const char *log;         /* where more of them stand; NULL: nowhere */
    int64_t next_start_ms;   /* in backoff: from now; -1: unknown */
    int64_t attempt;         /* unasked ends so far; 0: unknown */
    int64_t max_restarts;    /* that many are allowed in the window; 0: any number */
    int64_t window_ms;       /* 0: unknown */
};

struct card_style {
    bool colour;  /* with escape sequences for a terminal */
    size_t width; /* lines are cut to this many columns; 0: they are not */
};

/* Appends the card, each line with its newline:
 *
 *     backend: exited with code 3 after 1.2s
 *       | Traceback (most recent call last):
 *       log: /srv/demo/logs/backend.log
 *       next try in 1.6s (3 of 10 in 5m)
 */
void card_print(const struct card *card, struct card_style style, struct text *out);

/* Appends the last line of a card alone, without a newline: what happens next and when. Nothing when nothing does. */
void card_next(const struct card *card, struct text *out);

#endif
