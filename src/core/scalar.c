#include "core/scalar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/words.h"

/* Strings */

void scalar_fini_string(void *field) {
    char **string = field;
    free(*string);
    *string = NULL;
}

void scalar_print_string(const struct manifest_key *key, const void *field, struct text *out) {
    const char *const *string = field;
    (void)key;
    text_str(out, *string ? *string : "");
}

static bool keep_string(const char *string, void *field, struct text *error) {
    char *copy = strdup(string);
    if (!copy) {
        text_str(error, "out of memory");
        return false;
    }
    *(char **)field = copy;
    return true;
}

bool scalar_parse_plain(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    if (*string == '\0') {
        text_str(error, "is empty");
        return false;
    }
    for (const char *c = string; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            text_str(error, "holds a control character");
            return false;
        }
    }
    return keep_string(string, field, error);
}

static bool is_command(const char *string, struct text *error) {
    struct words words = {0};
    if (!words_split(string, &words, error))
        return false;
    bool has_program = words.count > 0 && *words.list[0] != '\0';
    words_fini(&words);
    if (!has_program)
        text_str(error, "names no program");
    return has_program;
}

bool scalar_parse_command(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    string += strspn(string, " \t\n\v\f\r");
    if (*string == '\0') {
        text_str(error, "is empty");
        return false;
    }
    if (value->command_reader == COMMAND_READER_EXECVE && !is_command(string, error))
        return false;
    return keep_string(string, field, error);
}

/* Words that somebody may have meant as a word, not as the name of a file. */
static bool is_unmeant_file(const char *string, const char *const *choices) {
    static const char *const words[] = {"journald", "syslog", "stdout", "stderr", "none", "off", "false", "true", NULL};
    for (const char *const *word = words; *word; word++)
        if (strcmp(*word, string) == 0)
            return true;
    return !strpbrk(string, "./") && diag_nearest(string, choices);
}

bool scalar_parse_log_target(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    const char *const *choices = value->key->choices;
    struct log_target *target = field;
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(choices[i], string) == 0) {
            *target = (struct log_target){.kind = (enum log_target_kind)(LOG_TO_FILE + 1 + i)};
            return true;
        }
    }
    if (is_unmeant_file(string, choices)) {
        text_printf(error, "\"%s\" is none of ", string);
        for (unsigned i = 0; choices[i]; i++)
            text_printf(error, "%s, ", choices[i]);
        text_printf(error, "PATH (a file of that name is written ./%s)", string);
        return false;
    }
    if (!scalar_parse_plain(value, string, &target->path, error))
        return false;
    target->kind = LOG_TO_FILE;
    return true;
}

void scalar_print_log_target(const struct manifest_key *key, const void *field, struct text *out) {
    const struct log_target *target = field;
    if (target->kind == LOG_TO_FILE)
        text_str(out, target->path ? target->path : "");
    else
        text_str(out, key->choices[target->kind - LOG_TO_FILE - 1]);
}

void scalar_fini_log_target(void *field) {
    struct log_target *target = field;
    free(target->path);
    *target = (struct log_target){0};
}

bool scalar_parse_condition(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    return condition_parse(string, field, error);
}

bool scalar_parse_probe(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct condition condition;
    (void)value;
    if (!condition_parse(string, &condition, error))
        return false;
    if (condition_is_repeatable(&condition)) {
        *(struct condition *)field = condition;
        return true;
    }
    condition_fini(&condition);
    text_str(error, "this can only be waited for while the app starts: use tcp:, unix:, http:// or exec:");
    return false;
}

void scalar_print_condition(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    condition_print(field, out);
}

void scalar_fini_condition(void *field) {
    condition_fini(field);
}

/* Numbers and words */

bool scalar_parse_bool(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    return value_parse_bool(string, field, error);
}

void scalar_print_bool(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    text_str(out, *(const bool *)field ? "true" : "false");
}

bool scalar_parse_int(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    return value_parse_int(string, value->key->min, value->key->max, field, error);
}

bool scalar_parse_port(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    return value_parse_int(string, 1, 65535, field, error);
}

void scalar_print_int(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    if (*(const int64_t *)field != 0 || key->type == KEY_INT)
        text_printf(out, "%" PRId64, *(const int64_t *)field);
}

bool scalar_parse_mode(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    return value_parse_mode(string, field, error);
}

void scalar_print_mode(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    text_printf(out, "%04o", *(const unsigned *)field);
}

bool scalar_parse_optional_int(const struct manifest_value *value, const char *string, void *field,
                               struct text *error) {
    struct optional *optional = field;
    optional->is_given = scalar_parse_int(value, string, &optional->number, error);
    return optional->is_given;
}

void scalar_print_optional_int(const struct manifest_key *key, const void *field, struct text *out) {
    const struct optional *optional = field;
    (void)key;
    if (optional->is_given)
        text_printf(out, "%" PRId64, optional->number);
}

static const char UNLIMITED[] = "unlimited";

bool scalar_parse_optional_size(const struct manifest_value *value, const char *string, void *field,
                                struct text *error) {
    struct optional *optional = field;
    (void)value;
    if (strcmp(string, UNLIMITED) == 0) {
        *optional = (struct optional){true, VALUE_UNLIMITED};
        return true;
    }
    optional->is_given = value_parse_size(string, &optional->number, error);
    if (!optional->is_given)
        text_printf(error, ", or %s", UNLIMITED);
    return optional->is_given;
}

void scalar_print_optional_size(const struct manifest_key *key, const void *field, struct text *out) {
    const struct optional *optional = field;
    (void)key;
    if (optional->is_given && optional->number == VALUE_UNLIMITED)
        text_str(out, UNLIMITED);
    else if (optional->is_given)
        value_print_size(optional->number, out);
}

bool scalar_parse_umask(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    struct optional *optional = field;
    unsigned mask;
    TEXT_AUTO struct text unused = {0};
    (void)value;
    if (!value_parse_mode(string, &mask, &unused) || mask > 0777) {
        text_printf(error, "\"%.*s\" is not an octal mask from 0 to 0777 (022)", LIMIT_NAME, string);
        return false;
    }
    *optional = (struct optional){true, mask};
    return true;
}

void scalar_print_umask(const struct manifest_key *key, const void *field, struct text *out) {
    const struct optional *optional = field;
    (void)key;
    if (optional->is_given)
        text_printf(out, "%04o", (unsigned)optional->number);
}

bool scalar_parse_duration(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    int64_t ms;
    if (!value_parse_duration(string, &ms, error))
        return false;
    if (ms < value->key->min) {
        text_str(error, "must be more than 0");
        return false;
    }
    *(int64_t *)field = ms;
    return true;
}

void scalar_print_duration(const struct manifest_key *key, const void *field, struct text *out) {
    (void)key;
    value_print_duration(*(const int64_t *)field, out);
}

bool scalar_parse_signal(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    (void)value;
    return value_parse_signal(string, field, error);
}

void scalar_print_signal(const struct manifest_key *key, const void *field, struct text *out) {
    int signal = *(const int *)field;
    const char *name = value_signal_name(signal);
    (void)key;
    if (strncmp(name, "SIG", 3) == 0)
        text_str(out, name);
    else
        text_printf(out, "%d", signal);
}

/* Every enum of the configs has the size of an unsigned, and its words stand in its order. */
bool scalar_parse_choice(const struct manifest_value *value, const char *string, void *field, struct text *error) {
    const char *const *choices = value->key->choices;
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(choices[i], string) == 0) {
            memcpy(field, &i, sizeof(i));
            return true;
        }
    }
    text_printf(error, "\"%.*s\" is not one of ", LIMIT_NAME, string);
    for (unsigned i = 0; choices[i]; i++)
        text_printf(error, "%s%s", i > 0 ? ", " : "", choices[i]);
    const char *near = diag_nearest(string, choices);
    if (near)
        text_printf(error, " (did you mean %s?)", near);
    return false;
}

void scalar_print_choice(const struct manifest_key *key, const void *field, struct text *out) {
    unsigned i;
    memcpy(&i, field, sizeof(i));
    text_str(out, key->choices[i]);
}
