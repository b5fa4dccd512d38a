#include "cli/help.h"

#include <string.h>

#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/manual.h"
#include "core/condition.h"
#include "core/manifest_keys.h"

enum { HELP_COLUMN = 24, HELP_WIDTH = 80 };

/* Appends words at column `indent`, wrapped; the first line goes on where the text stands, at column `at`. */
static void help_wrap(const char *words, size_t at, size_t indent, struct text *out) {
    while (*words) {
        size_t len = strcspn(words, " \n");
        if (at > indent && at + 1 + len > HELP_WIDTH) {
            text_char(out, '\n');
            at = 0;
        }
        if (at < indent)
            text_printf(out, "%*s", (int)(indent - at), "");
        if (at > indent)
            text_char(out, ' ');
        at = (at > indent ? at + 1 : indent) + len;
        text_append(out, words, len);
        words += len;
        if (*words == '\n') {
            text_char(out, '\n');
            at = 0;
        }
        words += strspn(words, " \n");
    }
    text_char(out, '\n');
}

/* What stands in the left column, and its meaning in the right one; below it where it is too long. */
static void help_row(const struct text *left, const char *meaning, struct text *out) {
    text_append(out, text_get(left), left->len);
    size_t at = left->len;
    if (at + 2 > HELP_COLUMN) {
        text_char(out, '\n');
        at = 0;
    }
    help_wrap(meaning, at, HELP_COLUMN, out);
}

static void help_option(const struct option_row *row, struct text *out) {
    struct text left TEXT_AUTO = {0};
    if (row->letter)
        text_printf(&left, "  -%c, --%s", row->letter, row->name);
    else
        text_printf(&left, "      --%s", row->name);
    if (row->argument)
        text_printf(&left, " %s", row->argument);
    help_row(&left, row->text, out);
}

/* A letter that the command uses itself does not mean the global option after it. */
static void help_options(unsigned set, struct text *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (set & (1U << i) && option_rows[i].text)
            help_option(&option_rows[i], out);
}

static bool help_has_options(const struct command *command) {
    return command->options & ~OPTION_BIT(OPTION_STARTED_FD);
}

/* ---- the keys of upkeep.ini ------------------------------------------------------------------------------------- */

static const struct {
    const char *section;
    const struct manifest_key *keys;
} help_tables[] = {
    {"[app:NAME] or [defaults]", manifest_app_keys},
    {"[upkeep]", manifest_supervisor_keys},
};
enum { HELP_TABLES = sizeof help_tables / sizeof *help_tables };

static void help_conditions(struct text *out) {
    text_str(out, "\nreadiness:\n");
    const struct condition_help *help;
    for (size_t i = 0; (help = condition_help(i)); i++) {
        struct text left TEXT_AUTO = {0};
        text_printf(&left, "  %s", help->syntax);
        help_row(&left, help->text, out);
    }
}

/* Appends nothing, and returns false, for what is no key. */
static bool help_key(const char *name, struct text *out) {
    for (size_t i = 0; i < HELP_TABLES; i++) {
        const struct manifest_key *key = manifest_key_find(help_tables[i].keys, name);
        if (!key)
            continue;
        const char *fallback = key->fallback ? key->fallback : key->fallback_words ? key->fallback_words : "none";
        text_printf(out, "%s: a key of upkeep.ini in %s\n\n", name, help_tables[i].section);
        struct text words TEXT_AUTO = {0};
        text_printf(&words, "%s.%s%s\nDefault: %s.", key->summary, key->text ? "\n" : "", key->text ? key->text : "",
                    fallback);
        help_wrap(text_get(&words), 0, 0, out);
        if (key->type == KEY_CONDITION)
            help_conditions(out);
        if (key->example)
            text_str(out, "\nexample:\n");
        for (const char *line = key->example; line && *line;) {
            size_t len = strcspn(line, "\n");
            text_printf(out, "%s%.*s\n", len > 0 ? "  " : "", (int)len, line);
            line += len + (line[len] == '\n');
        }
        return true;
    }
    return false;
}

static void help_keys(struct text *out) {
    text_str(out, "upkeep.ini has sections, and in them these keys, as KEY = VALUE. A section of a\n"
                  "profile ([app:web@staging]) is taken too with --profile.\n");
    for (size_t i = 0; i < HELP_TABLES; i++) {
        text_printf(out, "\n%s:\n", help_tables[i].section);
        for (const struct manifest_key *key = help_tables[i].keys; key->name; key++) {
            struct text left TEXT_AUTO = {0};
            text_printf(&left, "  %s", key->name);
            help_row(&left, key->summary, out);
        }
    }
    text_str(out, "\nexample:\n"
                  "  [defaults]\n"
                  "  env_file = .env\n"
                  "\n"
                  "  [app:backend]\n"
                  "  cwd = backend\n"
                  "  command = .venv/bin/uvicorn app:app --port ${PORT}\n"
                  "  port = 14200\n"
                  "  ready = http://127.0.0.1:14200/health\n"
                  "\n"
                  "More: upkeep help KEY, man upkeep.ini\n");
}

/* ----------------------------------------------------------------------------------------------------------------- */

void help_usage(const struct command *command, struct text *out) {
    text_printf(out, "upkeep %s%s%s%s", command->name, help_has_options(command) ? " [OPTIONS]" : "",
                command->arguments[0] ? " " : "", command->arguments);
}

void help_overview(struct text *out) {
    text_str(out, "upkeep keeps the processes of an application stack running, as upkeep.ini says.\n\n"
                  "usage: upkeep [-f MANIFEST] [--profile PROFILE] COMMAND [OPTIONS] [APP...]\n\ncommands:\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        struct text left TEXT_AUTO = {0};
        text_printf(&left, "  %s %s", command->name, command->arguments);
        text_append(out, text_get(&left), left.len);
        help_wrap(command->summary, left.len, HELP_COLUMN, out);
    }
    text_str(out, "\noptions:\n");
    help_options(OPTIONS_GLOBAL, out);
    text_str(out, "\nexit codes:\n");
    for (size_t i = 0; i < code_count; i++)
        text_printf(out, "  %zu  %s\n", i, code_meaning[i]);
    text_str(out, "\nMore: upkeep help COMMAND, upkeep help keys (of upkeep.ini), man upkeep\n");
}

void help_of(const struct command *command, struct text *out) {
    text_str(out, "usage: ");
    help_usage(command, out);
    if (command->alias)
        text_printf(out, "\n       also: upkeep %s", command->alias);
    text_str(out, "\n\n");
    help_wrap(command->text, 0, 0, out);
    if (help_has_options(command)) {
        text_str(out, "\noptions:\n");
        help_options(command->options, out);
    }
    struct text key TEXT_AUTO = {0};
    if (help_key(command->name, &key))
        text_printf(out, "\n%s", text_get(&key));
}

static int help_show(const struct text *out) {
    (void)console_write(out);
    return CODE_DONE;
}

int help_command(const struct invocation *invocation) {
    struct text out TEXT_AUTO = {0};
    const char *format = invocation->options.word[OPTION_FORMAT];
    if (format) {
        if (manual_print(format, &out))
            return help_show(&out);
        return code_fail(CODE_USAGE, "unknown format %s: man, markdown, bash or zsh", format);
    }
    if (invocation->arg_count == 0) {
        help_overview(&out);
        return help_show(&out);
    }
    const char *name = invocation->args[0];
    const struct command *command = commands_find(name);
    if (command) {
        help_of(command, &out);
        return help_show(&out);
    }
    if (strcmp(name, "keys") == 0 || strcmp(name, "upkeep.ini") == 0) {
        help_keys(&out);
        return help_show(&out);
    }
    return help_key(name, &out) ? help_show(&out) : help_unknown(name);
}

int help_unknown(const char *name) {
    const char *ours = commands_elsewhere(name);
    if (ours)
        return code_fail(CODE_USAGE, "unknown command %s (here: %s)", name, ours);
    for (size_t i = 0; i < HELP_TABLES; i++)
        if (manifest_key_find(help_tables[i].keys, name))
            return code_fail(CODE_USAGE, "unknown command %s (it is a key of upkeep.ini, see: upkeep help %s)", name,
                             name);
    const char *nearest = commands_nearest(name);
    struct text key TEXT_AUTO = {0};
    if (!nearest && manifest_key_hint(manifest_app_keys, name, &key))
        return code_fail(CODE_USAGE, "unknown command %s%s", name, text_get(&key));
    if (nearest)
        return code_fail(CODE_USAGE, "unknown command %s (did you mean %s?)", name, nearest);
    return code_fail(CODE_USAGE, "unknown command %s (see: upkeep help)", name);
}

int help_version(const struct invocation *invocation) {
    (void)invocation;
    struct text out TEXT_AUTO = {0};
    text_str(&out, "upkeep " UPKEEP_VERSION "\n");
    return help_show(&out);
}
