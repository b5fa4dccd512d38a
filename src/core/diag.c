#include "core/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

static void diag_fini(struct diag *diag) {
    free(diag->app);
    free(diag->file);
    free(diag->text);
    free(diag->advice);
}

void diags_fini(struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++)
        diag_fini(&diags->list[i]);
    free(diags->list);
    *diags = (struct diags){0};
}

/* What a finding quotes comes from a stranger's file: it must not end the line or speak to the terminal. */
static void one_line(char *text) {
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static bool is_known(const struct diags *diags, const struct diag *finding) {
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *known = &diags->list[i];
        if (known->line == finding->line && known->severity == finding->severity &&
            strcmp(known->text, finding->text) == 0 && text_is_same(known->file, finding->file))
            return true;
    }
    return false;
}

/* Takes the finding's strings over when it returns true. */
static bool diags_push(struct diags *diags, const struct diag *finding) {
    if (diags->count >= LIMIT_DIAGS)
        return false;
    if ((diags->count & (diags->count - 1)) == 0) { /* full at 0 and each power of two */
        size_t cap = diags->count ? diags->count * 2 : 1;
        struct diag *list = realloc(diags->list, cap * sizeof(*list));
        if (!list)
            return false;
        diags->list = list;
    }
    diags->list[diags->count++] = *finding;
    return true;
}

/* Whether a copy holds all that there was to copy. */
static bool is_copied(const char *copy, const char *original) {
    return copy || !original;
}

static void diags_keep(struct diags *diags, enum diag_severity severity, enum rule_id rule,
                       const struct diag_place *place, struct text *text) {
    struct diag finding = {
        .severity = severity,
        .rule = rule,
        .app = place->app ? strdup(place->app) : NULL,
        .file = place->file ? strdup(place->file) : NULL,
        .line = place->line,
        .text = text_take(text),
        .advice = place->advice ? strdup(place->advice) : NULL,
    };
    if (finding.text)
        one_line(finding.text);
    bool is_whole = finding.text && is_copied(finding.file, place->file) && is_copied(finding.app, place->app) &&
                    is_copied(finding.advice, place->advice);
    bool was_known = is_whole && is_known(diags, &finding);
    if (!was_known) {
        diags->errors += severity == DIAG_ERROR;
        diags->warnings += severity == DIAG_WARNING;
    }
    if (is_whole && !was_known && diags_push(diags, &finding))
        return;
    if (!was_known)
        diags->dropped++;
    diag_fini(&finding);
}

void diags_add(struct diags *diags, enum diag_severity severity, const char *file, unsigned line, const char *format,
               ...) {
    struct text text = {0};
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    diags_keep(diags, severity, RULE_MANIFEST, &(struct diag_place){.file = file, .line = line}, &text);
}

void diags_find(struct diags *diags, enum rule_id rule, const struct diag_place *place, const char *format, ...) {
    struct text text = {0};
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    diags_keep(diags, rule_rows[rule].severity, rule, place, &text);
}

size_t diags_take_out(struct diags *diags, bool (*is)(const struct diag *diag, void *context), void *context) {
    size_t kept = 0;
    size_t count = diags->count;
    for (size_t i = 0; i < count; i++) {
        struct diag *diag = &diags->list[i];
        if (!is(diag, context)) {
            diags->list[kept++] = *diag;
            continue;
        }
        diags->errors -= diag->severity == DIAG_ERROR;
        diags->warnings -= diag->severity == DIAG_WARNING;
        diag_fini(diag);
    }
    diags->count = kept;
    return count - kept;
}

void diags_give_app(struct diags *diags, size_t from, const char *app) {
    for (size_t i = from; i < diags->count; i++)
        if (!diags->list[i].app)
            diags->list[i].app = strdup(app);
}

void diags_advise(struct diags *diags, size_t from, const char *advice) {
    for (size_t i = from; i < diags->count; i++)
        if (!diags->list[i].advice)
            diags->list[i].advice = strdup(advice);
}

void diag_print(const struct diag *diag, struct text *out) {
    if (diag->file && diag->line > 0)
        text_printf(out, "%s:%u: ", diag->file, diag->line);
    else if (diag->file)
        text_printf(out, "%s: ", diag->file);
    text_str(out, diag->text);
}

static char folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that make b of a, case aside. Both are at most
 * LIMIT_NAME bytes. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    unsigned rows[3][LIMIT_NAME + 1]; /* of the classic table only the last three rows matter */
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            char x = folded(a[i - 1]);
            char y = folded(b[j - 1]);
            row[j] = min(min(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]))
                row[j] = min(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *diag_nearest(const char *word, const char *const *candidates) {
    size_t len = strlen(word);
    if (len == 0 || len > LIMIT_NAME)
        return NULL;
    /* A third of the word may be wrong, but never all of it: `x` does not mean `y`. */
    unsigned limit = len < 3 ? (unsigned)len - 1 : (unsigned)len / 3;
    const char *nearest = NULL;
    for (; *candidates; candidates++) {
        size_t candidate_len = strlen(*candidates);
        if (candidate_len > LIMIT_NAME)
            continue;
        unsigned distance = edit_distance(word, len, *candidates, candidate_len);
        if (distance > limit || distance >= candidate_len)
            continue;
        if (distance == 0)
            return *candidates;
        nearest = *candidates;
        limit = distance - 1;
    }
    return nearest;
}

const char *diag_nearest_name(const char *word, const char *const *candidates) {
    enum { PART_MIN = 3 }; /* `a` is in everything */
    const char *found = diag_nearest(word, candidates);
    for (size_t i = 0, parts = 0; (!found || parts > 0) && candidates[i]; i++) {
        const char *candidate = candidates[i];
        size_t shorter = min((unsigned)strnlen(word, LIMIT_NAME), (unsigned)strnlen(candidate, LIMIT_NAME));
        if (shorter < PART_MIN || (!strcasestr(word, candidate) && !strcasestr(candidate, word)))
            continue;
        if (parts++ > 0)
            return NULL;
        found = candidate;
    }
    return found;
}
