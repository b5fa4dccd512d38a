#include "core/words.h"

#include <stdlib.h>
#include <string.h>

/* Where a pass over a command puts what it finds. The first pass only measures: both pointers are NULL. */
struct sink {
    char **list;
    char *bytes;
    size_t words;
    size_t len; /* of all words, NULs included */
};

static void put(struct sink *sink, char c) {
    if (sink->bytes)
        sink->bytes[sink->len] = c;
    sink->len++;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

/* The three kinds of quoting: each begins behind its opening byte, and returns the place behind its end, or NULL with
 * what is missing in *problem. */

static const char *read_single(const char *c, struct sink *sink, const char **problem) {
    for (; *c != '\''; c++) {
        if (*c == '\0') {
            *problem = "a single quote (') is never closed";
            return NULL;
        }
        put(sink, *c);
    }
    return c + 1;
}

static const char *read_escaped(const char *c, struct sink *sink, const char **problem) {
    if (*c == '\0') {
        *problem = "a backslash at the end has nothing to quote";
        return NULL;
    }
    if (*c != '\n') /* backslash and newline join two lines */
        put(sink, *c);
    return c + 1;
}

static const char *read_double(const char *c, struct sink *sink, const char **problem) {
    while (*c != '"') {
        if (*c == '\0') {
            *problem = "a double quote (\") is never closed";
            return NULL;
        }
        if (*c == '\\' && c[1] != '\0' && strchr("\"\\$`\n", c[1]))
            c = read_escaped(c + 1, sink, problem);
        else
            put(sink, *c++);
    }
    return c + 1;
}

static const char *read_word(const char *c, struct sink *sink, const char **problem) {
    while (c && *c && !is_blank(*c)) {
        if (*c == '\'')
            c = read_single(c + 1, sink, problem);
        else if (*c == '"')
            c = read_double(c + 1, sink, problem);
        else if (*c == '\\')
            c = read_escaped(c + 1, sink, problem);
        else
            put(sink, *c++);
    }
    return c;
}

/* Blanks, and lines that are joined between two words: those must not make an empty word. */
static const char *skip_blanks(const char *c) {
    while (is_blank(*c) || (*c == '\\' && c[1] == '\n'))
        c += *c == '\\' ? 2 : 1;
    return c;
}

static bool scan(const char *string, struct sink *sink, const char **problem) {
    for (const char *c = skip_blanks(string); *c; c = skip_blanks(c)) {
        if (sink->list)
            sink->list[sink->words] = sink->bytes + sink->len;
        sink->words++;
        c = read_word(c, sink, problem);
        if (!c)
            return false;
        put(sink, '\0');
    }
    return true;
}

bool words_split(const char *string, struct words *out, struct text *error) {
    const char *problem = NULL;
    struct sink measure = {0};
    if (!scan(string, &measure, &problem)) {
        text_str(error, problem);
        return false;
    }
    size_t list_bytes = (measure.words + 1) * sizeof(char *);
    char **list = malloc(list_bytes + measure.len);
    if (!list) {
        text_str(error, "out of memory");
        return false;
    }
    struct sink fill = {.list = list, .bytes = (char *)list + list_bytes};
    (void)scan(string, &fill, &problem);
    list[fill.words] = NULL;
    *out = (struct words){.list = list, .count = fill.words};
    return true;
}

void words_fini(struct words *words) {
    free(words->list);
    *words = (struct words){0};
}

/* The length of what a shell takes for a sign at c, a word's first byte. */
static size_t sign_len(const char *c) {
    size_t len = strcspn(c, " \t\n");
    size_t digits = strspn(c, "0123456789");
    bool is_redirection = c[digits] == '>' || c[digits] == '<' || strncmp(c, "&>", 2) == 0;
    bool is_operator = len > 0 && len <= 2 && strspn(c, "&|;") == len;
    size_t name = *c == '$' ? strspn(c + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") : 0;
    if (is_redirection || is_operator)
        return len;
    return name > 0 ? name + 1 : strncmp(c, "$(", 2) == 0 ? 2 : 0;
}

bool words_shell_sign(const char *string, struct text *out) {
    struct sink measure = {0};
    const char *problem = NULL;
    for (const char *c = skip_blanks(string); c && *c; c = skip_blanks(c)) {
        size_t len = sign_len(c);
        if (len > 0) {
            text_append(out, c, len);
            return true;
        }
        c = read_word(c, &measure, &problem);
        if (!c)
            break;
        if (c[-1] == ';' && c[-2] != '\\') { /* `true;`: a word has a byte before it, a sign is none */
            text_char(out, ';');
            return true;
        }
    }
    return false;
}

static bool is_plain(const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
    return *word != '\0' && word[strspn(word, plain)] == '\0';
}

void words_quote(const char *word, struct text *out) {
    if (is_plain(word)) {
        text_str(out, word);
        return;
    }
    text_char(out, '\'');
    for (const char *c = word; *c; c++) {
        if (*c == '\'')
            text_str(out, "'\\''");
        else
            text_char(out, *c);
    }
    text_char(out, '\'');
}
