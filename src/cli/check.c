#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/check.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/unit.h"

static json_t *check_json(const struct session *session, bool is_ok) {
    const struct diags *diags = &session->diags;
    return json_pack("{s:o, s:b, s:I, s:I, s:I, s:o}", "manifest", session_word(session->path), "ok", is_ok, "errors",
                     (json_int_t)diags->errors, "warnings", (json_int_t)diags->warnings, "dropped",
                     (json_int_t)diags->dropped, "findings", findings_json(diags));
}

static void check_people(const struct session *session, struct text *out) {
    const struct diags *diags = &session->diags;
    findings_print(diags, STDOUT_FILENO, out);
    if (diags->errors > 0)
        return;
    text_printf(out, "%s%s: nothing stands against a start of %zu app%s", out->len > 0 ? "\n" : "", session->path,
                session->manifest.app_count, text_plural(session->manifest.app_count));
    if (diags->warnings > 0)
        text_printf(out, " (%zu warning%s)", diags->warnings, text_plural(diags->warnings));
    text_char(out, '\n');
}

/* The exit code, having said why. */
static int check_verdict(const struct session *session, bool is_strict) {
    const struct diags *diags = &session->diags;
    if (diags->errors > 0)
        return code_fail(CODE_FAILED, "%s: %zu error%s would make a start fail", session->path, diags->errors,
                         text_plural(diags->errors));
    if (is_strict && diags->warnings > 0)
        return code_fail(CODE_FAILED, "%s: %zu warning%s, and --strict takes none", session->path, diags->warnings,
                         text_plural(diags->warnings));
    return CODE_DONE;
}

/* With --unit the installed unit has to be as upkeep unit makes it; else one that is there must do no harm. */
static int check_unit(struct session *session) {
    size_t before = session->diags.count;
    bool is_strict = session->invocation->options.given[OPTION_UNIT];
    int code = is_strict ? unit_compare(session, &session->diags) : unit_look(session, &session->diags);
    for (size_t i = before; i < session->diags.count; i++)
        session->diags.list[i].rule = RULE_UNIT;
    return code;
}

int check_look(struct session *session) {
    const struct invocation *invocation = session->invocation;
    invocation->local->check(&session->manifest, invocation->args, invocation->arg_count, &session->diags);
    return check_unit(session);
}

/* A manifest with errors is what check is for: it is a finding like the others. */
static int check_all(struct session *session) {
    if (session->diags.errors == 0) {
        int code = session_check_apps(session);
        if (code != CODE_DONE)
            return code;
        code = check_look(session);
        if (code != CODE_DONE)
            return code;
    }
    const struct options *options = &session->invocation->options;
    bool is_strict = options->given[OPTION_STRICT];
    struct text out TEXT_AUTO = {0};
    if (options->given[OPTION_JSON]) {
        json_t *whole = check_json(session, session->diags.errors == 0 && !(is_strict && session->diags.warnings > 0));
        answer_print(whole, false, &out);
        json_decref(whole);
    } else {
        check_people(session, &out);
    }
    (void)console_write(&out);
    return check_verdict(session, is_strict);
}

static void check_rules_json(struct text *out) {
    json_t *rules = json_array();
    for (size_t i = 0; i < rule_count; i++)
        (void)json_array_append_new(rules, json_pack("{s:s, s:s, s:s, s:s, s:s}", "rule", rule_rows[i].id, "severity",
                                                     rule_severity_word(rule_rows[i].severity), "summary",
                                                     rule_rows[i].summary, "advice", rule_rows[i].advice, "text",
                                                     rule_rows[i].text));
    json_t *whole = json_pack("{s:o}", "rules", rules);
    answer_print(whole, false, out);
    json_decref(whole);
}

static void check_rules_people(struct text *out) {
    static const struct table_column columns[] = {{"RULE", false, 0}, {"SEVERITY", false, 0}, {"HOLDS WHEN", false, 0}};
    struct console console = console_of(STDOUT_FILENO);
    struct table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    for (size_t i = 0; i < rule_count; i++) {
        table_cell(&table, rule_rows[i].id, NULL);
        table_cell(&table, rule_severity_word(rule_rows[i].severity), NULL);
        table_cell(&table, rule_rows[i].summary, NULL);
    }
    table_print(&table, console.width, console.colour, out);
    table_fini(&table);
}

static int check_rules(bool as_json) {
    struct text out TEXT_AUTO = {0};
    if (as_json)
        check_rules_json(&out);
    else
        check_rules_people(&out);
    (void)console_write(&out);
    return CODE_DONE;
}

int check_command(const struct invocation *invocation) {
    if (invocation->options.given[OPTION_LIST_RULES])
        return check_rules(invocation->options.given[OPTION_JSON]);
    struct session session;
    int code = session_read(&session, invocation);
    if (code == CODE_DONE)
        code = check_all(&session);
    session_close(&session);
    return code;
}
