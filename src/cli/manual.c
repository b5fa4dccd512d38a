#include "cli/manual.h"

#include <string.h>

#include "cli/code.h"
#include "cli/commands.h"
#include "cli/help.h"

/* One part that no table holds: paragraphs separated by '\n', in both manual and markdown. */
struct part {
    const char *title;
    const char *text;
};

static const struct part manual_before = {
    "Description",
    "upkeep keeps the processes of one application stack running: typically a backend and a frontend, with their "
    "helpers. One manifest, upkeep.ini, serves a developer's terminal, a machine under a service manager and a "
    "container; upkeep.ini(5) says what can be written there.\n"
    "The supervisor is the process of upkeep run (which upkeep start begins in the background). All other commands "
    "talk to it through its control socket, or need none.\n"
    "The manifest is the one named with -f, else by UPKEEP_MANIFEST, else the upkeep.ini of this folder or of the "
    "nearest folder above it. -f is understood before the command's name everywhere, and after it except in logs and "
    "events, where it means --follow.",
};

static const struct part manual_after[] = {
    {"Waiting",
     "start, stop, restart and wait return when all that was asked for has come out one way or the other, or with exit "
     "code 5 after --timeout (a duration with its unit: 90s, 5m), which is 5m by default. Neither a time-out nor "
     "Ctrl-C "
     "takes back what was asked for: the supervisor goes on with it. Ctrl-C ends the command with exit code 1."},
    {"Output",
     "On a terminal, tables are fitted to its width and states are coloured; NO_COLOR and TERM=dumb turn colours off. "
     "Elsewhere nothing is cut or coloured. A failed start or crash is shown as a card: the cause, the last lines that "
     "the app wrote, where its log is, what happens next and when.\n"
     "JSON is stable: fields are only ever added, and those that have no value are null. status --json prints one "
     "object "
     "with supervisor and instances, events --json one object a line with time, app, instance, from, to, why, pid, "
     "exit_code and exit_signal; with status --watch --json there is one object a line. The fields are those of the "
     "control interface, io.upkeep.Supervisor.\n"
     "check prints FILE:LINE: severity: app: text for each finding, and below it what to do. Its exit code is 1 when "
     "there is an error, one in the "
     "manifest too; all other commands end with 2 when the manifest has errors. Commands that only talk to a running "
     "supervisor go on with a note then, so that it stays in reach while the file is edited."},
};

static const struct part manual_environment[] = {
    {"UPKEEP_MANIFEST", "the manifest, where -f is not given"},
    {"UPKEEP_PROFILE", "the profile, where --profile is not given"},
    {"NO_COLOR", "no colours, when it is not empty"},
    {"TERM", "no colours and no redrawing, when it is empty or dumb"},
    {"COLUMNS, LINES", "the size of a terminal that does not tell it"},
};

static const struct part manual_files[] = {
    {"upkeep.ini", "the manifest"},
    {"RUNTIME_DIR/control.sock",
     "the control socket (.upkeep in the root folder, where the manifest says nothing else)"},
    {"RUNTIME_DIR/lock", "held while a supervisor runs"},
    {"RUNTIME_DIR/supervisor.log",
     "what a supervisor that upkeep start began has to say; longer than 1 MiB, it is put aside as supervisor.log.1 at "
     "the next start"},
};

enum { OPTIONS_HIDDEN = OPTION_BIT(OPTION_STARTED_FD) };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- man -------------------------------------------------------------------------------------------------------- */

/* Appends text for roff: a backslash and a hyphen are written as what they are, and no line begins with a dot. */
static void manual_man_text(const char *string, struct text *out) {
    for (const char *c = string; *c; c++) {
        if (*c == '\n')
            text_str(out, "\n.PP\n");
        else if (*c == '\\')
            text_str(out, "\\e");
        else if (*c == '-')
            text_str(out, "\\-");
        else if (*c == '.' && (c == string || c[-1] == '\n'))
            text_str(out, "\\&.");
        else
            text_char(out, *c);
    }
}

static void manual_man_section(const char *title, struct text *out) {
    text_str(out, ".SH ");
    for (const char *c = title; *c; c++)
        text_char(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    text_char(out, '\n');
}

static void manual_man_part(const struct part *part, struct text *out) {
    manual_man_section(part->title, out);
    manual_man_text(part->text, out);
    text_char(out, '\n');
}

static void manual_man_item(const char *tag, const char *string, struct text *out) {
    text_str(out, ".TP\n.B ");
    manual_man_text(tag, out);
    text_char(out, '\n');
    manual_man_text(string, out);
    text_char(out, '\n');
}

static void manual_man_options(unsigned set, struct text *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (!(set & (1U << i)) || !row->text)
            continue;
        struct text tag TEXT_AUTO = {0};
        if (row->letter)
            text_printf(&tag, "-%c, ", row->letter);
        text_printf(&tag, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        manual_man_item(text_get(&tag), row->text, out);
    }
}

static void manual_man_command(const struct command *command, struct text *out) {
    struct text usage TEXT_AUTO = {0};
    help_usage(command, &usage);
    text_str(out, ".SS ");
    manual_man_text(text_get(&usage), out);
    text_char(out, '\n');
    if (command->alias)
        text_printf(out, "(also: upkeep %s)\n.br\n", command->alias);
    manual_man_text(command->text, out);
    text_char(out, '\n');
    manual_man_options(command->options, out);
}

static void manual_man_list(const char *title, const struct part *parts, size_t count, struct text *out) {
    manual_man_section(title, out);
    for (size_t i = 0; i < count; i++)
        manual_man_item(parts[i].title, parts[i].text, out);
}

static void manual_man(struct text *out) {
    text_str(out, ".\\\" Written by `upkeep help --format man`; do not edit.\n"
                  ".TH UPKEEP 1 \"\" \"upkeep " UPKEEP_VERSION "\" \"User Commands\"\n"
                  ".SH NAME\nupkeep \\- keep the processes of an application stack running\n"
                  ".SH SYNOPSIS\n.B upkeep\n[\\fB\\-f\\fR \\fIMANIFEST\\fR] [\\fB\\-\\-profile\\fR \\fIPROFILE\\fR]\n"
                  ".I COMMAND\n[\\fIOPTIONS\\fR] [\\fIAPP\\fR...]\n");
    manual_man_part(&manual_before, out);
    manual_man_section("Options", out);
    manual_man_options(OPTIONS_GLOBAL, out);
    manual_man_section("Commands", out);
    for (size_t i = 0; i < command_count; i++)
        manual_man_command(&commands[i], out);
    for (size_t i = 0; i < COUNT(manual_after); i++)
        manual_man_part(&manual_after[i], out);
    manual_man_section("Exit status", out);
    for (size_t i = 0; i < code_count; i++)
        manual_man_item((char[]){(char)('0' + i), '\0'}, code_meaning[i], out);
    manual_man_list("Environment", manual_environment, COUNT(manual_environment), out);
    manual_man_list("Files", manual_files, COUNT(manual_files), out);
    text_str(out, ".SH SEE ALSO\n.BR upkeep.ini (5)\n");
}

/* ---- markdown --------------------------------------------------------------------------------------------------- */

static void manual_markdown_text(const char *string, struct text *out) {
    for (const char *c = string; *c; c++) {
        if (*c == '\n')
            text_str(out, "\n\n");
        else if (strchr("<>*_|", *c))
            text_printf(out, "\\%c", *c);
        else
            text_char(out, *c);
    }
}

static void manual_markdown_part(const struct part *part, struct text *out) {
    text_printf(out, "## %s\n\n", part->title);
    manual_markdown_text(part->text, out);
    text_str(out, "\n\n");
}

static void manual_markdown_options(unsigned set, struct text *out) {
    set &= ~(unsigned)OPTIONS_HIDDEN;
    if (set == 0)
        return;
    text_str(out, "| option | meaning |\n| --- | --- |\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (!(set & (1U << i)))
            continue;
        text_str(out, "| ");
        if (row->letter)
            text_printf(out, "`-%c`, ", row->letter);
        text_printf(out, "`--%s%s%s` | ", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
        manual_markdown_text(row->text, out);
        text_str(out, " |\n");
    }
    text_char(out, '\n');
}

static void manual_markdown_command(const struct command *command, struct text *out) {
    text_printf(out, "### `%s`\n\n", command->name);
    struct text usage TEXT_AUTO = {0};
    help_usage(command, &usage);
    text_printf(out, "    %s\n\n", text_get(&usage));
    if (command->alias)
        text_printf(out, "Also: `upkeep %s`.\n\n", command->alias);
    manual_markdown_text(command->text, out);
    text_str(out, "\n\n");
    manual_markdown_options(command->options, out);
}

static void manual_markdown_list(const char *title, const struct part *parts, size_t count, struct text *out) {
    text_printf(out, "## %s\n\n| | |\n| --- | --- |\n", title);
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "| `%s` | ", parts[i].title);
        manual_markdown_text(parts[i].text, out);
        text_str(out, " |\n");
    }
    text_char(out, '\n');
}

static void manual_markdown(struct text *out) {
    text_str(out, "<!-- Written by `upkeep help --format markdown`; do not edit. -->\n\n# The upkeep command\n\n"
                  "    upkeep [-f MANIFEST] [--profile PROFILE] COMMAND [OPTIONS] [APP...]\n\n");
    manual_markdown_part(&manual_before, out);
    text_str(out, "## Options\n\n");
    manual_markdown_options(OPTIONS_GLOBAL, out);
    text_str(out, "## Commands\n\n");
    for (size_t i = 0; i < command_count; i++)
        manual_markdown_command(&commands[i], out);
    for (size_t i = 0; i < COUNT(manual_after); i++)
        manual_markdown_part(&manual_after[i], out);
    text_str(out, "## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (size_t i = 0; i < code_count; i++)
        text_printf(out, "| %zu | %s |\n", i, code_meaning[i]);
    text_char(out, '\n');
    manual_markdown_list("Environment", manual_environment, COUNT(manual_environment), out);
    manual_markdown_list("Files", manual_files, COUNT(manual_files), out);
    /* One newline at the end is enough. */
    out->data[--out->len] = '\0';
}

/* ---- completion ------------------------------------------------------------------------------------------------- */

static void manual_completion_options(unsigned set, struct text *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (set & (1U << i) && option_rows[i].text)
            text_printf(out, " --%s", option_rows[i].name);
}

static bool manual_completion_takes_app(const struct command *command) {
    return strstr(command->arguments, "APP") != NULL;
}

/* The apps are those of the nearest upkeep.ini: reading its section headers is cheap and needs no supervisor. */
static void manual_bash(struct text *out) {
    text_str(out, "# bash completion for upkeep, written by `upkeep help --format bash`\n"
                  "_upkeep_apps() {\n"
                  "    local dir=$PWD file=${UPKEEP_MANIFEST-}\n"
                  "    while [[ -z $file && -n $dir ]]; do\n"
                  "        [[ -f $dir/upkeep.ini ]] && file=$dir/upkeep.ini\n"
                  "        dir=${dir%/*}\n"
                  "    done\n"
                  "    [[ -r $file ]] && sed -n 's/^\\[app:\\([A-Za-z0-9_-]*\\)\\].*/\\1/p' \"$file\"\n"
                  "}\n"
                  "_upkeep() {\n"
                  "    local word=${COMP_WORDS[COMP_CWORD]} command='' words='' i\n"
                  "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "        case ${COMP_WORDS[i]} in\n"
                  "        -f | -p | --manifest | --profile) ((i++)) ;;\n"
                  "        -*) ;;\n"
                  "        *)\n"
                  "            command=${COMP_WORDS[i]}\n"
                  "            break\n"
                  "            ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    case $command in\n"
                  "    '') words='");
    for (size_t i = 0; i < command_count; i++)
        text_printf(out, "%s%s", i > 0 ? " " : "", commands[i].name);
    manual_completion_options(OPTIONS_GLOBAL, out);
    text_str(out, "' ;;\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        text_printf(out, "    %s%s%s) words=\"", command->name, command->alias ? " | " : "",
                    command->alias ? command->alias : "");
        text_str(out, manual_completion_takes_app(command) ? "$(_upkeep_apps)" : "");
        manual_completion_options(command->options | OPTION_BIT(OPTION_HELP), out);
        text_str(out, "\" ;;\n");
    }
    text_str(out, "    esac\n"
                  "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                  "}\n"
                  "complete -o default -F _upkeep upkeep\n");
}

/* zsh runs bash's. */
static void manual_zsh(struct text *out) {
    text_str(out, "#compdef upkeep\n"
                  "# zsh completion for upkeep, written by `upkeep help --format zsh`\n"
                  "_upkeep_apps() {\n"
                  "    local dir=$PWD file=${UPKEEP_MANIFEST-}\n"
                  "    while [[ -z $file && -n $dir ]]; do\n"
                  "        [[ -f $dir/upkeep.ini ]] && file=$dir/upkeep.ini\n"
                  "        dir=${dir%/*}\n"
                  "    done\n"
                  "    local -a apps\n"
                  "    [[ -r $file ]] && apps=(${(f)\"$(sed -n 's/^\\[app:\\([A-Za-z0-9_-]*\\)\\].*/\\1/p' $file)\"})\n"
                  "    compadd -a apps\n"
                  "}\n"
                  "_upkeep() {\n"
                  "    local -a names\n"
                  "    names=(\n");
    for (size_t i = 0; i < command_count; i++)
        text_printf(out, "        \"%s:%s\"\n", commands[i].name, commands[i].summary);
    text_str(out, "    )\n"
                  "    if ((CURRENT == 2)); then\n"
                  "        _describe command names\n"
                  "        return\n"
                  "    fi\n"
                  "    case $words[2] in\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        text_printf(out, "    %s%s%s)", command->name, command->alias ? " | " : "",
                    command->alias ? command->alias : "");
        text_str(out, manual_completion_takes_app(command) ? " _upkeep_apps;" : "");
        text_str(out, " compadd --");
        manual_completion_options(command->options | OPTION_BIT(OPTION_HELP), out);
        text_str(out, " ;;\n");
    }
    text_str(out, "    esac\n"
                  "}\n"
                  "_upkeep \"$@\"\n");
}

/* ----------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*print)(struct text *out);
} manual_formats[] = {
    {"man", manual_man},
    {"markdown", manual_markdown},
    {"bash", manual_bash},
    {"zsh", manual_zsh},
};

bool manual_print(const char *format, struct text *out) {
    for (size_t i = 0; i < COUNT(manual_formats); i++) {
        if (strcmp(manual_formats[i].name, format) == 0) {
            manual_formats[i].print(out);
            return true;
        }
    }
    return false;
}
