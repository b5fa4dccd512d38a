/* manifest_docs markdown|man TEMPLATE
 *
 * Prints the template with the key table in it: a line `@upkeep-keys@`, `@app-keys@` or `@conditions@` gives way to
 * what core says of them; `@rules@` to the rules of `upkeep check`. Everything else in the template is written by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/condition.h"
#include "core/manifest_keys.h"
#include "core/rules.h"
#include "core/text.h"

struct format {
    const char *word;
    void (*key)(const struct manifest_key *key, struct text *out);
    void (*condition)(const struct condition_help *help, struct text *out);
    void (*rule)(const struct rule_row *rule, struct text *out);
    const char *conditions_head;
};

/* What stands for a value of each type. */
static const char *const type_words[] = {
    [KEY_STRING] = "text",
    [KEY_COMMAND] = "a command",
    [KEY_COMMANDS] = "commands, one a line",
    [KEY_PATH] = "a path",
    [KEY_BOOL] = "true or false",
    [KEY_INT] = "a number",
    [KEY_PORT] = "a port, 1 to 65535",
    [KEY_MODE] = "an octal file mode",
    [KEY_OPTIONAL_INT] = "a number",
    [KEY_OPTIONAL_SIZE] = "a size, or unlimited",
    [KEY_UMASK] = "an octal mask",
    [KEY_ACCOUNT] = "a name or a number",
    [KEY_DURATION] = "a duration",
    [KEY_SIGNAL] = "a signal",
    [KEY_EXIT_SET] = "exit codes and signals",
    [KEY_NAMES] = "names of apps",
    [KEY_VARIABLES] = "names of variables",
    [KEY_RULES] = "names of rules",
    [KEY_PATHS] = "paths",
    [KEY_PATTERNS] = "patterns of files",
    [KEY_CONDITION] = "a readiness condition",
    [KEY_PROBE] = "a condition",
    [KEY_PROBES] = "conditions, one a line",
    [KEY_LOG_TARGET] = "a path",
    [KEY_LISTEN] = "addresses and paths of sockets",
    [KEY_CHOICE] = "",
    [KEY_ENV] = "KEY=VALUE, one a line",
    [KEY_ENV_FILES] = "paths",
};

static void print_type(const struct manifest_key *key, const char *quote, struct text *out) {
    const char *separator = *type_words[key->type] ? ", " : "";
    text_str(out, type_words[key->type]);
    for (const char *const *word = key->choices; word && *word; word++) {
        text_printf(out, "%s%s%s%s", separator, quote, *word, quote);
        separator = word[1] && word[2] ? ", " : " or ";
    }
}

#define LIVE "A change takes effect with `upkeep apply`, without a restart."

/* Markdown */

static void markdown_key(const struct manifest_key *key, struct text *out) {
    text_printf(out, "### `%s`\n%s. Type: ", key->name, key->summary);
    print_type(key, "`", out);
    if (key->fallback)
        text_printf(out, ". Default: `%s`.\n", key->fallback);
    else
        text_printf(out, ". Default: %s.\n", key->fallback_words ? key->fallback_words : "none");
    if (key->text)
        text_printf(out, "\n%s\n", key->text);
    if (key->effect == KEY_LIVE)
        text_str(out, "\n" LIVE "\n");
    text_printf(out, "```ini\n%s\n```\n\n", key->example);
}

static void markdown_condition(const struct condition_help *help, struct text *out) {
    text_printf(out, "| `%s` | %s |\n", help->syntax, help->text);
}

static void markdown_rule(const struct rule_row *rule, struct text *out) {
    text_printf(out, "### `%s` (%s)\nHolds when %s.\n\n%s\n\nWhat to do: %s.\n\n", rule->id,
                rule_severity_word(rule->severity), rule->summary, rule->text, rule->advice);
}

/* man(7) */

/* A backslash and, at the start of a line, a dot or quote mean something to roff; `…` is bold. */
static void man_text(const char *string, struct text *out) {
    bool is_bold = false;
    bool is_line_start = true;
    for (; *string; string++) {
        if (is_line_start && (*string == '.' || *string == '\''))
            text_str(out, "\\&");
        is_line_start = *string == '\n';
        if (*string == '`') {
            is_bold = !is_bold;
            text_str(out, is_bold ? "\\fB" : "\\fR");
        } else if (*string == '\\') {
            text_str(out, "\\e");
        } else if (*string == '-') {
            text_str(out, "\\-");
        } else if (is_line_start && string[1] == '\n') {
            text_str(out, "\n.IP"); /* paragraphs stay under their key */
        } else {
            text_char(out, *string);
        }
    }
}

static void man_key(const struct manifest_key *key, struct text *out) {
    TEXT_AUTO struct text type = {0};
    print_type(key, "`", &type);
    text_printf(out, ".TP\n.B %s\n", key->name);
    man_text(key->summary, out);
    text_str(out, ":\n");
    man_text(text_get(&type), out);
    text_str(out, ". Default: ");
    man_text(key->fallback ? key->fallback : key->fallback_words ? key->fallback_words : "none", out);
    text_str(out, ".\n");
    if (key->text) {
        man_text(key->text, out);
        text_char(out, '\n');
    }
    if (key->effect == KEY_LIVE) {
        text_str(out, ".IP\n");
        man_text(LIVE "\n", out);
    }
    text_str(out, ".IP\n.nf\n");
    man_text(key->example, out);
    text_str(out, "\n.fi\n");
}

static void man_condition(const struct condition_help *help, struct text *out) {
    text_str(out, ".TP\n.B ");
    man_text(help->syntax, out);
    text_char(out, '\n');
    man_text(help->text, out);
    text_char(out, '\n');
}

static void man_rule(const struct rule_row *rule, struct text *out) {
    text_printf(out, ".TP\n.BR %s \" (%s)\"\n", rule->id, rule_severity_word(rule->severity));
    man_text(rule->summary, out);
    text_char(out, '\n');
}

static const struct format formats[] = {
    {"markdown", markdown_key, markdown_condition, markdown_rule,
     "| condition | the app is ready when |\n| --- | --- |\n"},
    {"man", man_key, man_condition, man_rule, ""},
};

/* Templates */

static void end_paragraphs(struct text *out) {
    while (out->len > 1 && out->data[out->len - 1] == '\n' && out->data[out->len - 2] == '\n')
        out->data[--out->len] = '\0';
}

static void print_keys(const struct format *format, const struct manifest_key *keys, struct text *out) {
    for (; keys->name; keys++)
        format->key(keys, out);
    end_paragraphs(out);
}

static void print_rules(const struct format *format, struct text *out) {
    for (size_t i = 0; i < rule_count; i++)
        format->rule(&rule_rows[i], out);
    end_paragraphs(out);
}

static void print_conditions(const struct format *format, struct text *out) {
    text_str(out, format->conditions_head);
    const struct condition_help *help;
    for (size_t i = 0; (help = condition_help(i)); i++)
        format->condition(help, out);
}

static void print_line(const struct format *format, const char *line, struct text *out) {
    if (strcmp(line, "@upkeep-keys@\n") == 0)
        print_keys(format, manifest_supervisor_keys, out);
    else if (strcmp(line, "@app-keys@\n") == 0)
        print_keys(format, manifest_app_keys, out);
    else if (strcmp(line, "@conditions@\n") == 0)
        print_conditions(format, out);
    else if (strcmp(line, "@rules@\n") == 0)
        print_rules(format, out);
    else
        text_str(out, line);
}

static int fill(const struct format *format, const char *path) {
    FILE *template = fopen(path, "re");
    if (!template) {
        fprintf(stderr, "cannot open %s\n", path);
        return EXIT_FAILURE;
    }
    TEXT_AUTO struct text out = {0};
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, template) > 0)
        print_line(format, line, &out);
    free(line);
    (void)fclose(template);
    return !out.failed && fputs(text_get(&out), stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 3 && i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(argv[1], formats[i].word) == 0)
            return fill(&formats[i], argv[2]);
    fprintf(stderr, "takes markdown|man TEMPLATE\n");
    return EXIT_FAILURE;
}
