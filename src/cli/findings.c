#include "cli/findings.h"

#include <string.h>

#include "cli/console.h"
#include "cli/session.h"
#include "core/columns.h"

static const char *const findings_colours[] = {
    [DIAG_NOTE] = "\033[36m",
    [DIAG_WARNING] = "\033[33m",
    [DIAG_ERROR] = "\033[1;31m",
};

/* `FILE:LINE: warning: APP: text [rule]`, and below it what to do. What cannot be silenced needs no id, and of a line
 * that is not understood the finding says all there is. */
static void findings_one(const struct diag *diag, bool colour, struct text *out) {
    const struct rule_row *rule = &rule_rows[diag->rule];
    if (diag->file)
        text_printf(out, "%s:", diag->file);
    if (diag->file && diag->line > 0)
        text_printf(out, "%u:", diag->line);
    text_printf(out, "%s%s%s:%s ", diag->file ? " " : "", colour ? findings_colours[diag->severity] : "",
                rule_severity_word(diag->severity), colour ? "\033[0m" : "");
    if (diag->app)
        text_printf(out, "%s: ", diag->app);
    columns_clean(diag->text, strlen(diag->text), out);
    if (rule->severity != DIAG_ERROR)
        text_printf(out, " [%s]", rule->id);
    text_char(out, '\n');
    const char *advice = diag->advice ? diag->advice : diag->rule == RULE_MANIFEST ? NULL : rule->advice;
    if (!advice)
        return;
    text_str(out, "    → ");
    columns_clean(advice, strlen(advice), out);
    text_char(out, '\n');
}

static bool is_of_app(const struct diag *diag, const char *app) {
    return diag->app && app ? strcmp(diag->app, app) == 0 : diag->app == app;
}

/* The findings of one app (NULL: of none), set off from those before. */
static void findings_group(const struct diags *diags, const char *app, bool colour, struct text *out) {
    bool is_first = out->len > 0;
    for (size_t i = 0; i < diags->count; i++) {
        if (!is_of_app(&diags->list[i], app))
            continue;
        if (is_first)
            text_char(out, '\n');
        is_first = false;
        findings_one(&diags->list[i], colour, out);
    }
}

static bool is_first_of_app(const struct diags *diags, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (is_of_app(&diags->list[i], diags->list[index].app))
            return false;
    return true;
}

void findings_print(const struct diags *diags, int fd, struct text *out) {
    bool colour = console_of(fd).colour;
    findings_group(diags, NULL, colour, out);
    for (size_t i = 0; i < diags->count; i++)
        if (diags->list[i].app && is_first_of_app(diags, i))
            findings_group(diags, diags->list[i].app, colour, out);
    if (diags->dropped > 0)
        text_printf(out, "and %zu more\n", diags->dropped);
}

static json_t *findings_word(const char *word) {
    return word ? session_word(word) : json_null();
}

static json_t *findings_json_one(const struct diag *diag) {
    const struct rule_row *rule = &rule_rows[diag->rule];
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "severity", rule_severity_word(diag->severity), "rule",
                     rule->id, "app", findings_word(diag->app), "file", findings_word(diag->file), "line",
                     diag->line > 0 ? json_integer(diag->line) : json_null(), "text", session_word(diag->text),
                     "advice", session_word(diag->advice ? diag->advice : rule->advice));
}

json_t *findings_json(const struct diags *diags) {
    json_t *findings = json_array();
    for (size_t i = 0; i < diags->count; i++)
        (void)json_array_append_new(findings, findings_json_one(&diags->list[i]));
    return findings;
}

void findings_print_to(FILE *stream, const struct diags *diags) {
    struct text out TEXT_AUTO = {0};
    findings_print(diags, fileno(stream), &out);
    (void)fflush(stdout);
    (void)fputs(text_get(&out), stream);
}
