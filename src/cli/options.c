#include "cli/options.h"

#include <string.h>

#include "core/diag.h"
#include "core/value.h"

enum { OPTION_MAX_LINES = 1000000, OPTION_MAX_FD = 1 << 20 };

const struct option_row option_rows[OPTION_COUNT] = {
    [OPTION_MANIFEST] = {"manifest", 'f', OPTION_WORD, "MANIFEST", 0, "use this manifest"},
    [OPTION_PROFILE] = {"profile", 'p', OPTION_WORD, "PROFILE", 0, "use the sections of this profile too"},
    [OPTION_HELP] = {"help", 'h', OPTION_FLAG, NULL, 0, "show help"},
    [OPTION_VERSION] = {"version", 'V', OPTION_FLAG, NULL, 0, "show the version"},
    [OPTION_JSON] = {"json", 0, OPTION_FLAG, NULL, 0, "print JSON, for programs"},
    [OPTION_WATCH] = {"watch", 'w', OPTION_FLAG, NULL, 0, "show it anew each second and at each change, until Ctrl-C"},
    [OPTION_FOLLOW] = {"follow", 'f', OPTION_FLAG, NULL, 0, "go on with what happens from now on, until Ctrl-C"},
    [OPTION_LINES] = {"lines", 'n', OPTION_NUMBER, "N", OPTION_MAX_LINES, "begin with the last N lines (20)"},
    [OPTION_REVEAL] = {"reveal", 0, OPTION_FLAG, NULL, 0, "show the values, which may be secrets"},
    [OPTION_NO_WAIT] = {"no-wait", 0, OPTION_FLAG, NULL, 0, "do not wait for the outcome"},
    [OPTION_TIMEOUT] = {"timeout", 't', OPTION_DURATION, "DURATION", 0, "wait at most this long (5m)"},
    [OPTION_FORMAT] = {"format", 0, OPTION_WORD, "FORMAT", 0,
                       "print all of it as man, markdown, or as completion for bash or zsh"},
    [OPTION_USER] = {"user", 0, OPTION_FLAG, NULL, 0, "for your own service manager (systemctl --user)"},
    [OPTION_INSTALL] = {"install", 0, OPTION_FLAG, NULL, 0, "write it where systemd looks for it, and tell systemd"},
    [OPTION_PRINT] = {"print", 0, OPTION_FLAG, NULL, 0, "print it, also when it is installed"},
    [OPTION_UNIT] = {"unit", 0, OPTION_FLAG, NULL, 0,
                     "compare with the installed systemd unit too (with --user: your own)"},
    [OPTION_STRICT] = {"strict", 0, OPTION_FLAG, NULL, 0, "let warnings count as errors"},
    [OPTION_LIST_RULES] = {"list-rules", 0, OPTION_FLAG, NULL, 0, "list what is looked for"},
    [OPTION_DRY_RUN] = {"dry-run", 0, OPTION_FLAG, NULL, 0, "say what would be done, why and how long it may take"},
    [OPTION_IF_NEEDED] = {"if-needed", 0, OPTION_FLAG, NULL, 0, "prepare only apps whose inputs have changed"},
    [OPTION_RESTART_ALL] = {"restart-all", 0, OPTION_FLAG, NULL, 0,
                            "restart all apps, also those that have not changed"},
    [OPTION_ROLLBACK_COMMAND] = {"rollback-command", 0, OPTION_WORD, "COMMAND", 0,
                                 "have /bin/sh run this when a step has failed"},
    [OPTION_STARTED_FD] = {"started-fd", 0, OPTION_NUMBER, "FD", OPTION_MAX_FD, NULL},
};

static bool option_is_in(unsigned set, size_t option) {
    return set & (1U << option);
}

/* A command's own meaning of a letter (`logs -f`) comes before the global one. Returns OPTION_COUNT when there is
 * none. */
static size_t options_by_letter(unsigned allowed, char letter) {
    const unsigned sets[] = {allowed & ~OPTIONS_GLOBAL, OPTIONS_GLOBAL};
    for (size_t set = 0; set < 2; set++)
        for (size_t i = 0; i < OPTION_COUNT; i++)
            if (option_is_in(sets[set], i) && option_rows[i].letter == letter)
                return i;
    return OPTION_COUNT;
}

static size_t options_by_name(unsigned allowed, const char *name, size_t len) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_is_in(allowed | OPTIONS_GLOBAL, i) && strlen(option_rows[i].name) == len &&
            strncmp(option_rows[i].name, name, len) == 0)
            return i;
    return OPTION_COUNT;
}

static void options_unknown(unsigned allowed, const char *name, size_t len, struct text *error) {
    const char *candidates[OPTION_COUNT + 1];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_is_in(allowed | OPTIONS_GLOBAL, i) && option_rows[i].text)
            candidates[count++] = option_rows[i].name;
    candidates[count] = NULL;
    struct text word TEXT_AUTO = {0};
    text_append(&word, name, len);
    const char *nearest = diag_nearest(text_get(&word), candidates);
    text_printf(error, "unknown option --%s", text_get(&word));
    if (nearest)
        text_printf(error, " (did you mean --%s?)", nearest);
}

static bool options_set(struct options *options, size_t option, const char *value, struct text *error) {
    const struct option_row *row = &option_rows[option];
    struct text reason TEXT_AUTO = {0};
    bool good = true;
    switch (row->kind) {
    case OPTION_FLAG:
        break;
    case OPTION_WORD:
        options->word[option] = value;
        good = value[0] != '\0';
        if (!good)
            text_str(&reason, "must not be empty");
        break;
    case OPTION_DURATION:
        good = value_parse_duration(value, &options->number[option], &reason);
        break;
    case OPTION_NUMBER:
        good = value_parse_int(value, 0, row->max, &options->number[option], &reason);
        break;
    }
    if (!good)
        text_printf(error, "--%s: %s", row->name, text_get(&reason));
    options->given[option] = good;
    return good;
}

/* Where the parser stands. */
struct cursor {
    char **words;
    size_t count;
    size_t at;
};

/* The value of an option: what is attached to it, or the next word. NULL when there is none. */
static const char *options_value(struct cursor *cursor, const char *attached) {
    if (attached)
        return attached;
    return cursor->at + 1 < cursor->count ? cursor->words[++cursor->at] : NULL;
}

static bool options_long(unsigned allowed, struct cursor *cursor, struct options *options, struct text *error) {
    const char *name = cursor->words[cursor->at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    size_t option = options_by_name(allowed, name, len);
    if (option == OPTION_COUNT) {
        options_unknown(allowed, name, len, error);
        return false;
    }
    if (option_rows[option].kind == OPTION_FLAG) {
        if (equals)
            text_printf(error, "--%s takes no value", option_rows[option].name);
        return !equals && options_set(options, option, NULL, error);
    }
    const char *value = options_value(cursor, equals ? equals + 1 : NULL);
    if (!value)
        text_printf(error, "--%s needs a value: --%s %s", option_rows[option].name, option_rows[option].name,
                    option_rows[option].argument);
    return value && options_set(options, option, value, error);
}

/* `-f`, and several in one word: `-fn20`. */
static bool options_short(unsigned allowed, struct cursor *cursor, struct options *options, struct text *error) {
    for (const char *letter = cursor->words[cursor->at] + 1; *letter; letter++) {
        size_t option = options_by_letter(allowed, *letter);
        if (option == OPTION_COUNT) {
            text_printf(error, "unknown option -%c", *letter);
            return false;
        }
        if (option_rows[option].kind == OPTION_FLAG) {
            if (!options_set(options, option, NULL, error))
                return false;
            continue;
        }
        const char *value = options_value(cursor, letter[1] ? letter + 1 : NULL);
        if (!value)
            text_printf(error, "-%c needs a value: -%c %s", *letter, *letter, option_rows[option].argument);
        return value && options_set(options, option, value, error);
    }
    return true;
}

bool options_parse(unsigned allowed, bool stop_at_argument, char **words, size_t count, struct options *options,
                   size_t *rest_out, struct text *error) {
    struct cursor cursor = {.words = words, .count = count};
    size_t rest = 0;
    bool ended = false;
    for (; cursor.at < count; cursor.at++) {
        char *word = words[cursor.at];
        if (ended || word[0] != '-' || word[1] == '\0') {
            words[rest++] = word;
            ended = ended || stop_at_argument;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (word[1] == '-') {
            if (!options_long(allowed, &cursor, options, error))
                return false;
        } else if (!options_short(allowed, &cursor, options, error)) {
            return false;
        }
    }
    *rest_out = rest;
    return true;
}
