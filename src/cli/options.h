/* The options: one row each in a table, and the one parser that knows how a command line is written. */
#ifndef UPKEEP_CLI_OPTIONS_H
#define UPKEEP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

enum option {
    OPTION_MANIFEST,
    OPTION_PROFILE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_JSON,
    OPTION_WATCH,
    OPTION_FOLLOW,
    OPTION_LINES,
    OPTION_REVEAL,
    OPTION_NO_WAIT,
    OPTION_TIMEOUT,
    OPTION_FORMAT,
    OPTION_USER,
    OPTION_INSTALL,
    OPTION_PRINT,
    OPTION_UNIT,
    OPTION_STRICT,
    OPTION_LIST_RULES,
    OPTION_DRY_RUN,
    OPTION_IF_NEEDED,
    OPTION_RESTART_ALL,
    OPTION_ROLLBACK_COMMAND,
    OPTION_STARTED_FD,
};
enum { OPTION_COUNT = OPTION_STARTED_FD + 1 };

/* Sets of options, as a command's row names them. */
#define OPTION_BIT(option) (1U << (option))
/* Understood before the command, and after it where the command does not use the letter otherwise. */
#define OPTIONS_GLOBAL                                                                                                 \
    (OPTION_BIT(OPTION_MANIFEST) | OPTION_BIT(OPTION_PROFILE) | OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION))

enum option_kind { OPTION_FLAG, OPTION_WORD, OPTION_DURATION, OPTION_NUMBER };

struct option_row {
    const char *name; /* long */
    char letter;      /* short; 0: none */
    enum option_kind kind;
    const char *argument; /* what help calls the value; NULL for a flag */
    int64_t max;          /* OPTION_NUMBER: from 0 to this */
    const char *text;     /* one line for help; NULL: not shown, for upkeep's own use */
};

/* By enum option. */
extern const struct option_row option_rows[OPTION_COUNT];

struct options {
    bool given[OPTION_COUNT];
    const char *word[OPTION_COUNT]; /* OPTION_WORD; borrowed from argv */
    int64_t number[OPTION_COUNT];   /* OPTION_DURATION in milliseconds, OPTION_NUMBER */
};

/* Takes the options that stand in words (argv's order, count of them) out of it and into *options; what is left, the
 * arguments, is moved to the front in its order and counted in *rest_out. allowed: a set, which comes before
 * OPTIONS_GLOBAL where a letter means both. stop_at_argument: what follows the first argument is left alone (it is the
 * command). False with the sentence in error. */
bool options_parse(unsigned allowed, bool stop_at_argument, char **words, size_t count, struct options *options,
                   size_t *rest_out, struct text *error);

#endif
