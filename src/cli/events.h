/* One change of an instance as a line. */
#ifndef UPKEEP_CLI_EVENTS_H
#define UPKEEP_CLI_EVENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/text.h"

/* Appends `2024-05-01 14:00:01.123 backend: starting -> ready: port 14200 accepts connections` with its newline. */
void events_print(const json_t *event, bool colour, struct text *out);

#endif
