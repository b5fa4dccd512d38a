/* What an app was prepared from, so that a later run can tell whether anything has changed, and what. */
#ifndef UPKEEP_CORE_PREPARED_H
#define UPKEEP_CORE_PREPARED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

/* Of a SHA-256: two different contents never have the same, whoever wrote them. host/digest.h makes it. */
enum { DIGEST_BYTES = 32 };

enum prepared_kind {
    PREPARED_COMMANDS,    /* the prepare lines and how they are run */
    PREPARED_FOLDER,      /* where */
    PREPARED_ENVIRONMENT, /* what the manifest and its dotenv files say of it */
    PREPARED_INPUT,       /* a file, by name */
};

struct prepared_entry {
    enum prepared_kind kind;
    char *name; /* PREPARED_INPUT; else "" */
    unsigned char digest[DIGEST_BYTES];
};

/* Zero-initialised is empty. Owns its entries. */
struct prepared {
    struct prepared_entry *list;
    size_t count;
    size_t cap;
};

void prepared_fini(struct prepared *prepared);

/* False when out of memory or over LIMIT_PREPARE_INPUTS. */
bool prepared_add(struct prepared *prepared, enum prepared_kind kind, const char *name,
                  const unsigned char digest[DIGEST_BYTES]);

/* Puts the entries into their one order; what was added twice is there once. */
void prepared_sort(struct prepared *prepared);

/* As a file, of sorted entries, and back. False when it is none of ours, damaged or of another version. */
void prepared_print(const struct prepared *prepared, struct text *out);
bool prepared_parse(const char *bytes, size_t len, struct prepared *out);

/* How many of the entries (both sorted) differ, with the first of them as a sentence in why: `package-lock.json has
 * changed (and 2 more)`. */
size_t prepared_compare(const struct prepared *before, const struct prepared *now, struct text *why);

#endif
