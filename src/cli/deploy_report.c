/* What upkeep deploy shows: a line for each step, the table at the end, or all of it as JSON. */
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/changes.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/deploy.h"
#include "cli/findings.h"
#include "cli/instances.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "core/columns.h"
#include "core/value.h"

enum { DEPLOY_LOOK_MS = 1000 };

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void deploy_write(struct deploy *deploy, const struct text *text) {
    if (deploy->out == stdout) {
        (void)console_write(text);
        return;
    }
    (void)fputs(text_get(text), deploy->out);
    (void)fflush(deploy->out);
}

void deploy_show(struct deploy *deploy, const struct text *lines) {
    if (lines->len == 0)
        return;
    console_end_line();
    deploy_write(deploy, lines);
}

static void deploy_print_head(const struct deploy *deploy, struct text *out) {
    text_printf(out, "[%zu/%zu] %s: ", (size_t)(deploy->step - deploy_steps) + 1, deploy_step_count,
                deploy->step->name);
}

/* On a terminal the next line takes the place of this one, unless something is shown between; it must not wrap then. */
static void deploy_write_open(struct deploy *deploy, const struct text *line) {
    struct console console = console_of(fileno(deploy->out));
    struct text out TEXT_AUTO = {0};
    if (console_has_line())
        text_str(&out, CONSOLE_CLEAR_LINE);
    if (console.can_move) {
        columns_cut(text_get(line), console.width > 1 ? console.width - 1 : 1, &out);
        console_hold_line(deploy->out);
    } else {
        text_printf(&out, "%s\n", text_get(line));
    }
    deploy_write(deploy, &out);
}

static void deploy_begin_line(struct deploy *deploy) {
    struct text line TEXT_AUTO = {0};
    deploy_print_head(deploy, &line);
    text_str(&line, deploy->step->about);
    deploy_write_open(deploy, &line);
}

void deploy_begin_step(struct deploy *deploy) {
    text_clear(&deploy->remark);
    deploy->step_began_ms = session_now_ms();
    deploy_begin_line(deploy);
}

/* `: web starting, api waiting` */
static void deploy_print_under_way(const json_t *instances, struct text *out) {
    const char *separator = ": ";
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        if (deploy_is_in(instance, "ready") || deploy_is_in(instance, "done") || deploy_is_in(instance, "stopped"))
            continue;
        text_printf(out, "%s%s %s", separator, answer_string(instance, "name", "?"),
                    answer_string(instance, "state", "?"));
        separator = ", ";
    }
}

/* By the watcher, as the other connection waits. NULL when there is no answer: it is only to be looked at. */
static json_t *deploy_watch_status(struct deploy *deploy) {
    json_t *reply = NULL;
    bool more = false;
    if (!deploy->watcher && session_connect(&deploy->session, &deploy->watcher) < 0)
        return NULL;
    if (session_send(&deploy->session, deploy->watcher, "Status", NULL, false) == CODE_DONE &&
        session_receive(&deploy->session, deploy->watcher, DEPLOY_LOOK_MS, true, &reply, &more) == CODE_DONE)
        return reply;
    upkeep_client_free(deploy->watcher);
    deploy->watcher = NULL;
    return NULL;
}

void deploy_show_progress(struct deploy *deploy) {
    json_t *reply = console_has_line() ? deploy_watch_status(deploy) : NULL;
    if (!reply)
        return;
    struct text line TEXT_AUTO = {0};
    deploy_print_head(deploy, &line);
    value_print_elapsed(session_now_ms() - deploy->step_began_ms, &line);
    deploy_print_under_way(json_object_get(reply, "instances"), &line);
    json_decref(reply);
    deploy_write_open(deploy, &line);
}

enum deploy_outcome { DEPLOY_DONE, DEPLOY_SKIPPED, DEPLOY_FAILED };
static const struct {
    const char *word;
    const char *colour;
} deploy_outcomes[] = {
    [DEPLOY_DONE] = {"done", "\033[32m"},
    [DEPLOY_SKIPPED] = {"skipped", "\033[2m"},
    [DEPLOY_FAILED] = {"failed", "\033[1;31m"},
};

/* more: what there is to say besides; may be "". */
static void deploy_end_line(struct deploy *deploy, enum deploy_outcome outcome, int64_t elapsed_ms, const char *more) {
    bool colour = console_of(fileno(deploy->out)).colour;
    struct text line TEXT_AUTO = {0};
    if (console_has_line())
        text_str(&line, CONSOLE_CLEAR_LINE);
    console_drop_line();
    deploy_print_head(deploy, &line);
    text_printf(&line, "%s%s%s", colour ? deploy_outcomes[outcome].colour : "", deploy_outcomes[outcome].word,
                colour ? "\033[0m" : "");
    if (outcome != DEPLOY_SKIPPED) {
        text_str(&line, " after ");
        value_print_elapsed(elapsed_ms, &line);
    }
    text_printf(&line, "%s%s\n", more[0] ? ": " : "", more);
    deploy_write(deploy, &line);
    (void)json_array_append_new(deploy->steps,
                                json_pack("{s:s, s:s, s:I, s:o}", "step", deploy->step->name, "outcome",
                                          deploy_outcomes[outcome].word, "elapsed_ms", (json_int_t)elapsed_ms, "text",
                                          more[0] ? session_word(more) : json_null()));
}

void deploy_end_step(struct deploy *deploy, int code) {
    bool is_done = code == CODE_DONE;
    deploy_end_line(deploy, is_done ? DEPLOY_DONE : DEPLOY_FAILED, session_now_ms() - deploy->step_began_ms,
                    text_get(is_done ? &deploy->remark : &deploy->reason));
}

void deploy_skip_step(struct deploy *deploy, const char *why) {
    deploy_end_line(deploy, DEPLOY_SKIPPED, 0, why);
}

/* ---- how things stand -------------------------------------------------------------------------------------------- */

enum { DEPLOY_NAMES = 6 }; /* apps that one line names of those of one action */

/* Appends the apps of which this was done: `; restarted: web, api`. */
static void deploy_print_done(const struct deploy *deploy, const char *action, const char *words, struct text *out) {
    size_t count = 0;
    size_t i = 0;
    const json_t *change = NULL;
    json_array_foreach(deploy->changes, i, change) {
        if (strcmp(answer_string(change, "action", ""), action) != 0)
            continue;
        if (count++ < DEPLOY_NAMES)
            text_printf(out, "%s%s", count == 1 ? words : ", ", answer_string(change, "app", "?"));
    }
    if (count > DEPLOY_NAMES)
        text_printf(out, " and %zu more", count - DEPLOY_NAMES);
}

/* What did not stay up while we looked on was ended by others; so was a supervisor that is no more. */
static bool deploy_runs_as_before(const struct deploy *deploy, bool is_interrupted) {
    return deploy->was_running && (is_interrupted || deploy->step->run != deploy_wait);
}

void deploy_print_standing(const struct deploy *deploy, bool is_interrupted, struct text *out) {
    bool has_rollback = deploy->session.invocation->options.given[OPTION_ROLLBACK_COMMAND];
    if (!deploy->is_touched)
        text_printf(out, "; nothing was touched%s",
                    deploy_runs_as_before(deploy, is_interrupted) ? ", the stack runs as before" : "");
    else if (is_interrupted)
        text_str(out, "; the supervisor goes on with it (see: upkeep status)");
    else if (!deploy->changes)
        text_str(out, "; apps may have been replaced (see: upkeep status)");
    deploy_print_done(deploy, "start", "; started: ", out);
    deploy_print_done(deploy, "restart", "; restarted: ", out);
    deploy_print_done(deploy, "stop", "; stopped: ", out);
    if (is_interrupted && has_rollback)
        text_str(out, "; the rollback command is not run");
}

void deploy_arm_interrupt(struct deploy *deploy) {
    deploy->interrupted_in_use = !deploy->interrupted_in_use;
    struct text *sentence = &deploy->interrupted[deploy->interrupted_in_use].sentence;
    struct text *json = &deploy->interrupted[deploy->interrupted_in_use].json;
    text_clear(sentence);
    text_clear(json);
    text_printf(sentence, "%supkeep: deploy interrupted in %s", console_has_line() ? "\n" : "", deploy->step->name);
    deploy_print_standing(deploy, true, sentence);
    text_char(sentence, '\n');
    if (deploy->session.invocation->options.given[OPTION_JSON]) {
        deploy_print_json(deploy, CODE_FAILED, "interrupted", json);
        interrupt_answer(text_get(json));
    }
    interrupt_say(text_get(sentence));
}

void deploy_touch(struct deploy *deploy) {
    deploy->is_touched = true;
    deploy_arm_interrupt(deploy);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct table_column deploy_columns[] = {
    {"app", false, 0}, {"done", false, 0}, {"state", false, 0}, {"up", true, 1}, {"because of", false, 0}};

/* Why an app is as it was. */
static const char *deploy_why_left(const struct deploy *deploy, const char *app, const json_t *instance) {
    if (deploy_is_in(instance, "stopped"))
        return "it does not start by itself";
    return deploy_prepared(deploy, app) ? "nothing has changed, nor what it is prepared from"
                                        : "nothing has changed, and nothing prepares it";
}

/* An app of the manifest, or one that was in it: instance is NULL then. */
static void deploy_row(const struct deploy *deploy, struct table *table, const char *app, const json_t *instance) {
    const json_t *change = deploy_find(deploy->changes, app);
    const char *state = instance ? answer_string(instance, "state", "?") : "gone";
    struct text why TEXT_AUTO = {0};
    struct text up TEXT_AUTO = {0};
    if (change)
        changes_print_reason(change, &why);
    else
        text_str(&why, deploy_why_left(deploy, app, instance));
    if (answer_int(instance, "uptime_ms", -1) >= 0)
        value_print_elapsed(answer_int(instance, "uptime_ms", 0), &up);
    else
        text_char(&up, '-');
    table_cell(table, instance ? answer_string(instance, "name", app) : app, NULL);
    table_cell(table, change ? changes_action(change) : "left alone", change ? changes_colour(change) : NULL);
    table_cell(table, state, instances_colour(state));
    table_cell(table, text_get(&up), NULL);
    table_cell(table, text_get(&why), NULL);
}

void deploy_show_summary(struct deploy *deploy) {
    struct console console = console_of(fileno(deploy->out));
    struct table table = {.columns = deploy_columns, .column_count = sizeof deploy_columns / sizeof *deploy_columns};
    struct text out TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(deploy->instances, i, item) {
        deploy_row(deploy, &table, answer_string(item, "app", "?"), item);
    }
    json_array_foreach(deploy->changes, i, item) {
        const char *app = answer_string(item, "app", "?");
        if (!deploy_find(deploy->instances, app))
            deploy_row(deploy, &table, app, NULL);
    }
    if (table.cell_count > 0)
        table_print(&table, console.width, console.colour, &out);
    table_fini(&table);
    deploy_show(deploy, &out);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *deploy_or_null(json_t *value) {
    return value ? json_incref(value) : json_null();
}

void deploy_print_json(const struct deploy *deploy, int code, const char *why, struct text *out) {
    const struct session *session = &deploy->session;
    bool is_good = code == CODE_DONE;
    json_t *whole = json_object();
    const struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"manifest", session->path ? session_word(session->path) : json_null()},
        {"ok", json_boolean(is_good)},
        {"exit_code", json_integer(code)},
        {"failed_step", is_good ? json_null() : json_string(deploy->step->name)},
        {"why", is_good ? json_null() : session_word(why)},
        {"replaced", json_boolean(deploy->is_touched)},
        {"elapsed_ms", json_integer(session_now_ms() - deploy->began_ms)},
        {"steps", json_incref(deploy->steps)},
        {"findings", findings_json(&session->diags)},
        {"prepared", deploy_or_null(deploy->prepared)},
        {"changes", deploy_or_null(deploy->changes)},
        {"instances", deploy->instances ? answer_complete_all(deploy->instances, ANSWER_INSTANCE) : json_null()},
        {"failures", answer_complete_all(deploy->failures, ANSWER_FAILURE)},
        {"verified", deploy_or_null(deploy->results)},
        {"rollback", deploy_or_null(deploy->rollback)},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        (void)json_object_set_new(whole, members[i].name, members[i].value);
    answer_print(whole, false, out);
    json_decref(whole);
}
