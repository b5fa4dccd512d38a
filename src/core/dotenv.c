#include "core/dotenv.h"

#include <string.h>

#include "core/expand.h"
#include "core/limits.h"

struct reader {
    const char *next; /* not read yet */
    const char *end;
    unsigned line;   /* that next is on */
    bool is_setting; /* the `env` key of a manifest: no comments, no `export`, one line an entry */
    const char *file;
    struct env *env;
    struct diags *diags;
    struct text raw;   /* the value with its quotes removed, marked for expand_marked() */
    struct text value; /* the value */
    bool is_good;      /* nothing was wrong so far */
    bool is_over;      /* nothing more can be kept */
};

/* What is known of one entry while it is read. Messages name the key and never quote the value; what is no key is not
 * quoted either, because it may be a line of a secret that was pasted without quotes. */
struct entry {
    unsigned line;
    const char *key;
    size_t key_len;
    bool is_literal; /* no expansion */
};

static bool complain(struct reader *r, const struct entry *entry, const char *what) {
    r->is_good = false;
    diags_add(r->diags, DIAG_ERROR, r->file, entry->line, "%s%.*s%s%s", r->is_setting ? "env: " : "",
              (int)entry->key_len, entry->key ? entry->key : "", entry->key ? ": " : "", what);
    return false;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static const char *skip_blanks(const char *c, const char *end) {
    while (c < end && is_blank(*c))
        c++;
    return c;
}

static const char *line_end(const char *c, const char *end) {
    const char *newline = memchr(c, '\n', (size_t)(end - c));
    return newline ? newline : end;
}

/* A byte that the escapes of double quotes stand for; 0 when it is no escape. */
static char unescaped(char c) {
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '$':
        return c;
    }
    return '\0';
}

/* The bytes of a quoted value. A file with CRLF has lines that end so; the value has lines. */
static void append_lines(struct text *raw, const char *c, const char *end) {
    while (c < end) {
        const char *stop = line_end(c, end);
        bool is_crlf = stop < end && stop > c && stop[-1] == '\r';
        text_append(raw, c, (size_t)(stop - c) - is_crlf);
        if (stop < end)
            text_char(raw, '\n');
        c = stop + 1;
    }
}

/* c stands behind the opening quote. Both return the place behind the closing one, or NULL when there is none. */

static const char *read_single(struct text *raw, const char *c, const char *end) {
    const char *close = memchr(c, '\'', (size_t)(end - c));
    if (!close)
        return NULL;
    append_lines(raw, c, close);
    return close + 1;
}

static const char *read_double(struct text *raw, const char *c, const char *end) {
    const char *plain = c; /* what is not appended yet */
    for (; c < end && *c != '"'; c++) {
        char literal = *c == '\\' && c + 1 < end ? unescaped(c[1]) : '\0';
        if (literal == '\0')
            continue;
        append_lines(raw, plain, c);
        text_append(raw, "\0", 1); /* for expand_marked(): no expansion begins or ends here */
        text_char(raw, literal);
        plain = c + 2;
        c++;
    }
    if (c >= end)
        return NULL;
    append_lines(raw, plain, c);
    return c + 1;
}

/* c stands behind `=` and blanks, so that there is always a byte before it. */
static void read_unquoted(struct text *raw, const char *c, const char *end, bool has_comments) {
    const char *stop = c;
    while (stop < end && !(has_comments && *stop == '#' && is_blank(stop[-1])))
        stop++;
    while (stop > c && is_blank(stop[-1]))
        stop--;
    text_append(raw, c, (size_t)(stop - c));
}

static unsigned count_newlines(const char *c, const char *end) {
    unsigned count = 0;
    for (; (c = memchr(c, '\n', (size_t)(end - c))); c++)
        count++;
    return count;
}

/* Reads the value at c, whose first line ends at *end_of_line, and moves that to the end of its last one. */
static bool read_value(struct reader *r, struct entry *entry, const char *c, const char **end_of_line) {
    text_clear(&r->raw);
    if (c == *end_of_line || (*c != '"' && *c != '\'')) {
        read_unquoted(&r->raw, c, *end_of_line, !r->is_setting);
        return true;
    }
    entry->is_literal = *c == '\'';
    const char *end = r->is_setting ? *end_of_line : r->end;
    const char *behind = entry->is_literal ? read_single(&r->raw, c + 1, end) : read_double(&r->raw, c + 1, end);
    if (!behind)
        return complain(
            r, entry, entry->is_literal ? "a single quote (') is never closed" : "a double quote (\") is never closed");
    *end_of_line = line_end(behind, r->end);
    const char *rest = skip_blanks(behind, *end_of_line);
    bool is_comment = !r->is_setting && rest > behind && rest < *end_of_line && *rest == '#';
    return rest == *end_of_line || is_comment || complain(r, entry, "there is text behind the closing quote");
}

static bool keep(struct reader *r, const struct entry *entry) {
    TEXT_AUTO struct text why = {0};
    text_clear(&r->value);
    if (entry->is_literal)
        text_append(&r->value, text_get(&r->raw), r->raw.len);
    else if (!expand_marked(text_get(&r->raw), r->raw.len, r->env ? env_lookup : NULL, r->env, &r->value, &why))
        return complain(r, entry, text_get(&why));
    if (!r->raw.failed && !r->value.failed &&
        (!r->env || env_set(r->env, entry->key, entry->key_len, text_get(&r->value), r->file, entry->line)))
        return true;
    r->is_over = true;
    return complain(r, entry, "no room: too many variables, or too large ones");
}

static const char *skip_export(const char *c, const char *equals) {
    static const char word[] = "export";
    size_t len = sizeof(word) - 1;
    if ((size_t)(equals - c) <= len || memcmp(c, word, len) != 0 || !is_blank(c[len]))
        return c;
    const char *behind = skip_blanks(c + len, equals);
    return behind < equals ? behind : c; /* `export = 1` sets a variable of that name */
}

/* Whether the entry's lines hold no more than we take, and no NUL byte, which would cut a value. */
static bool is_sound(struct reader *r, const struct entry *entry, const char *c, const char *end) {
    if (end - c > LIMIT_MANIFEST_LINE)
        return complain(r, entry, "longer than 256 KiB");
    const char *nul = memchr(c, '\0', (size_t)(end - c));
    if (!nul)
        return true;
    struct entry place = *entry;
    place.line += count_newlines(c, nul);
    return complain(r, &place, "a NUL byte cannot be in an environment");
}

/* Returns the end of the entry's last line. */
static const char *read_entry(struct reader *r) {
    struct entry entry = {.line = r->line};
    const char *first_end = line_end(r->next, r->end);
    if (!is_sound(r, &entry, r->next, first_end))
        return first_end;
    const char *c = skip_blanks(r->next, first_end);
    if (c == first_end || (*c == '#' && !r->is_setting))
        return first_end;
    const char *equals = memchr(c, '=', (size_t)(first_end - c));
    if (!equals) {
        complain(r, &entry, "not KEY=VALUE");
        return first_end;
    }
    if (!r->is_setting)
        c = skip_export(c, equals);
    size_t key_len = env_name_span(c); /* the `=` stops it */
    if (key_len == 0 || skip_blanks(c + key_len, equals) != equals) {
        complain(r, &entry, "not KEY=VALUE: a key is letters, digits and _, and does not begin with a digit");
        return first_end;
    }
    entry.key = c;
    entry.key_len = key_len;
    const char *end = first_end;
    if (read_value(r, &entry, skip_blanks(equals + 1, first_end), &end) &&
        (end == first_end || is_sound(r, &entry, r->next, end)))
        keep(r, &entry);
    return end;
}

static bool read_all(struct reader *r) {
    r->is_good = true;
    while (r->next < r->end && !r->is_over) {
        const char *end = read_entry(r);
        r->line += count_newlines(r->next, end) + 1;
        r->next = end < r->end ? end + 1 : end;
    }
    text_fini(&r->raw);
    text_fini(&r->value);
    return r->is_good;
}

static bool starts_with(const char *bytes, size_t len, const char *prefix) {
    return len >= strlen(prefix) && memcmp(bytes, prefix, strlen(prefix)) == 0;
}

bool dotenv_parse(const char *bytes, size_t len, const char *file, struct env *env, struct diags *diags) {
    if (len > LIMIT_MANIFEST_FILE) {
        diags_add(diags, DIAG_ERROR, file, 0, "larger than %d bytes", LIMIT_MANIFEST_FILE);
        return false;
    }
    if (starts_with(bytes, len, "\xff\xfe") || starts_with(bytes, len, "\xfe\xff")) {
        diags_add(diags, DIAG_ERROR, file, 0, "written in UTF-16: save it as UTF-8");
        return false;
    }
    size_t bom = starts_with(bytes, len, "\xef\xbb\xbf") ? 3 : 0;
    struct reader reader = {
        .next = bytes + bom, .end = bytes + len, .line = 1, .file = file, .env = env, .diags = diags};
    return read_all(&reader);
}

bool dotenv_parse_setting(const char *lines, const char *file, unsigned line, struct env *env, struct diags *diags) {
    struct reader reader = {.next = lines,
                            .end = lines + strlen(lines),
                            .line = line,
                            .is_setting = true,
                            .file = file,
                            .env = env,
                            .diags = diags};
    return read_all(&reader);
}
