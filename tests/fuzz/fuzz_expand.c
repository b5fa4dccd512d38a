/* Any string, and any marked bytes, with a few variables set. */
#include "core/env.h"
#include "core/expand.h"
#include "core/limits.h"
#include "fuzz.h"

static const char *lookup(const void *context, const char *name) {
    (void)context;
    PROMISE(env_name_span(name) == strlen(name) && *name);
    switch (name[0]) {
    case 'A':
        return "value";
    case 'B':
        return "";
    case 'C':
        return "${A}}$${";
    }
    return NULL;
}

static void check(const struct text *out, const struct text *error, bool is_good) {
    PROMISE(out->len >= 1 && out->data[0] == '>' && out->data[out->len] == '\0');
    PROMISE(is_good ? error->len == 0 : error->len > 0 && out->len == 1);
    PROMISE(out->len - 1 <= LIMIT_EXPANSION);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TEXT_AUTO struct text out = {0};
    TEXT_AUTO struct text error = {0};
    char *string = fuzz_string(data, size);
    text_char(&out, '>');
    check(&out, &error, expand(string, lookup, NULL, &out, &error));
    if (!expand_is_needed(string) && strlen(string) <= LIMIT_EXPANSION)
        PROMISE(strcmp(text_get(&out) + 1, string) == 0);
    struct text nothing = {0};
    bool is_good = error.len == 0;
    text_clear(&error);
    PROMISE(expand(string, NULL, NULL, &nothing, &error) || !is_good);
    PROMISE(nothing.len == 0);
    text_fini(&nothing);
    free(string);

    while (size > 0 && data[size - 1] == '\0')
        size--;
    text_clear(&out);
    text_clear(&error);
    text_char(&out, '>');
    check(&out, &error, expand_marked((const char *)data, size, lookup, NULL, &out, &error));
    return 0;
}
