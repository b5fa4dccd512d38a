/* Findings as `check` shows them: `FILE:LINE: error: text`, the form that editors know from compilers. */
#ifndef UPKEEP_CLI_FINDINGS_H
#define UPKEEP_CLI_FINDINGS_H

#include <stdio.h>

#include "core/diag.h"

/* By enum diag_severity: `note`, `warning`, `error`. */
extern const char *const findings_words[];

/* All of them, a line each, in colour where out's descriptor fd can show it. */
void findings_print(const struct diags *diags, int fd, struct text *out);

/* The same, written at once. */
void findings_print_to(FILE *stream, const struct diags *diags);

#endif
