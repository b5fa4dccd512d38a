#include "cli/help.h"

#include <string.h>

#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/manual.h"

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

static void help_option(const struct option_row *row, struct text *out) {
    struct text left TEXT_AUTO = {0};
    if (row->letter)
        text_printf(&left, "  -%c, --%s", row->letter, row->name);
    else
        text_printf(&left, "      --%s", row->name);
    if (row->argument)
        text_printf(&left, " %s", row->argument);
    text_append(out, text_get(&left), left.len);
    size_t at = left.len;
    if (at + 2 > HELP_COLUMN) {
        text_char(out, '\n');
        at = 0;
    }
    help_wrap(row->text, at, HELP_COLUMN, out);
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
    text_str(out, "\nMore: upkeep help COMMAND, man upkeep, man upkeep.ini\n");
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
    return help_unknown(name);
}

int help_unknown(const char *name) {
    const char *nearest = commands_nearest(name);
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
