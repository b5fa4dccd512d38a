#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "core/columns.h"

enum { ENVIRONMENT_COLUMN = 48 }; /* origins stand here, or behind what is longer */

/* The variables as Environment() gives them, from the manifest alone. NULL with the findings. */
static json_t *environment_offline(const struct session *session, bool reveal, struct diags *diags) {
    struct env env = {0};
    const struct manifest_app *app = manifest_find(&session->manifest, session->invocation->args[0]);
    if (!session->invocation->local->environment(&session->manifest, app, &env, diags)) {
        env_fini(&env);
        return NULL;
    }
    json_t *variables = json_array();
    for (size_t i = 0; i < env.count; i++) {
        const struct env_var *var = &env.vars[i];
        const char *value = var->assignment + var->name_len + 1;
        json_t *line = var->line > 0 ? json_integer(var->line) : json_null();
        json_t *text = reveal ? json_string(value) : json_null();
        /* What is no UTF-8 cannot be said in JSON. */
        (void)json_array_append_new(variables,
                                    json_pack("{s:s#, s:o, s:s, s:o}", "name", var->assignment, (int)var->name_len,
                                              "value", text ? text : json_null(), "origin", var->origin, "line", line));
    }
    env_fini(&env);
    return variables;
}

/* Values may hold newlines: an assignment stays one line. */
static void environment_value(const char *value, struct text *out) {
    for (size_t len = strcspn(value, "\n"); value[len]; value += len + 1, len = strcspn(value, "\n")) {
        columns_clean(value, len, out);
        text_str(out, "\\n");
    }
    columns_clean(value, strlen(value), out);
}

static void environment_line(const json_t *variable, bool reveal, struct console console, struct text *out) {
    struct text left TEXT_AUTO = {0};
    text_printf(&left, "%s=", answer_string(variable, "name", "?"));
    if (reveal)
        environment_value(answer_string(variable, "value", ""), &left);
    else
        text_str(&left, console.is_terminal ? "••••" : "****");
    size_t width = columns_count(text_get(&left), left.len);
    int gap = width + 2 < ENVIRONMENT_COLUMN ? (int)(ENVIRONMENT_COLUMN - width) : 2;
    text_printf(out, "%s%*s%s", text_get(&left), gap, "", console.colour ? "\033[2m" : "");
    const char *origin = answer_string(variable, "origin", "?");
    columns_clean(origin, strlen(origin), out);
    if (answer_int(variable, "line", 0) > 0)
        text_printf(out, ":%lld", (long long)answer_int(variable, "line", 0));
    text_str(out, console.colour ? "\033[0m\n" : "\n");
}

static void environment_show(const struct session *session, const json_t *variables) {
    bool reveal = session->invocation->options.given[OPTION_REVEAL];
    struct text out TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *variable = NULL;
    if (session->invocation->options.given[OPTION_JSON]) {
        json_t *whole = json_pack("{s:s, s:o}", "app", session->invocation->args[0], "variables",
                                  answer_complete_all(variables, ANSWER_VARIABLE));
        answer_print(whole, false, &out);
        json_decref(whole);
    } else {
        json_array_foreach(variables, i, variable) {
            environment_line(variable, reveal, console_of(STDOUT_FILENO), &out);
        }
    }
    (void)console_write(&out);
}

/* No supervisor runs: the manifest and its files say as much. */
static int environment_without(struct session *session) {
    int code = session_check_apps(session);
    if (code != CODE_DONE)
        return code;
    struct diags diags = {0};
    json_t *variables = environment_offline(session, session->invocation->options.given[OPTION_REVEAL], &diags);
    if (variables) {
        environment_show(session, variables);
    } else {
        code_findings(&diags);
        code = code_fail(CODE_FAILED, "%s: the environment cannot be made", session->invocation->args[0]);
    }
    json_decref(variables);
    diags_fini(&diags);
    return code;
}

static int environment_ask(struct session *session) {
    json_t *reply = NULL;
    int code = session_call(session, "Environment",
                            json_pack("{s:o, s:b}", "app", session_word(session->invocation->args[0]), "reveal",
                                      session->invocation->options.given[OPTION_REVEAL]),
                            SESSION_ANSWER_MS, &reply);
    if (code == CODE_DONE)
        environment_show(session, json_object_get(reply, "variables"));
    json_decref(reply);
    return code;
}

int environment_command(const struct invocation *invocation) {
    struct session session;
    int code = session_load(&session, invocation);
    if (code == CODE_DONE) {
        int error = session_connect(&session, &session.client);
        if (error == 0)
            code = environment_ask(&session);
        else
            code = session_is_absent(error) ? environment_without(&session) : session_refused(&session, error);
    }
    session_close(&session);
    return code;
}
