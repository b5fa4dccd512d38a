/* Texts measured in terminal columns. UTF-8 whatever the locale is, so that the same text looks the same from a shell,
 * a unit and a container. Bytes that are no UTF-8 count as one column each. */
#ifndef UPKEEP_CORE_COLUMNS_H
#define UPKEEP_CORE_COLUMNS_H

#include <stddef.h>

#include "core/text.h"

/* How many columns len bytes take. They must hold no escape sequences. */
size_t columns_count(const char *bytes, size_t len);

/* How many of len bytes fit into `columns` columns; whole characters only. */
size_t columns_fit(const char *bytes, size_t len, size_t columns);

/* Appends string, cut with `…` where it is wider than `columns`. */
void columns_cut(const char *string, size_t columns, struct text *out);

/* Appends what a program wrote as one line that is safe to show on a terminal: escape sequences left out, a tab as a
 * blank, other control characters as `?`, bytes that are no UTF-8 as U+FFFD. */
void columns_clean(const char *bytes, size_t len, struct text *out);

/* The length of an escape sequence at the start of len bytes, which begin with ESC (ECMA-48: CSI, strings such as OSC,
 * and the short ones). */
size_t columns_escape_span(const char *bytes, size_t len);

#endif
