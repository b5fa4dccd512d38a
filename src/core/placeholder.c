#include "core/placeholder.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* A `*` is any run of letters, digits, `-`, `_`, `.` and blanks, empty too; a `-` is one of `-`, `_`, a blank or
 * nothing. Case does not matter. The whole value has to match. */
static const char *const patterns[] = {
    "change-me",
    "change-me-*",
    "please-change*",
    "replace-me",
    "replace-me-*",
    "replace-with-*",
    "replace-this*",
    "your-*-here",
    "*-your-*-key",
    "your-*-key",
    "your-*-token",
    "your-*-secret",
    "your-*-password",
    "your-*-id",
    "your-*-url",
    "your-secret",
    "your-token",
    "your-password",
    "your-key",
    "put-*-here",
    "insert-*-here",
    "enter-*-here",
    "add-*-here",
    "paste-*-here",
    "set-me",
    "fill-me",
    "fill-me-in",
    "fill-in",
    "fix-me",
    "to-do",
    "tbd",
    "placeholder",
    "placeholder-*",
    "*-placeholder",
    "dummy",
    "example",
    "example-key",
    "example-token",
    "example-secret",
    "example-*-key",
    "secret-here",
    "key-here",
    "my-*-key-here",
    "*-key-here",
    "*-token-here",
    "*-secret-here",
    "*-goes-here",
    "not-set",
    "unset",
    "undefined",
    "none-yet",
};

static bool is_filler(char c) {
    return isalnum((unsigned char)c) || strchr("-_. ", c);
}

static bool is_joint(char c) {
    return c == '-' || c == '_' || c == ' ';
}

/* The patterns are short and hold two stars at most, so that trying all is cheap: at most the cube of the length, which
 * placeholder_is bounds. */
static bool matches(const char *pattern, const char *value) {
    if (*pattern == '\0')
        return *value == '\0';
    if (*pattern == '*') {
        for (;; value++) {
            if (matches(pattern + 1, value))
                return true;
            if (*value == '\0' || !is_filler(*value))
                return false;
        }
    }
    if (*pattern == '-')
        return matches(pattern + 1, value) || (*value && is_joint(*value) && matches(pattern + 1, value + 1));
    return tolower((unsigned char)*value) == *pattern && matches(pattern + 1, value + 1);
}

/* One sign over and over: `xxxx`, `****`, `...`, `XXXX-XXXX`. */
static bool is_masked(const char *value) {
    size_t signs = 0;
    char sign = '\0';
    for (; *value; value++) {
        if (is_joint(*value))
            continue;
        char c = (char)tolower((unsigned char)*value);
        if (!strchr("x*.?", c) || (sign && c != sign))
            return false;
        sign = c;
        signs++;
    }
    return signs >= 3;
}

/* `<your key>`, `[TOKEN]`, `{{ secret }}`: brackets around words, not JSON. */
static bool is_bracketed(const char *value) {
    static const char *const pairs[] = {"<>", "[]", "{}"};
    size_t len = strlen(value);
    for (size_t i = 0; len > 2 && i < sizeof pairs / sizeof *pairs; i++) {
        if (value[0] != pairs[i][0] || value[len - 1] != pairs[i][1])
            continue;
        size_t begin = strspn(value, "<[{ ");
        size_t words = 0;
        while (value[begin + words] && is_filler(value[begin + words]))
            words++;
        bool is_word = words > 0 && isalpha((unsigned char)value[begin]);
        return is_word && strspn(value + begin + words, ">]} ") == strlen(value + begin + words) &&
               (pairs[i][0] == '<' || strpbrk(value + begin, "_- ") || isupper((unsigned char)value[begin]));
    }
    return false;
}

/* `sk-ant-...`, `sk-xxxxxxxx`: the beginning of a real key, and then nothing. */
static bool is_begun_key(const char *value) {
    size_t len = strlen(value);
    size_t tail = 0;
    while (tail < len && strchr("xX.*", value[len - 1 - tail]) && value[len - 1 - tail] == value[len - 1])
        tail++;
    if (tail < 3 || tail == len || len - tail > 12 || !strchr("-_", value[len - 1 - tail]))
        return false;
    return strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") >= len - tail;
}

bool placeholder_is(const char *value) {
    enum { LONGEST = 96 };
    if (strlen(value) > LONGEST)
        return false;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (matches(patterns[i], value))
            return true;
    return is_masked(value) || is_bracketed(value) || is_begun_key(value);
}
