/* What Apply answers for one app, in words. */
#ifndef UPKEEP_CLI_CHANGES_H
#define UPKEEP_CLI_CHANGES_H

#include <jansson.h>

#include "core/text.h"

/* What is done, as tables show it: `restart`. */
const char *changes_action(const json_t *change);

/* The escape sequence for that; NULL: none. */
const char *changes_colour(const json_t *change);

/* Appends the words of an array, separated by commas from each other and from what is there. */
void changes_join(const json_t *words, struct text *out);

/* Appends why: keys, variables, reasons. */
void changes_print_reason(const json_t *change, struct text *out);

#endif
