#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/act.h"
#include "cli/answer.h"
#include "cli/changes.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/table.h"
#include "core/value.h"

static const struct table_column apply_columns[] = {{"app", false, 0}, {"action", false, 0}, {"because of", false, 0}};

static void apply_row(struct table *table, const json_t *change) {
    struct text why TEXT_AUTO = {0};
    changes_print_reason(change, &why);
    table_cell(table, answer_string(change, "app", "?"), NULL);
    table_cell(table, changes_action(change), changes_colour(change));
    table_cell(table, text_get(&why), NULL);
}

static bool apply_is_empty(const json_t *reply) {
    return json_array_size(json_object_get(reply, "changes")) == 0 &&
           json_array_size(json_object_get(reply, "supervisor_keys")) == 0 &&
           json_array_size(json_object_get(reply, "needs_new_supervisor")) == 0;
}

static void apply_print_time(const json_t *reply, struct text *out) {
    int64_t worst_ms = answer_int(reply, "worst_case_ms", -1);
    if (worst_ms == 0)
        return;
    if (worst_ms < 0) {
        text_str(out, "no limit to how long it may take: what starts has no ready_timeout\n");
        return;
    }
    text_str(out, "at the worst it takes ");
    value_print_elapsed(worst_ms, out);
    text_str(out, " (kill_timeout and ready_timeout along the longest chain)\n");
}

static void apply_print(const json_t *reply, struct console console, bool with_time, struct text *out) {
    if (apply_is_empty(reply)) {
        text_str(out, "nothing has changed\n");
        return;
    }
    struct table table = {.columns = apply_columns, .column_count = sizeof apply_columns / sizeof *apply_columns};
    struct text keys TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *change = NULL;
    json_array_foreach(json_object_get(reply, "changes"), i, change) {
        apply_row(&table, change);
    }
    changes_join(json_object_get(reply, "supervisor_keys"), &keys);
    if (keys.len > 0) {
        text_str(&keys, " (takes effect at once)");
        table_cell(&table, "[upkeep]", NULL);
        table_cell(&table, "goes on", NULL);
        table_cell(&table, text_get(&keys), NULL);
    }
    table_print(&table, console.width, console.colour, out);
    table_fini(&table);
    if (with_time)
        apply_print_time(reply, out);
}

static json_t *apply_json(const json_t *reply) {
    json_t *whole = json_object();
    static const char *const members[] = {"changes", "supervisor_keys", "needs_new_supervisor", "worst_case_ms",
                                          "timed_out"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *member = json_object_get(reply, members[i]);
        (void)json_object_set_new(whole, members[i], member ? json_incref(member) : json_null());
    }
    (void)json_object_set_new(whole, "supervisor",
                              answer_complete(json_object_get(reply, "supervisor"), ANSWER_SUPERVISOR));
    (void)json_object_set_new(whole, "instances",
                              answer_complete_all(json_object_get(reply, "instances"), ANSWER_INSTANCE));
    (void)json_object_set_new(whole, "failures",
                              answer_complete_all(json_object_get(reply, "failures"), ANSWER_FAILURE));
    return whole;
}

static void apply_show(const struct session *session, const json_t *reply, bool dry_run) {
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON]) {
        json_t *json = apply_json(reply);
        answer_print(json, false, &out);
        json_decref(json);
    } else {
        apply_print(reply, console_of(STDOUT_FILENO), dry_run, &out);
    }
    (void)console_write(&out);
    if (!dry_run && !session->invocation->options.given[OPTION_JSON])
        act_show_table(reply);
}

static int apply_call(struct session *session, bool dry_run, json_t **reply_out) {
    bool wait = !dry_run && !session->invocation->options.given[OPTION_NO_WAIT];
    int64_t wait_ms = session_wait_ms(session);
    json_t *parameters =
        json_pack("{s:b, s:b, s:I}", "dry_run", dry_run, "wait", wait, "timeout_ms", (json_int_t)wait_ms);
    if (!parameters)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    if (wait)
        interrupt_say("upkeep: interrupted; the supervisor goes on with it (see: upkeep status)\n");
    return session_call(session, "Apply", parameters, session_patience_ms(wait ? wait_ms : 0), reply_out);
}

/* The supervisor keeps to the profile that it was started with; one that is asked for is not passed over in silence. */
static int apply_judge_profile(struct session *session) {
    json_t *status = NULL;
    if (!session->manifest.profile)
        return CODE_DONE;
    int code = session_call(session, "Status", NULL, SESSION_ANSWER_MS, &status);
    if (code == CODE_DONE)
        code = session_judge_profile(session, status, "apply");
    json_decref(status);
    return code;
}

static int apply_in(struct session *session) {
    bool dry_run = session->invocation->options.given[OPTION_DRY_RUN];
    json_t *reply = NULL;
    int code = apply_judge_profile(session);
    if (code == CODE_DONE)
        code = apply_call(session, dry_run, &reply);
    if (code != CODE_DONE)
        return code;
    apply_show(session, reply, dry_run);
    const json_t *obstacles = json_object_get(reply, "needs_new_supervisor");
    code =
        json_array_size(obstacles) > 0 ? session_needs_new_supervisor(session, obstacles) : act_judge(session, reply);
    json_decref(reply);
    return code;
}

int apply_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = apply_in(&session);
    session_close(&session);
    return code;
}
