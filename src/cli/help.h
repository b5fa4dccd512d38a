/* Help for people, from the tables. */
#ifndef UPKEEP_CLI_HELP_H
#define UPKEEP_CLI_HELP_H

#include "cli/commands.h"
#include "core/text.h"

/* Appends `upkeep COMMAND [OPTIONS] ARGUMENTS`. */
void help_usage(const struct command *command, struct text *out);

/* What upkeep is and all its commands; one command. */
void help_overview(struct text *out);
void help_of(const struct command *command, struct text *out);

/* Says that there is no such command, and which one was meant; the exit code. */
int help_unknown(const char *name);

#endif
