/* One call of the command, as its handler sees it. */
#ifndef UPKEEP_CLI_INVOCATION_H
#define UPKEEP_CLI_INVOCATION_H

#include "cli/local.h"
#include "cli/options.h"

struct command;

/* All borrowed. The number of arguments is as the command's row allows. */
struct invocation {
    const struct command *command;
    const struct local *local;
    struct options options;
    char **args;
    size_t arg_count;
};

#endif
