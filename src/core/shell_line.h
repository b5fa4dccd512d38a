/* A shell command, as far as it is a plain list of simple commands: then what it runs can be told without a shell. */
#ifndef UPKEEP_CORE_SHELL_LINE_H
#define UPKEEP_CORE_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/words.h"

/* One simple command: without its assignments and redirections, and without the `exec` or `nohup` before it. */
struct shell_step {
    struct words words; /* never empty */
    bool must_work;     /* the line fails without it; what comes before a `;` may fail */
};

struct shell_line {
    struct shell_step *steps;
    size_t count;
};

/* False when there is more to the line (`||`, `$(…)`, `if`, `&`, a here-document, another PATH), when the shell would
 * refuse it, or there is no memory. */
bool shell_line_split(const char *string, struct shell_line *out);
void shell_line_fini(struct shell_line *line);

/* Whether the shell leaves the word as it is: nothing in it could be expanded. A quoted sign counts as one that is. */
bool shell_line_is_literal(const char *word);

/* Whether the shell does it itself, without a program. */
bool shell_line_is_builtin(const char *name);

/* What to do about a command that begins with what no program is, but only a shell knows: `cd`, `source`, `FOO=1`. NULL
 * for all other names. */
const char *shell_line_advice(const char *name);

#endif
