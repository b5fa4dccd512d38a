/* The table of instances, as status, start and their like show it. */
#ifndef UPKEEP_CLI_INSTANCES_H
#define UPKEEP_CLI_INSTANCES_H

#include <jansson.h>

#include "cli/console.h"

/* Appends the table of an answer's instances. */
void instances_print(const json_t *instances, struct console console, struct text *out);

/* The escape sequence for a state's word; NULL: none. */
const char *instances_colour(const char *state);

#endif
