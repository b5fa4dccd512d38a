/* A growing text. The first failed allocation is remembered and makes every later call a no-op, so that a text is
 * built without a check at each line and judged once, at its end. */
#ifndef UPKEEP_CORE_TEXT_H
#define UPKEEP_CORE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* NUL-terminated once anything was appended, else NULL */
    size_t len; /* without the NUL */
    size_t cap;
    bool failed; /* an allocation failed: the content is not whole */
};

/* Frees the content and leaves an empty text. */
void text_fini(struct text *text);

/* Forgets the content, keeps the memory. */
void text_clear(struct text *text);

void text_append(struct text *text, const char *bytes, size_t len);
void text_str(struct text *text, const char *string);
void text_char(struct text *text, char c);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Appends a path as seen from a folder: NAME alone where that is absolute, the folder where it is NULL. */
void text_path(struct text *text, const char *folder, const char *name);

/* Whether two strings are the same, or both are NULL. */
bool text_is_same(const char *a, const char *b);

/* Whether the word is one of these. */
bool text_is_one_of(const char *word, const char *const *words, size_t count);

/* What makes a word one of several: `s`, or nothing for 1. */
const char *text_plural(size_t count);

/* The content, never NULL; valid until the next call. */
const char *text_get(const struct text *text);

/* Hands the content (heap, NUL-terminated; the caller frees it) over and leaves an empty text. NULL when the text has
 * failed. */
char *text_take(struct text *text);

#define TEXT_AUTO __attribute__((cleanup(text_fini)))

#endif
