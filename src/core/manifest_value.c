#include "core/manifest_value.h"

#include <stdlib.h>
#include <string.h>

#include "core/dotenv.h"
#include "core/expand.h"
#include "core/glob.h"
#include "core/limits.h"
#include "core/listen.h"
#include "core/scalar.h"

/* A type is read as one string (parse) or, where each entry is filled in and judged by itself, as a whole (read). */
typedef enum value_verdict read_whole(const struct manifest_value *value, void *field);

struct type_row {
    bool takes_lines;
    scalar_parse *parse;
    read_whole *read;
    scalar_print *print;
    scalar_fini *fini;
};

static read_whole read_exit_set, read_commands, read_probe, read_probes, read_listen, read_paths, read_patterns,
    read_names, read_variables, read_rules, read_account, read_env, read_env_files;
static scalar_print print_list, print_exit_set;
static scalar_fini fini_list;

static const struct type_row types[] = {
    [KEY_STRING] = {false, scalar_parse_plain, NULL, scalar_print_string, scalar_fini_string},
    [KEY_COMMAND] = {true, scalar_parse_command, NULL, scalar_print_string, scalar_fini_string},
    [KEY_COMMANDS] = {true, NULL, read_commands, print_list, fini_list},
    [KEY_PATH] = {false, scalar_parse_plain, NULL, scalar_print_string, scalar_fini_string},
    [KEY_BOOL] = {false, scalar_parse_bool, NULL, scalar_print_bool, NULL},
    [KEY_INT] = {false, scalar_parse_int, NULL, scalar_print_int, NULL},
    [KEY_PORT] = {false, scalar_parse_port, NULL, scalar_print_int, NULL},
    [KEY_MODE] = {false, scalar_parse_mode, NULL, scalar_print_mode, NULL},
    [KEY_OPTIONAL_INT] = {false, scalar_parse_optional_int, NULL, scalar_print_optional_int, NULL},
    [KEY_OPTIONAL_SIZE] = {false, scalar_parse_optional_size, NULL, scalar_print_optional_size, NULL},
    [KEY_UMASK] = {false, scalar_parse_umask, NULL, scalar_print_umask, NULL},
    [KEY_ACCOUNT] = {false, NULL, read_account, scalar_print_string, scalar_fini_string},
    [KEY_DURATION] = {false, scalar_parse_duration, NULL, scalar_print_duration, NULL},
    [KEY_SIGNAL] = {false, scalar_parse_signal, NULL, scalar_print_signal, NULL},
    [KEY_EXIT_SET] = {true, NULL, read_exit_set, print_exit_set, NULL},
    [KEY_NAMES] = {true, NULL, read_names, print_list, fini_list},
    [KEY_VARIABLES] = {true, NULL, read_variables, print_list, fini_list},
    [KEY_RULES] = {true, NULL, read_rules, print_list, fini_list},
    [KEY_PATHS] = {true, NULL, read_paths, print_list, fini_list},
    [KEY_PATTERNS] = {true, NULL, read_patterns, print_list, fini_list},
    [KEY_CONDITION] = {false, scalar_parse_condition, NULL, scalar_print_condition, scalar_fini_condition},
    [KEY_PROBE] = {false, NULL, read_probe, scalar_print_condition, scalar_fini_condition},
    [KEY_PROBES] = {true, NULL, read_probes, print_list, fini_list},
    [KEY_LOG_TARGET] = {false, scalar_parse_log_target, NULL, scalar_print_log_target, scalar_fini_log_target},
    [KEY_LISTEN] = {true, NULL, read_listen, print_list, fini_list},
    [KEY_CHOICE] = {false, scalar_parse_choice, NULL, scalar_print_choice, NULL},
    [KEY_ENV] = {true, NULL, read_env, NULL, NULL},
    [KEY_ENV_FILES] = {true, NULL, read_env_files, NULL, NULL},
};

bool manifest_value_takes_lines(enum key_type type) {
    return types[type].takes_lines;
}

/* What is wrong, and where */

/* error quotes the value that it is about as "VALUE" or "START…". When the environment gave it, what was written stands
 * there instead. */
static void unquote_filled(struct text *error, const char *written, const char *filled) {
    enum { ENOUGH = 16 };
    const char *message = text_get(error);
    const char *open = strchr(message, '"');
    const char *close = strrchr(message, '"');
    size_t len = strlen(filled) < ENOUGH ? strlen(filled) : ENOUGH;
    if (!open || close == open || strncmp(open + 1, filled, len) != 0)
        return;
    struct text hidden = {0};
    text_append(&hidden, message, (size_t)(open + 1 - message));
    text_str(&hidden, written);
    text_str(&hidden, close);
    text_fini(error);
    *error = hidden;
}

/* entry: which line of the value, from 0. */
static enum value_verdict refuse(const struct manifest_value *value, unsigned entry, const char *why) {
    diags_add(value->diags, DIAG_ERROR, value->file, value->line + entry, "%s: %s", value->key->name, why);
    return VALUE_BAD;
}

static const char *lookup_anything(const void *context, const char *name) {
    (void)context;
    (void)name;
    return "x";
}

/* Fills ${…} in. */
static enum value_verdict fill(const struct manifest_value *value, unsigned entry, const char *written,
                               struct text *out) {
    if (!expand_is_needed(written)) {
        text_str(out, written);
        return VALUE_GOOD;
    }
    TEXT_AUTO struct text error = {0};
    if (!expand(written, value->env ? env_lookup : lookup_anything, value->env, out, &error))
        return refuse(value, entry, text_get(&error));
    return value->env ? VALUE_GOOD : VALUE_OPEN;
}

/* One string of a value through a parser of its own. */
static enum value_verdict read_string(const struct manifest_value *value, unsigned entry, const char *written,
                                      scalar_parse *parse, void *field) {
    TEXT_AUTO struct text filled = {0};
    TEXT_AUTO struct text error = {0};
    enum value_verdict verdict = fill(value, entry, written, &filled);
    if (verdict != VALUE_GOOD)
        return verdict;
    if (filled.failed)
        return refuse(value, entry, "out of memory");
    if (parse(value, text_get(&filled), field, &error))
        return VALUE_GOOD;
    if (expand_is_needed(written))
        unquote_filled(&error, written, text_get(&filled));
    return refuse(value, entry, text_get(&error));
}

/* Lists */

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct cursor {
    const char *next;
    unsigned next_line;
    const char *separators;
    struct text entry; /* without blanks around it */
    unsigned line;     /* of the entry, from 0 */
};

static const char LINES[] = "\n";
static const char FILES[] = ",\n";
static const char NAMES[] = ", \t\v\f\r\n";

/* False at the end. Entries that hold nothing are passed over. */
static bool next_entry(struct cursor *cursor) {
    while (*cursor->next) {
        const char *start = cursor->next;
        size_t len = strcspn(start, cursor->separators);
        cursor->line = cursor->next_line;
        cursor->next += len;
        if (*cursor->next == '\n')
            cursor->next_line++;
        if (*cursor->next)
            cursor->next++;
        while (len > 0 && is_blank(*start)) {
            start++;
            len--;
        }
        while (len > 0 && is_blank(start[len - 1]))
            len--;
        if (len == 0)
            continue;
        text_clear(&cursor->entry);
        text_append(&cursor->entry, start, len);
        return true;
    }
    return false;
}

/* Frees the cursor. The verdict over all entries, unless one of them could not be held. */
static enum value_verdict end_entries(struct cursor *cursor, const struct manifest_value *value,
                                      enum value_verdict verdict) {
    bool has_failed = cursor->entry.failed;
    text_fini(&cursor->entry);
    return has_failed ? refuse(value, 0, "out of memory") : verdict;
}

static bool list_has(const struct list *list, const char *item) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], item) == 0)
            return true;
    return false;
}

/* Takes item over, NULL included. */
static bool list_push(struct list *list, char *item) {
    char **items = item ? realloc(list->items, (list->count + 1) * sizeof(*items)) : NULL;
    if (!items) {
        free(item);
        return false;
    }
    list->items = items;
    list->items[list->count++] = item;
    return true;
}

static void fini_list(void *field) {
    list_fini(field);
}

static void print_list(const struct manifest_key *key, const void *field, struct text *out) {
    const struct list *list = field;
    (void)key;
    for (size_t i = 0; i < list->count; i++)
        text_printf(out, "%s%s", i > 0 ? "\n" : "", list->items[i]);
}

static enum value_verdict worse(enum value_verdict a, enum value_verdict b) {
    return a < b ? a : b;
}

/* Entries that are filled in each by itself. */
static enum value_verdict read_strings(const struct manifest_value *value, const char *separators, scalar_parse *parse,
                                       struct list *field) {
    struct cursor cursor = {.next = value->text, .separators = separators};
    struct list list = {0};
    enum value_verdict verdict = VALUE_GOOD;
    while (next_entry(&cursor)) {
        char *string = NULL;
        enum value_verdict one = read_string(value, cursor.line, text_get(&cursor.entry), parse, &string);
        verdict = worse(verdict, one);
        if (one == VALUE_GOOD && !list_push(&list, string))
            verdict = refuse(value, cursor.line, "out of memory");
    }
    verdict = end_entries(&cursor, value, verdict);
    if (verdict == VALUE_GOOD)
        *field = list;
    else
        fini_list(&list);
    return verdict;
}

/* Likewise, of which an app can have so many. */
static enum value_verdict read_few(const struct manifest_value *value, const char *separators, scalar_parse *parse,
                                   size_t most, const char *what, struct list *field) {
    enum value_verdict verdict = read_strings(value, separators, parse, field);
    if (verdict != VALUE_GOOD || field->count <= most)
        return verdict;
    TEXT_AUTO struct text error = {0};
    text_printf(&error, "more %s than an app can have", what);
    list_fini(field);
    return refuse(value, 0, text_get(&error));
}

static bool parse_listen(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct listen_address address;
    return listen_parse(string, &address, error) && scalar_parse_plain(value, string, field, error);
}

static enum value_verdict read_listen(const struct manifest_value *value, void *field) {
    return read_few(value, FILES, parse_listen, LIMIT_LISTEN, "sockets", field);
}

static enum value_verdict read_commands(const struct manifest_value *value, void *field) {
    return read_strings(value, LINES, scalar_parse_command, field);
}

/* An empty one takes back what [defaults] says, as an empty list does. */
static enum value_verdict read_probe(const struct manifest_value *value, void *field) {
    return *value->text == '\0' ? VALUE_GOOD : read_string(value, 0, value->text, scalar_parse_probe, field);
}

/* In canonical form. */
static bool keep_probe(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct condition condition = {0};
    if (!scalar_parse_probe(value, string, &condition, error))
        return false;
    TEXT_AUTO struct text printed = {0};
    condition_print(&condition, &printed);
    condition_fini(&condition);
    return scalar_parse_plain(value, text_get(&printed), field, error);
}

static enum value_verdict read_probes(const struct manifest_value *value, void *field) {
    return read_few(value, LINES, keep_probe, LIMIT_VERIFY, "conditions", field);
}

static enum value_verdict read_paths(const struct manifest_value *value, void *field) {
    return read_strings(value, FILES, scalar_parse_plain, field);
}

static bool parse_pattern(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct glob glob = {0};
    bool ok = glob_parse(string + (string[0] == '!'), &glob, error) && scalar_parse_plain(value, string, field, error);
    glob_fini(&glob);
    return ok;
}

static bool names_something(const struct list *patterns) {
    for (size_t i = 0; i < patterns->count; i++)
        if (patterns->items[i][0] != '!')
            return true;
    return patterns->count == 0;
}

static enum value_verdict read_patterns(const struct manifest_value *value, void *field) {
    enum value_verdict verdict = read_few(value, FILES, parse_pattern, LIMIT_PREPARE_PATTERNS, "patterns", field);
    if (verdict != VALUE_GOOD || names_something(field))
        return verdict;
    list_fini(field);
    return refuse(value, 0, "names nothing but what is to be left out");
}

/* Names of one kind: says in error why this is none. */
typedef void judge_name(const char *name, struct text *error);

static void judge_app_name(const char *name, struct text *error) {
    if (!manifest_is_name(name))
        text_printf(error, "\"%.*s\" is not an app's name (letters, digits, _ and -, at most %d)", LIMIT_NAME, name,
                    LIMIT_NAME);
}

static void judge_variable_name(const char *name, struct text *error) {
    size_t len = env_name_span(name);
    if (len == 0 || name[len] != '\0')
        text_printf(error, "\"%.*s\" is not a variable's name (letters, digits and _)", (int)strcspn(name, "="), name);
}

static void judge_rule_name(const char *name, struct text *error) {
    const struct rule_row *rule = rule_find(name);
    const char *nearest = rule ? NULL : rule_nearest(name);
    if (!rule)
        text_printf(error, "no rule \"%.*s\"", LIMIT_NAME, name);
    if (nearest)
        text_printf(error, " (did you mean %s?)", nearest);
    else if (!rule)
        text_str(error, " (upkeep check --list-rules lists them)");
    else if (rule->severity == DIAG_ERROR)
        text_printf(error, "%s cannot be silenced: what it finds makes a start fail", name);
}

static enum value_verdict read_name(const struct manifest_value *value, unsigned entry, const char *name,
                                    judge_name *judge, struct list *list) {
    TEXT_AUTO struct text error = {0};
    if (expand_is_needed(name))
        text_str(&error, "${…} is not filled in here: write the names themselves");
    else
        judge(name, &error);
    if (error.len == 0 && list_has(list, name))
        text_printf(&error, "%s is named twice", name);
    if (error.len == 0 && !error.failed && !list_push(list, strdup(name)))
        text_str(&error, "out of memory");
    return error.len > 0 || error.failed ? refuse(value, entry, text_get(&error)) : VALUE_GOOD;
}

static enum value_verdict read_list(const struct manifest_value *value, judge_name *judge, struct list *field) {
    struct cursor cursor = {.next = value->text, .separators = NAMES};
    struct list list = {0};
    enum value_verdict verdict = VALUE_GOOD;
    while (next_entry(&cursor)) {
        if (list.count == LIMIT_SECTIONS) {
            verdict = refuse(value, cursor.line, "more names than a manifest can hold sections");
            break;
        }
        verdict = worse(verdict, read_name(value, cursor.line, text_get(&cursor.entry), judge, &list));
    }
    verdict = end_entries(&cursor, value, verdict);
    if (verdict == VALUE_GOOD)
        *field = list;
    else
        fini_list(&list);
    return verdict;
}

static enum value_verdict read_names(const struct manifest_value *value, void *field) {
    return read_list(value, judge_app_name, field);
}

static enum value_verdict read_variables(const struct manifest_value *value, void *field) {
    return read_list(value, judge_variable_name, field);
}

static enum value_verdict read_rules(const struct manifest_value *value, void *field) {
    return read_list(value, judge_rule_name, field);
}

/* The layers, which core/layers.h reads at each start: judged here, so that a mistake is found before one. */

/* seen: the names so far, with their lines. */
static enum value_verdict judge_variable(const struct manifest_value *value, unsigned entry, const char *assignment,
                                         struct env *seen) {
    unsigned line = value->line + entry;
    if (!dotenv_parse_setting(assignment, value->file, line, NULL, value->diags))
        return VALUE_BAD;
    TEXT_AUTO struct text name = {0};
    TEXT_AUTO struct text error = {0};
    text_append(&name, assignment, env_name_span(assignment));
    const struct env_var *twin = env_find(seen, text_get(&name));
    if (twin)
        text_printf(&error, "%.*s is set twice (first in line %u)", LIMIT_NAME, text_get(&name), twin->line);
    else if (!env_set(seen, text_get(&name), name.len, "", NULL, line))
        text_str(&error, "no room: too many variables, or too large ones");
    return error.len > 0 ? refuse(value, entry, text_get(&error)) : VALUE_GOOD;
}

static enum value_verdict read_env(const struct manifest_value *value, void *field) {
    struct cursor cursor = {.next = value->text, .separators = LINES};
    struct env seen = {0};
    enum value_verdict verdict = VALUE_GOOD;
    (void)field;
    while (next_entry(&cursor)) {
        if (seen.count == LIMIT_ENV) {
            verdict = refuse(value, cursor.line, "too many variables");
            break;
        }
        verdict = worse(verdict, judge_variable(value, cursor.line, text_get(&cursor.entry), &seen));
    }
    env_fini(&seen);
    return end_entries(&cursor, value, verdict);
}

static enum value_verdict read_env_files(const struct manifest_value *value, void *field) {
    struct cursor cursor = {.next = value->text, .separators = FILES};
    enum value_verdict verdict = VALUE_GOOD;
    (void)field;
    while (next_entry(&cursor)) {
        const char *path = text_get(&cursor.entry) + strspn(text_get(&cursor.entry), "? \t");
        TEXT_AUTO struct text filled = {0};
        TEXT_AUTO struct text error = {0};
        if (*path == '\0')
            verdict = refuse(value, cursor.line, "'?' without a path");
        else if (expand_is_needed(path) && !expand(path, lookup_anything, NULL, &filled, &error))
            verdict = refuse(value, cursor.line, text_get(&error));
    }
    return end_entries(&cursor, value, verdict);
}

/* Accounts and ends */

/* Who may write a dotenv file, perhaps the app itself, must not choose whom it runs as. */
static enum value_verdict read_account(const struct manifest_value *value, void *field) {
    const char *name = value->text;
    TEXT_AUTO struct text error = {0};
    if (expand_is_needed(name))
        text_str(&error, "${…} is not filled in here: write the name itself");
    else if (strpbrk(name, ":, \t\n"))
        text_str(&error, strchr(name, ':') ? "takes one name or number (the group has a key of its own)"
                                           : "takes one name or number, without blanks or commas");
    else
        (void)scalar_parse_plain(value, name, field, &error);
    return error.len > 0 ? refuse(value, 0, text_get(&error)) : VALUE_GOOD;
}

static bool parse_exit(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct exit_set *set = field;
    struct exit_set one;
    (void)value;
    if (!value_parse_exit_set(string, &one, error))
        return false;
    for (size_t i = 0; i < sizeof(one.codes) / sizeof(one.codes[0]); i++)
        set->codes[i] |= one.codes[i];
    set->signals |= one.signals;
    return true;
}

static enum value_verdict read_exit_set(const struct manifest_value *value, void *field) {
    struct cursor cursor = {.next = value->text, .separators = NAMES};
    struct exit_set set = {0};
    enum value_verdict verdict = VALUE_GOOD;
    bool is_empty = true;
    while (next_entry(&cursor)) {
        verdict = worse(verdict, read_string(value, cursor.line, text_get(&cursor.entry), parse_exit, &set));
        is_empty = false;
    }
    verdict = end_entries(&cursor, value, verdict);
    if (is_empty)
        return refuse(value, 0, "is empty");
    if (verdict == VALUE_GOOD)
        *(struct exit_set *)field = set;
    return verdict;
}

static void print_exit_set(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    value_print_exit_set(field, out);
}

/* The whole */

enum value_verdict manifest_value_read(const struct manifest_value *value, void *config) {
    const struct type_row *type = &types[value->key->type];
    void *field = value->key->offset == MANIFEST_NO_FIELD ? NULL : (char *)config + value->key->offset;
    if (type->read)
        return type->read(value, field);
    if (*value->text == '\0')
        return refuse(value, 0, "is empty");
    return read_string(value, 0, value->text, type->parse, field);
}

void manifest_value_print(const struct manifest_key *key, const void *config, struct text *out) {
    if (types[key->type].print)
        types[key->type].print(key, (const char *)config + key->offset, out);
}

void manifest_value_fini(const struct manifest_key *key, void *config) {
    if (types[key->type].fini)
        types[key->type].fini((char *)config + key->offset);
}
