/* Splitting a command into words as a POSIX shell does (XCU 2.2 Quoting), without any expansion. */
#ifndef UPKEEP_CORE_WORDS_H
#define UPKEEP_CORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

/* Owns one block of memory; list ends with NULL, fit for execve. */
struct words {
    char **list;
    size_t count;
};

/* Blanks and newlines separate; '…' literal; "…" with \" \\ \$ \` and line joining; \c is c.
 * False with the reason in `error` (an open quote, a backslash at the end, no memory). No word at all is not an error.
 */
bool words_split(const char *string, struct words *out, struct text *error);
void words_fini(struct words *words);

/* What stands in a command outside quotes and means something to a shell alone: `&&`, `||`, `|`, `;`, `&`, `>`, `2>&1`,
 * `$HOME`. Appends the first. False when there is none; half a sign within a word (`a&b`, `x=1>2`) is none either. */
bool words_shell_sign(const char *string, struct text *out);

/* Appends word so that words_split gives it back. */
void words_quote(const char *word, struct text *out);

#endif
