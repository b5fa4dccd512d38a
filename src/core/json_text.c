#include "core/json_text.h"

#include <string.h>

#include "core/lines.h"

/* The last byte tells whether a value stands before this one: after a value it is a quote, a digit, a letter or a
 * closing bracket; at the start of a message, of an object, of an array or of a member it is none of these. */
static void json_text_separate(struct text *out) {
    char last = out->len > 0 ? out->data[out->len - 1] : '\0';
    if (last != '\0' && last != '{' && last != '[' && last != ':')
        text_char(out, ',');
}

static void json_text_begin(struct text *out, const char *key) {
    json_text_separate(out);
    if (!key)
        return;
    text_char(out, '"');
    text_str(out, key);
    text_append(out, "\":", 2);
}

void json_text_object(struct text *out, const char *key) {
    json_text_begin(out, key);
    text_char(out, '{');
}

void json_text_object_end(struct text *out) {
    text_char(out, '}');
}

void json_text_array(struct text *out, const char *key) {
    json_text_begin(out, key);
    text_char(out, '[');
}

void json_text_array_end(struct text *out) {
    text_char(out, ']');
}

void json_text_null(struct text *out, const char *key) {
    json_text_begin(out, key);
    text_str(out, "null");
}

void json_text_bool(struct text *out, const char *key, bool value) {
    json_text_begin(out, key);
    text_str(out, value ? "true" : "false");
}

/* Not with printf: a status of a thousand instances holds ten thousand numbers. */
static void json_text_digits(struct text *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_append(out, digits + at, sizeof digits - at);
}

static uint64_t json_text_magnitude(struct text *out, int64_t value) {
    if (value >= 0)
        return (uint64_t)value;
    text_char(out, '-');
    return 0 - (uint64_t)value;
}

void json_text_int(struct text *out, const char *key, int64_t value) {
    json_text_begin(out, key);
    json_text_digits(out, json_text_magnitude(out, value));
}

void json_text_tenths(struct text *out, const char *key, int64_t tenths) {
    json_text_begin(out, key);
    uint64_t magnitude = json_text_magnitude(out, tenths);
    json_text_digits(out, magnitude / 10);
    text_char(out, '.');
    text_char(out, (char)('0' + magnitude % 10));
}

static void json_text_escape(struct text *out, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        text_append(out, "\\\"", 2);
        return;
    case '\\':
        text_append(out, "\\\\", 2);
        return;
    case '\n':
        text_append(out, "\\n", 2);
        return;
    case '\t':
        text_append(out, "\\t", 2);
        return;
    default: {
        const char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        text_append(out, code, sizeof code);
    }
    }
}

static bool json_text_is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_text_bytes(struct text *out, const char *key, const char *bytes, size_t len) {
    json_text_begin(out, key);
    text_char(out, '"');
    for (size_t i = 0; i < len;) {
        size_t plain = i;
        while (plain < len && json_text_is_plain((unsigned char)bytes[plain]))
            plain++;
        text_append(out, bytes + i, plain - i);
        i = plain;
        if (i == len)
            break;
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x80) {
            json_text_escape(out, c);
            i++;
            continue;
        }
        size_t span = lines_utf8_span(bytes + i, len - i);
        if (span > 0)
            text_append(out, bytes + i, span);
        else
            text_str(out, "\xef\xbf\xbd");
        i += span > 0 ? span : 1;
    }
    text_char(out, '"');
}

void json_text_string(struct text *out, const char *key, const char *value) {
    if (value)
        json_text_bytes(out, key, value, strlen(value));
    else
        json_text_null(out, key);
}

void json_text_lines(struct text *out, const char *key, const char *lines) {
    json_text_array(out, key);
    for (const char *line = lines; line && *line;) {
        size_t len = strcspn(line, "\n");
        json_text_bytes(out, NULL, line, len);
        line += len + (line[len] == '\n');
    }
    json_text_array_end(out);
}
