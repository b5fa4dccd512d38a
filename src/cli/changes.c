#include "cli/changes.h"

#include <string.h>

#include "cli/answer.h"

/* Each kind of action with its colour and what is to be said besides the keys. */
static const struct change_word {
    const char *action;
    const char *shown;
    const char *colour;
    const char *remark;
} change_words[] = {
    {"start", "start", "\033[32m", ""},
    {"stop", "stop", "\033[31m", ""},
    {"restart", "restart", "\033[33m", ""},
    {"live", "goes on", NULL, " (takes effect at once)"},
    {"none", "stays down", NULL, " (takes effect at its next start)"},
};

/* NULL for one that is not known: of a supervisor of another version. */
static const struct change_word *changes_find(const json_t *change) {
    const char *action = answer_string(change, "action", "");
    for (size_t i = 0; i < sizeof change_words / sizeof *change_words; i++)
        if (strcmp(change_words[i].action, action) == 0)
            return &change_words[i];
    return NULL;
}

const char *changes_action(const json_t *change) {
    const struct change_word *word = changes_find(change);
    return word ? word->shown : answer_string(change, "action", "");
}

const char *changes_colour(const json_t *change) {
    const struct change_word *word = changes_find(change);
    return word ? word->colour : NULL;
}

static void changes_add(const char *word, struct text *out) {
    text_printf(out, "%s%s", out->len > 0 && word[0] ? ", " : "", word);
}

void changes_join(const json_t *words, struct text *out) {
    size_t i = 0;
    const json_t *word = NULL;
    json_array_foreach(words, i, word) {
        changes_add(json_string_value(word) ? json_string_value(word) : "", out);
    }
}

void changes_print_reason(const json_t *change, struct text *out) {
    const char *kind = answer_string(change, "change", "");
    const struct change_word *word = changes_find(change);
    struct text why TEXT_AUTO = {0};
    changes_join(json_object_get(change, "keys"), &why);
    changes_join(json_object_get(change, "variables"), &why);
    changes_add(answer_string(change, "why", ""), &why);
    if (strcmp(kind, "new") == 0)
        text_str(&why, "new in the manifest");
    else if (strcmp(kind, "gone") == 0)
        text_str(&why, "not in the manifest any more");
    else if (why.len == 0)
        text_str(&why, "its environment");
    if (word && strcmp(kind, "changed") == 0)
        text_str(&why, word->remark);
    text_str(out, text_get(&why));
}
