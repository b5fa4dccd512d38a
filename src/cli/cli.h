/* The upkeep command line. */
#ifndef UPKEEP_CLI_CLI_H
#define UPKEEP_CLI_CLI_H

#include "cli/local.h"

/* The whole command: returns the exit code. */
int cli_main(int argc, char **argv, const struct local *local);

#endif
