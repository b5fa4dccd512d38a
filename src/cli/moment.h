/* The supervisor's time stamps for people. */
#ifndef UPKEEP_CLI_MOMENT_H
#define UPKEEP_CLI_MOMENT_H

#include "core/text.h"

/* Appends an RFC 3339 time in UTC (`2024-05-01T12:00:01.123Z`) as local time: `2024-05-01 14:00:01.123`. What is no
 * such time is appended as it is. */
void moment_print(const char *stamp, struct text *out);

#endif
