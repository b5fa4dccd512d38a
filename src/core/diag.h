/* What a reader of texts has to say: a bounded list of findings, each with its place. Printing is for others. */
#ifndef UPKEEP_CORE_DIAG_H
#define UPKEEP_CORE_DIAG_H

#include <stddef.h>

#include "core/text.h"

enum diag_severity { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

struct diag {
    enum diag_severity severity;
    char *file;    /* as the user would name it; NULL when the finding has no place */
    unsigned line; /* 1-based; 0: the file as a whole */
    char *text;    /* one line, lower case, no full stop */
};

/* Zero-initialised is empty. Owns all strings. */
struct diags {
    struct diag *list;
    size_t count;
    size_t dropped; /* findings beyond LIMIT_DIAGS, or lost to a failed allocation */
    size_t errors;  /* of severity DIAG_ERROR, dropped ones included */
};

void diags_fini(struct diags *diags);

/* Copies file and the text made from format; control bytes become blanks. A finding that is there already is not
 * added again: two apps that read one bad file say so once. */
void diags_add(struct diags *diags, enum diag_severity severity, const char *file, unsigned line, const char *format,
               ...) __attribute__((format(printf, 5, 6)));

/* Appends `FILE:LINE: text` (the form that editors can jump to), with no newline. */
void diag_print(const struct diag *diag, struct text *out);

/* The candidate nearest to word by edit distance, or NULL when none is near enough to be what was meant.
 * `candidates` ends with NULL. */
const char *diag_nearest(const char *word, const char *const *candidates);

#endif
