#include "core/prepared.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

/* The file: this line, then `KIND DIGEST NAME` lines, then the end, so that a file that was cut is seen. */
static const char HEAD[] = "upkeep prepared 1\n";
static const char END[] = "end\n";

static const struct {
    char letter;
    const char *changed;
} kinds[] = {
    [PREPARED_COMMANDS] = {'c', "its prepare lines, or how they are run, have changed"},
    [PREPARED_FOLDER] = {'f', "its folder is another one"},
    [PREPARED_ENVIRONMENT] = {'e', "its environment in manifest and dotenv files has changed"},
    [PREPARED_INPUT] = {'i', NULL},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

void prepared_fini(struct prepared *prepared) {
    for (size_t i = 0; i < prepared->count; i++)
        free(prepared->list[i].name);
    free(prepared->list);
    *prepared = (struct prepared){0};
}

bool prepared_add(struct prepared *prepared, enum prepared_kind kind, const char *name,
                  const unsigned char digest[DIGEST_BYTES]) {
    if (prepared->count == LIMIT_PREPARE_INPUTS)
        return false;
    if (prepared->count == prepared->cap) {
        size_t cap = prepared->cap ? prepared->cap * 2 : 64;
        struct prepared_entry *list = reallocarray(prepared->list, cap, sizeof *list);
        if (!list)
            return false;
        prepared->list = list;
        prepared->cap = cap;
    }
    struct prepared_entry *entry = &prepared->list[prepared->count];
    *entry = (struct prepared_entry){.kind = kind, .name = strdup(name)};
    memcpy(entry->digest, digest, DIGEST_BYTES);
    prepared->count += entry->name != NULL;
    return entry->name != NULL;
}

static int by_place(const struct prepared_entry *a, const struct prepared_entry *b) {
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : strcmp(a->name, b->name);
}

static int compare_entries(const void *a, const void *b) {
    return by_place(a, b);
}

void prepared_sort(struct prepared *prepared) {
    size_t kept = 0;
    if (prepared->count > 0)
        qsort(prepared->list, prepared->count, sizeof *prepared->list, compare_entries);
    for (size_t i = 0; i < prepared->count; i++) {
        if (kept > 0 && by_place(&prepared->list[kept - 1], &prepared->list[i]) == 0)
            free(prepared->list[i].name);
        else
            prepared->list[kept++] = prepared->list[i];
    }
    prepared->count = kept;
}

/* ---- as a file ---- */

/* A name may hold anything but NUL and slash: a newline in it must not end the line. */
static void print_name(const char *name, struct text *out) {
    for (; *name; name++) {
        if (*name == '\n')
            text_str(out, "\\n");
        else if (*name == '\\')
            text_str(out, "\\\\");
        else
            text_char(out, *name);
    }
}

void prepared_print(const struct prepared *prepared, struct text *out) {
    text_str(out, HEAD);
    for (size_t i = 0; i < prepared->count; i++) {
        const struct prepared_entry *entry = &prepared->list[i];
        text_printf(out, "%c ", kinds[entry->kind].letter);
        for (size_t n = 0; n < DIGEST_BYTES; n++)
            text_printf(out, "%02x", entry->digest[n]);
        text_char(out, ' ');
        print_name(entry->name, out);
        text_char(out, '\n');
    }
    text_str(out, END);
}

static bool parse_kind(char letter, enum prepared_kind *out) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (kinds[kind].letter == letter) {
            *out = (enum prepared_kind)kind;
            return true;
        }
    }
    return false;
}

static int hex_value(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool parse_digest(const char *hex, unsigned char out[DIGEST_BYTES]) {
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool parse_name(const char *bytes, size_t len, struct text *out) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\0')
            return false;
        if (bytes[i] != '\\') {
            text_char(out, bytes[i]);
            continue;
        }
        if (++i == len || (bytes[i] != 'n' && bytes[i] != '\\'))
            return false;
        text_char(out, bytes[i] == 'n' ? '\n' : '\\');
    }
    return !out->failed;
}

static bool parse_line(const char *line, size_t len, struct prepared *out) {
    enum { DIGEST_AT = 2, NAME_AT = DIGEST_AT + 2 * DIGEST_BYTES + 1 };
    enum prepared_kind kind;
    unsigned char digest[DIGEST_BYTES];
    struct text name TEXT_AUTO = {0};
    return len >= NAME_AT && line[1] == ' ' && line[NAME_AT - 1] == ' ' && parse_kind(line[0], &kind) &&
           parse_digest(line + DIGEST_AT, digest) && parse_name(line + NAME_AT, len - NAME_AT, &name) &&
           prepared_add(out, kind, text_get(&name), digest);
}

bool prepared_parse(const char *bytes, size_t len, struct prepared *out) {
    struct prepared prepared = {0};
    const char *end = bytes + len;
    bool ok = len >= strlen(HEAD) && memcmp(bytes, HEAD, strlen(HEAD)) == 0;
    const char *line = ok ? bytes + strlen(HEAD) : end;
    while (ok) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        bool is_last = (size_t)(end - line) == strlen(END) && memcmp(line, END, strlen(END)) == 0;
        if (is_last)
            break;
        ok = newline && parse_line(line, (size_t)(newline - line), &prepared);
        line = newline ? newline + 1 : end;
    }
    if (!ok) {
        prepared_fini(&prepared);
        return false;
    }
    prepared_sort(&prepared);
    *out = prepared;
    return true;
}

/* ---- comparing ---- */

static void tell(const struct prepared_entry *entry, const char *what, struct text *out) {
    if (kinds[entry->kind].changed)
        text_str(out, kinds[entry->kind].changed);
    else
        text_printf(out, "%s %s", entry->name, what);
}

/* How the first entries of two sorted lists, which are not both at their end, stand to each other. */
static int order_of(const struct prepared *before, size_t i, const struct prepared *now, size_t k) {
    if (i == before->count)
        return 1;
    return k == now->count ? -1 : by_place(&before->list[i], &now->list[k]);
}

size_t prepared_compare(const struct prepared *before, const struct prepared *now, struct text *why) {
    size_t differ = 0;
    for (size_t i = 0, k = 0; i < before->count || k < now->count;) {
        int order = order_of(before, i, now, k);
        const struct prepared_entry *entry = order > 0 ? &now->list[k] : &before->list[i];
        bool is_same = order == 0 && memcmp(entry->digest, now->list[k].digest, DIGEST_BYTES) == 0;
        i += order <= 0;
        k += order >= 0;
        differ += !is_same;
        if (!is_same && differ == 1)
            tell(entry, order > 0 ? "is new" : order < 0 ? "is gone" : "has changed", why);
    }
    if (differ > 1)
        text_printf(why, " (and %zu more)", differ - 1);
    return differ;
}
