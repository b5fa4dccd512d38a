#include "core/unit_drift.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/unit.h"

/* ---- reading a unit --------------------------------------------------------------------------------------------- */

struct line {
    char *section;
    char *key;
    char *value;
    const char *file;
    unsigned number;
};

struct unit {
    struct line *lines;
    size_t count;
};

static void unit_free(struct unit *unit) {
    for (size_t i = 0; i < unit->count; i++) {
        free(unit->lines[i].section);
        free(unit->lines[i].key);
        free(unit->lines[i].value);
    }
    free(unit->lines);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without blanks at both ends; heap. */
static char *trimmed(const char *bytes, size_t len) {
    while (len > 0 && is_blank(bytes[0])) {
        bytes++;
        len--;
    }
    while (len > 0 && is_blank(bytes[len - 1]))
        len--;
    return strndup(bytes, len);
}

static void unit_add(struct unit *unit, struct line line) {
    struct line *grown = realloc(unit->lines, (unit->count + 1) * sizeof *grown);
    if (grown)
        unit->lines = grown;
    if (!grown || !line.section || !line.key || !line.value) {
        free(line.section);
        free(line.key);
        free(line.value);
        return;
    }
    unit->lines[unit->count++] = line;
}

/* Takes the next line, with those that it goes on over (a backslash at the end), into text. False at the end. */
static bool next_line(const char **at, const char *end, unsigned *number, struct text *text) {
    text_clear(text);
    if (*at == end)
        return false;
    for (bool goes_on = true; goes_on && *at < end;) {
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        size_t len = (size_t)((newline ? newline : end) - *at);
        bool is_comment = len > 0 && ((*at)[0] == '#' || (*at)[0] == ';');
        goes_on = len > 0 && (*at)[len - 1] == '\\' && !is_comment;
        text_append(text, *at, goes_on ? len - 1 : len);
        text_str(text, goes_on ? " " : "");
        *at += newline ? len + 1 : len;
        ++*number;
    }
    return true;
}

static void unit_read(struct unit *unit, const struct unit_source *source) {
    const char *at = source->bytes;
    struct text text TEXT_AUTO = {0};
    char *section = strdup("");
    unsigned number = 0;
    for (unsigned first = 1; section && next_line(&at, source->bytes + source->len, &number, &text);
         first = number + 1) {
        char *whole = trimmed(text_get(&text), text.len);
        const char *equals = whole ? strchr(whole, '=') : NULL;
        if (whole && whole[0] == '[') {
            free(section);
            section = strndup(whole + 1, strcspn(whole + 1, "]"));
        } else if (equals && whole[0] != '#' && whole[0] != ';') {
            unit_add(unit, (struct line){strdup(section), trimmed(whole, (size_t)(equals - whole)),
                                         trimmed(equals + 1, strlen(equals + 1)), source->file, first});
        }
        free(whole);
    }
    free(section);
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* A setting by its key. What is not in the table is of the kind that differs without harm. */
struct rule {
    const char *key;
    enum { RULE_SAME, RULE_AT_LEAST, RULE_LIST, RULE_FREE } kind;
    const char *harm;  /* what comes of it; NULL: a warning is enough */
    const char *unset; /* what systemd takes when it is not set; NULL: nothing that would do */
};

static const struct rule rules[] = {
    {"ExecStart", RULE_SAME, "it does not run this manifest as upkeep unit would", NULL},
    {"Type", RULE_SAME, "systemctl start would not wait for the apps", "simple"},
    {"NotifyAccess", RULE_SAME, "anybody's word, or nobody's, would count as the supervisor's", "main"},
    {"KillMode", RULE_SAME, "systemd would end the apps past the supervisor, in no order", "control-group"},
    {"TimeoutStartSec", RULE_AT_LEAST, "systemd would end a start that is still within the manifest's limits", "90s"},
    {"TimeoutStopSec", RULE_AT_LEAST, "systemd would kill apps that are still within their kill_timeout", "90s"},
    {"FileDescriptorStoreMax", RULE_AT_LEAST, "listening sockets would not outlive a restart of the unit", NULL},
    {"OOMPolicy", RULE_SAME, "one app out of memory would end all", "stop"},
    {"User", RULE_SAME, NULL, NULL},
    {"StartLimitIntervalSec", RULE_AT_LEAST, NULL, NULL},
    {"ReadWritePaths", RULE_LIST, "an app could not write there", NULL},
    {"AmbientCapabilities", RULE_LIST, "the port below 1024 would be refused", NULL},
    {"RuntimeDirectory", RULE_LIST, "the runtime dir could not be made", NULL},
    {"LogsDirectory", RULE_LIST, "the log dir could not be made", NULL},
    {"Description", RULE_FREE, NULL, NULL},
    {"Documentation", RULE_FREE, NULL, NULL},
    {"Wants", RULE_FREE, NULL, NULL},
    {"After", RULE_FREE, NULL, NULL},
    {"WantedBy", RULE_FREE, NULL, NULL},
};

static struct rule rule_of(const char *key) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].key, key) == 0)
            return rules[i];
    return (struct rule){key, RULE_SAME, NULL, NULL};
}

/* `1min 30s`, `90`, `infinity`, `5` as a number: in microseconds, or as the number where there is no unit of time. -1
 * for what is none. */
static int64_t amount_of(const char *value) {
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"us", 1},
                 {"usec", 1},
                 {"ms", 1000},
                 {"msec", 1000},
                 {"seconds", 1000000},
                 {"second", 1000000},
                 {"sec", 1000000},
                 {"s", 1000000},
                 {"", 1000000},
                 {"minutes", 60000000},
                 {"minute", 60000000},
                 {"min", 60000000},
                 {"m", 60000000},
                 {"hours", 3600000000},
                 {"hour", 3600000000},
                 {"hr", 3600000000},
                 {"h", 3600000000},
                 {"days", 86400000000},
                 {"day", 86400000000},
                 {"d", 86400000000}};
    if (strcmp(value, "infinity") == 0 || strcmp(value, "0") == 0)
        return INT64_MAX;
    int64_t sum = 0;
    while (*value) {
        char *end = NULL;
        int64_t number = strtoll(value, &end, 10);
        size_t len = strcspn(end, " 0123456789");
        int64_t us = 0;
        for (size_t i = 0; i < sizeof units / sizeof *units && us == 0; i++)
            if (strlen(units[i].unit) == len && strncmp(units[i].unit, end, len) == 0)
                us = units[i].us;
        if (end == value || us == 0 || number < 0 || number > (INT64_MAX - sum) / us)
            return -1;
        sum += number * us;
        value = end + len + strspn(end + len, " ");
    }
    return sum;
}

/* The line that has the last word on the key; NULL when none has set it. */
static const struct line *last_of(const struct unit *unit, const struct line *wanted) {
    const struct line *last = NULL;
    for (size_t i = 0; i < unit->count; i++)
        if (strcmp(unit->lines[i].key, wanted->key) == 0 && strcmp(unit->lines[i].section, wanted->section) == 0)
            last = &unit->lines[i];
    return last && last->value[0] ? last : NULL;
}

/* Whether one of the lines says just this, and no empty one behind it takes it back. */
static bool lists(const struct unit *unit, const struct line *wanted) {
    bool is_listed = false;
    for (size_t i = 0; i < unit->count; i++) {
        const struct line *line = &unit->lines[i];
        if (strcmp(line->key, wanted->key) == 0 && strcmp(line->section, wanted->section) == 0)
            is_listed = line->value[0] && (is_listed || strcmp(line->value, wanted->value) == 0);
    }
    return is_listed;
}

static bool is_met(const struct rule *rule, const struct unit *unit, const struct line *wanted,
                   const struct line *found) {
    const char *value = found ? found->value : rule->unset;
    switch (rule->kind) {
    case RULE_FREE:
        return true;
    case RULE_LIST:
        return lists(unit, wanted);
    case RULE_AT_LEAST:
        return value && amount_of(value) >= amount_of(wanted->value);
    case RULE_SAME:
        return value && strcmp(value, wanted->value) == 0;
    }
    return true;
}

/* How strictly a unit is looked at. */
enum strictness { STRICT, HARM_ONLY };

static void judge(const struct unit *unit, const struct line *wanted, const char *file, enum strictness strictness,
                  struct diags *diags) {
    struct rule rule = rule_of(wanted->key);
    const struct line *found = last_of(unit, wanted);
    bool is_free = strictness == HARM_ONLY && (!rule.harm || rule.kind == RULE_LIST);
    if (is_free || is_met(&rule, unit, wanted, found))
        return;
    struct text text TEXT_AUTO = {0};
    text_printf(&text, "%s is %s, the manifest makes it %s", wanted->key, found ? found->value : "not set",
                wanted->value);
    if (rule.harm)
        text_printf(&text, ": %s", rule.harm);
    diags_add(diags, rule.harm && strictness == STRICT ? DIAG_ERROR : DIAG_WARNING, found ? found->file : file,
              found ? found->number : 0, "%s", text_get(&text));
}

static void unit_read_all(struct unit *unit, const struct unit_source *sources, size_t count) {
    for (size_t i = 0; i < count; i++)
        unit_read(unit, &sources[i]);
}

static void unit_expect(struct unit *unit, const char *wanted) {
    unit_read(unit, &(struct unit_source){.file = "", .bytes = wanted, .len = strlen(wanted)});
}

void unit_drift(const char *wanted, const struct unit_source *sources, size_t source_count, struct diags *diags) {
    struct unit expected = {0};
    struct unit installed = {0};
    unit_expect(&expected, wanted);
    unit_read_all(&installed, sources, source_count);
    for (size_t i = 0; i < expected.count; i++)
        judge(&installed, &expected.lines[i], sources[0].file, STRICT, diags);
    unit_free(&expected);
    unit_free(&installed);
}

/* ---- somebody's own unit ---------------------------------------------------------------------------------------- */

static const struct line *service_line(const struct unit *unit, const char *key) {
    static char section[] = "Service";
    char name[32];
    (void)snprintf(name, sizeof name, "%s", key);
    return last_of(unit, &(struct line){.section = section, .key = name});
}

/* Whether a command line has the word, which may stand in quotes or, where is_path_end, behind a slash. */
static bool has_word(const char *command, const char *word, bool is_path_end) {
    size_t len = strlen(word);
    for (const char *at = strstr(command, word); at; at = strstr(at + 1, word)) {
        bool begins = at == command || strchr(" \t\"'", at[-1]) || (is_path_end && strchr("/@-:+!", at[-1]));
        if (begins && (at[len] == '\0' || strchr(" \t\"'", at[len])))
            return true;
    }
    return false;
}

/* A folder is named with and without a slash at its end. */
static bool is_folder_of(const char *folder, const char *manifest) {
    const char *slash = strrchr(manifest, '/');
    size_t len = strlen(folder);
    while (len > 0 && folder[len - 1] == '/')
        len--;
    return slash && len == (size_t)(slash - manifest) && strncmp(folder, manifest, len) == 0;
}

static bool unit_is_of(const struct unit *unit, const char *manifest) {
    const struct line *exec = service_line(unit, "ExecStart");
    const struct line *folder = service_line(unit, "WorkingDirectory");
    struct text word TEXT_AUTO = {0};
    unit_print_word(manifest, &word);
    if (!exec || !has_word(exec->value, "upkeep", true))
        return false;
    if (has_word(exec->value, manifest, false) || has_word(exec->value, text_get(&word), false))
        return true;
    return folder && is_folder_of(folder->value, manifest) && !has_word(exec->value, "-f", false);
}

bool unit_runs(const struct unit_source *sources, size_t source_count, const char *manifest) {
    struct unit unit = {0};
    unit_read_all(&unit, sources, source_count);
    bool is_of_manifest = unit_is_of(&unit, manifest);
    unit_free(&unit);
    return is_of_manifest;
}

void unit_print_user(const struct unit_source *sources, size_t source_count, struct text *out) {
    struct unit unit = {0};
    unit_read_all(&unit, sources, source_count);
    const struct line *user = service_line(&unit, "User");
    if (user)
        text_str(out, user->value);
    unit_free(&unit);
}

void unit_harm(const char *wanted, const struct unit_source *sources, size_t source_count, struct diags *diags) {
    struct unit expected = {0};
    struct unit installed = {0};
    unit_expect(&expected, wanted);
    unit_read_all(&installed, sources, source_count);
    for (size_t i = 0; i < expected.count; i++)
        if (strcmp(expected.lines[i].key, "ExecStart") != 0)
            judge(&installed, &expected.lines[i], sources[0].file, HARM_ONLY, diags);
    const struct line *exec = service_line(&installed, "ExecStart");
    if (exec && !has_word(exec->value, "run", false))
        diags_add(diags, DIAG_WARNING, exec->file, exec->number,
                  "ExecStart does not call upkeep run: only that stays in the foreground, where systemd can see it");
    unit_free(&expected);
    unit_free(&installed);
}
