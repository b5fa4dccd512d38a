/* How the command ends: its exit codes, and the one way to say what went wrong. */
#ifndef UPKEEP_CLI_CODE_H
#define UPKEEP_CLI_CODE_H

#include <stddef.h>

#include "core/diag.h"

enum code {
    CODE_DONE = 0,
    CODE_FAILED = 1,
    CODE_USAGE = 2,
    CODE_NOT_RUNNING = 3,
    CODE_NO_APP = 4,
    CODE_TIMED_OUT = 5,
};

/* What each code means, by its number; for help and manual. */
extern const char *const code_meaning[];
extern const size_t code_count;

/* Writes `upkeep: …` as one line to standard error, after what was printed to standard output, and returns code. The
 * last line written is the reason for the exit code. */
int code_fail(enum code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what does not change the exit code. */
void code_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on what code_fail() has to say is kept in reason (the last sentence alone, as one line) instead of written,
 * for one who will tell more with it. NULL: no longer. */
void code_catch(struct text *reason);

/* Writes the findings to standard error, a line each. */
void code_findings(const struct diags *diags);

#endif
