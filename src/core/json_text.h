/* Writing JSON straight into a text, without a tree in between. Commas come by themselves: a value that follows another
 * in the same object or array is separated from it. Whatever the bytes are, the result is valid JSON in UTF-8. */
#ifndef UPKEEP_CORE_JSON_TEXT_H
#define UPKEEP_CORE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

/* key: of a member of an object, written as it is (no character of it may need escaping); NULL for an array's element.
 * The same in all functions. */
void json_text_object(struct text *out, const char *key);
void json_text_object_end(struct text *out);
void json_text_array(struct text *out, const char *key);
void json_text_array_end(struct text *out);

void json_text_null(struct text *out, const char *key);
void json_text_bool(struct text *out, const char *key, bool value);
void json_text_int(struct text *out, const char *key, int64_t value);

/* A number with one decimal, whatever the locale: 123 is written as 12.3. */
void json_text_tenths(struct text *out, const char *key, int64_t tenths);

/* NULL is written as null. Bytes that are not UTF-8 become U+FFFD. */
void json_text_string(struct text *out, const char *key, const char *value);
void json_text_bytes(struct text *out, const char *key, const char *bytes, size_t len);

/* An array of the lines of a text, a last one without a newline included; "" and NULL are none. */
void json_text_lines(struct text *out, const char *key, const char *lines);

#endif
