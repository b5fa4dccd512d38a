/* What a reader of texts has to say: a bounded list of findings, each with its place. Printing is for others. */
#ifndef UPKEEP_CORE_DIAG_H
#define UPKEEP_CORE_DIAG_H

#include <stddef.h>

#include "core/rules.h"
#include "core/text.h"

struct diag {
    enum diag_severity severity;
    enum rule_id rule;
    char *app;     /* that it was found with; NULL: of the whole, or not known */
    char *file;    /* as the user would name it; NULL when the finding has no place */
    unsigned line; /* 1-based; 0: the file as a whole */
    char *text;    /* one line, lower case, no full stop */
    char *advice;  /* what to do, the same; NULL: what the rule says */
};

/* Zero-initialised is empty. Owns all strings. */
struct diags {
    struct diag *list;
    size_t count;
    size_t dropped; /* findings beyond LIMIT_DIAGS, or lost to a failed allocation */
    size_t errors;  /* of severity DIAG_ERROR, dropped ones included */
    size_t warnings;
};

void diags_fini(struct diags *diags);

/* Copies file and the text made from format; control bytes become blanks. A finding that is there already is not
 * added again: two apps that read one bad file say so once. */
void diags_add(struct diags *diags, enum diag_severity severity, const char *file, unsigned line, const char *format,
               ...) __attribute__((format(printf, 5, 6)));

/* Where a finding belongs and what to do about it. Everything is borrowed; what is NULL is not known. */
struct diag_place {
    const char *app;
    const char *file;
    unsigned line;
    const char *advice;
};

/* The same for a finding of a rule, which gives its severity. A mistake that several apps share is said once, with the
 * first of them. */
void diags_find(struct diags *diags, enum rule_id rule, const struct diag_place *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Gives the findings from index `from` on that know no app to this one. */
void diags_give_app(struct diags *diags, size_t from, const char *app);

/* Takes out the findings that `is` says so of. Returns how many. */
size_t diags_take_out(struct diags *diags, bool (*is)(const struct diag *diag, void *context), void *context);

/* Gives an advice to the findings from index `from` on that have none of their own. */
void diags_advise(struct diags *diags, size_t from, const char *advice);

/* Appends `FILE:LINE: text` (the form that editors can jump to), with no newline. */
void diag_print(const struct diag *diag, struct text *out);

/* The candidate nearest to word by edit distance, or NULL when none is near enough to be what was meant.
 * `candidates` ends with NULL. */
const char *diag_nearest(const char *word, const char *const *candidates);

/* The same for names of things: where none is near, the only one that word holds (`shop-backend` has `backend` in it),
 * or that holds word. */
const char *diag_nearest_name(const char *word, const char *const *candidates);

#endif
