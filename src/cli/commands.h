/* THE command table: what each command is called, takes, means and does, once. Parsing, `did you mean`, help, the
 * manual page, docs/cli.md and the completions are all driven by it. A new command is a row here and its handler. */
#ifndef UPKEEP_CLI_COMMANDS_H
#define UPKEEP_CLI_COMMANDS_H

#include <stddef.h>

#include "cli/invocation.h"

enum { COMMAND_ANY_COUNT = 0xffff };

struct command {
    const char *name;
    const char *alias;     /* NULL: none */
    const char *arguments; /* as usage shows them: `SIGNAL APP`; "" for none */
    size_t min_args;
    size_t max_args;
    unsigned options;                                    /* a set of OPTION_BIT()s besides the global ones */
    const char *summary;                                 /* one line, no full stop */
    const char *text;                                    /* paragraphs, separated by '\n' */
    int (*handler)(const struct invocation *invocation); /* returns the exit code */
};

extern const struct command commands[];
extern const size_t command_count;

/* By name or alias; NULL when there is none. */
const struct command *commands_find(const char *name);

/* The command that was probably meant, or NULL. */
const char *commands_nearest(const char *name);

/* What to do here instead of a command of PM2, systemctl or docker compose (`upkeep status --watch`); NULL for other
 * names. */
const char *commands_elsewhere(const char *name);

#endif
