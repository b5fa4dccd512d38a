/* The command line's documentation as a whole, in the forms that others read: the manual page, docs/cli.md and the
 * shell completions. What the tables say is taken from them; the rest is written here. */
#ifndef UPKEEP_CLI_MANUAL_H
#define UPKEEP_CLI_MANUAL_H

#include <stdbool.h>

#include "core/text.h"

/* Appends it as `man`, `markdown`, `bash` or `zsh`. False when it is none of these. */
bool manual_print(const char *format, struct text *out);

#endif
