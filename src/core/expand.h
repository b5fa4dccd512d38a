/* ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME:+other}; `$${` is a literal `${`.
 * Nothing else about `$` is special. Defaults may themselves hold expansions. */
#ifndef UPKEEP_CORE_EXPAND_H
#define UPKEEP_CORE_EXPAND_H

#include <stdbool.h>

#include "core/text.h"

/* The value of a variable, or NULL when it is not set. The pointer must live until the next call. */
typedef const char *expand_lookup(const void *context, const char *name);

/* Appends the expansion of string to out. False with the reason in `error`: an unclosed or malformed `${` (in a default
 * that is not taken, too), an unset name without a default (`${NAME}` of an unset name is an error: an empty key is the
 * silent failure that upkeep is made to prevent), `:?`, or more than LIMIT_EXPANSION bytes. `error` never holds a
 * variable's value, nor any of the string but names and messages; out is then as it was.
 * lookup NULL: only the form is judged, and nothing is appended. */
bool expand(const char *string, expand_lookup *lookup, const void *context, struct text *out, struct text *error);

/* The same for len bytes of which a NUL byte, never printed, makes the byte behind it literal: for grammars with
 * escapes of their own. The last byte must not be a NUL. */
bool expand_marked(const char *bytes, size_t len, expand_lookup *lookup, const void *context, struct text *out,
                   struct text *error);

/* Whether the string holds anything that expand() would change. */
bool expand_is_needed(const char *string);

#endif
