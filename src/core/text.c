#include "core/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_fini(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}

void text_clear(struct text *text) {
    text->len = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

/* Room for `more` bytes and the NUL. */
static bool text_reserve(struct text *text, size_t more) {
    if (text->failed)
        return false;
    if (more < text->cap - text->len)
        return true;
    size_t cap = text->cap ? text->cap : 64;
    while (cap - text->len <= more) {
        if (cap > SIZE_MAX / 2) {
            text->failed = true;
            return false;
        }
        cap *= 2;
    }
    char *data = realloc(text->data, cap);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void text_append(struct text *text, const char *bytes, size_t len) {
    if (!text_reserve(text, len))
        return;
    if (len > 0)
        memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_str(struct text *text, const char *string) {
    text_append(text, string, strlen(string));
}

void text_char(struct text *text, char c) {
    text_append(text, &c, 1);
}

void text_vprintf(struct text *text, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) {
        text->failed = true;
        return;
    }
    if (!text_reserve(text, (size_t)len))
        return;
    (void)vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
    text->len += (size_t)len;
}

void text_printf(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vprintf(text, format, args);
    va_end(args);
}

void text_path(struct text *text, const char *folder, const char *name) {
    bool is_absolute = name && *name == '/';
    if (!is_absolute)
        text_str(text, folder);
    if (name && !is_absolute)
        text_char(text, '/');
    if (name)
        text_str(text, name);
}

const char *text_get(const struct text *text) {
    return text->data ? text->data : "";
}

char *text_take(struct text *text) {
    if (!text_reserve(text, 0)) {
        text_fini(text);
        return NULL;
    }
    text->data[text->len] = '\0';
    char *data = text->data;
    *text = (struct text){0};
    return data;
}

const char *text_plural(size_t count) {
    return count == 1 ? "" : "s";
}

bool text_is_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_is_one_of(const char *word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}
