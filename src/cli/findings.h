/* Findings as `check` shows them: `FILE:LINE: error: APP: text`, the form that editors know from compilers. */
#ifndef UPKEEP_CLI_FINDINGS_H
#define UPKEEP_CLI_FINDINGS_H

#include <jansson.h>
#include <stdio.h>

#include "core/diag.h"

/* All of them, grouped by app, each a line and one below it that says what to do; in colour where out's descriptor fd
 * can show it. */
void findings_print(const struct diags *diags, int fd, struct text *out);

/* The same, written at once. */
void findings_print_to(FILE *stream, const struct diags *diags);

/* The array that `check --json` is documented to have. NULL when out of memory. */
json_t *findings_json(const struct diags *diags);

#endif
