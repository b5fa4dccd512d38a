#include "core/expand.h"

#include <string.h>

#include "core/env.h"
#include "core/limits.h"

/* A default may hold expansions, whose defaults may hold expansions: deep enough for people, shallow enough for the
 * stack. */
enum { MAX_DEPTH = 16 };

struct expansion {
    expand_lookup *lookup; /* NULL: only the form is judged, nothing is appended */
    const void *context;
    struct text *out;
    size_t limit; /* bytes that out may come to */
    struct text *error;
};

enum form {
    FORM_PLAIN,            /* ${NAME} */
    FORM_DEFAULT_IF_EMPTY, /* ${NAME:-word} */
    FORM_DEFAULT,          /* ${NAME-word} */
    FORM_REQUIRED,         /* ${NAME:?word} */
    FORM_OTHER,            /* ${NAME:+word} */
};

static const struct {
    const char *mark;
    enum form form;
} forms[] = {
    {"}", FORM_PLAIN}, {":-", FORM_DEFAULT_IF_EMPTY}, {"-", FORM_DEFAULT}, {":?", FORM_REQUIRED}, {":+", FORM_OTHER}};

/* What stands between a `${` and its `}`. */
struct reference {
    enum form form;
    const char *name;
    size_t name_len;
    const char *word;
    const char *close; /* the `}`: the end of the word */
};

static bool starts_with(const char *c, const char *end, const char *prefix) {
    size_t len = strlen(prefix);
    return (size_t)(end - c) >= len && memcmp(c, prefix, len) == 0;
}

/* The `}` that belongs to a `${` that stands before c; NULL when there is none. */
static const char *find_close(const char *c, const char *end) {
    for (size_t depth = 1; c < end; c++) {
        if (*c == '\0')
            c++;
        else if (starts_with(c, end, "$${"))
            c += 2;
        else if (starts_with(c, end, "${")) {
            depth++;
            c++;
        } else if (*c == '}' && --depth == 0)
            return c;
    }
    return NULL;
}

/* c stands behind the `${`. What is wrong is said without quoting: a password may hold a stray `${`. */
static const char *read_reference(const char *c, const char *end, struct reference *out) {
    const char *close = find_close(c, end);
    if (!close)
        return "a ${ is never closed by a } (a literal ${ is written $${)";
    size_t name_len = env_name_span(c);
    if (name_len == 0)
        return "a ${ is not followed by a name (a literal ${ is written $${)";
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *word = c + name_len;
        if (!starts_with(word, close + 1, forms[i].mark))
            continue;
        *out = (struct reference){.form = forms[i].form,
                                  .name = c,
                                  .name_len = name_len,
                                  .word = word + strlen(forms[i].mark),
                                  .close = close};
        return NULL;
    }
    return "a ${ is none of ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME:+other}";
}

static bool append(struct expansion *x, const char *bytes, size_t len) {
    if (!x->lookup)
        return true;
    if (len > x->limit - x->out->len) {
        text_printf(x->error, "it expands to more than %d bytes", LIMIT_EXPANSION);
        return false;
    }
    text_append(x->out, bytes, len);
    return true;
}

static bool refuse_required(const struct expansion *x, const struct reference *reference, const char *name) {
    text_printf(x->error, "%s: ", name);
    if (reference->word == reference->close)
        text_str(x->error, "must be set and not empty");
    else /* as written: expanded, it might hold a value */
        text_append(x->error, reference->word, (size_t)(reference->close - reference->word));
    return false;
}

static bool expand_range(struct expansion *x, const char *c, const char *end, unsigned depth);

/* A word that is not taken now may be taken at the next start: its mistakes are found all the same. */
static bool judge_word(const struct expansion *x, const struct reference *reference, unsigned depth) {
    struct expansion form_only = *x;
    form_only.lookup = NULL;
    return reference->form == FORM_REQUIRED || expand_range(&form_only, reference->word, reference->close, depth + 1);
}

/* Sets *takes_word_out where the word stands for the reference; false when the value will not do. */
static bool choose(const struct expansion *x, const struct reference *reference, const char *name, const char *value,
                   bool *takes_word_out) {
    bool is_empty = !value || *value == '\0';
    switch (reference->form) {
    case FORM_PLAIN:
        if (!value) {
            text_printf(x->error, "%s is not set (${%s:-} if it may be empty)", name, name);
            return false;
        }
        break;
    case FORM_DEFAULT_IF_EMPTY:
        *takes_word_out = is_empty;
        break;
    case FORM_DEFAULT:
        *takes_word_out = !value;
        break;
    case FORM_REQUIRED:
        if (is_empty)
            return refuse_required(x, reference, name);
        break;
    case FORM_OTHER:
        *takes_word_out = !is_empty;
        break;
    }
    return true;
}

static bool expand_reference(struct expansion *x, const struct reference *reference, unsigned depth) {
    if (!x->lookup)
        return judge_word(x, reference, depth);
    TEXT_AUTO struct text name = {0};
    text_append(&name, reference->name, reference->name_len);
    if (name.failed) {
        text_str(x->error, "out of memory");
        return false;
    }
    const char *value = x->lookup(x->context, text_get(&name));
    bool takes_word = false;
    if (!choose(x, reference, text_get(&name), value, &takes_word))
        return false;
    if (takes_word)
        return expand_range(x, reference->word, reference->close, depth + 1);
    if (reference->form != FORM_OTHER && !append(x, value, strlen(value)))
        return false;
    return judge_word(x, reference, depth);
}

/* Up to the next byte that may mean something. */
static size_t literal_span(const char *c, const char *end) {
    const char *start = c;
    while (c < end && *c != '$' && *c != '\0')
        c++;
    return (size_t)(c - start);
}

static bool expand_range(struct expansion *x, const char *c, const char *end, unsigned depth) {
    if (depth > MAX_DEPTH) {
        text_printf(x->error, "${ is nested more than %d deep", MAX_DEPTH);
        return false;
    }
    while (c < end) {
        size_t skip = 0; /* bytes that mean that the ones behind them are literal */
        size_t literal = 1;
        if (*c == '\0') {
            skip = 1;
        } else if (starts_with(c, end, "$${")) {
            skip = 1;
            literal = 2;
        } else if (starts_with(c, end, "${")) {
            struct reference reference;
            const char *problem = read_reference(c + 2, end, &reference);
            if (problem) {
                text_str(x->error, problem);
                return false;
            }
            if (!expand_reference(x, &reference, depth))
                return false;
            c = reference.close + 1;
            continue;
        } else if (*c != '$') {
            literal = literal_span(c, end);
        }
        if (!append(x, c + skip, literal))
            return false;
        c += skip + literal;
    }
    return true;
}

bool expand_marked(const char *bytes, size_t len, expand_lookup *lookup, const void *context, struct text *out,
                   struct text *error) {
    size_t start = out->len;
    struct expansion x = {
        .lookup = lookup, .context = context, .out = out, .limit = start + LIMIT_EXPANSION, .error = error};
    bool is_good = expand_range(&x, bytes, bytes + len, 0);
    if (is_good && out->failed) {
        text_str(error, "out of memory");
        is_good = false;
    }
    if (!is_good && out->data) {
        out->len = start;
        out->data[start] = '\0';
    }
    return is_good;
}

bool expand(const char *string, expand_lookup *lookup, const void *context, struct text *out, struct text *error) {
    return expand_marked(string, strlen(string), lookup, context, out, error);
}

bool expand_is_needed(const char *string) {
    return strstr(string, "${") != NULL;
}
