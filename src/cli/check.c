#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "cli/unit.h"

static json_t *check_json(const struct session *session) {
    const struct diags *diags = &session->diags;
    json_t *findings = json_array();
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->list[i];
        (void)json_array_append_new(findings,
                                    json_pack("{s:s, s:o, s:o, s:o}", "severity", findings_words[diag->severity],
                                              "file", diag->file ? session_word(diag->file) : json_null(), "line",
                                              diag->line > 0 ? json_integer(diag->line) : json_null(), "text",
                                              session_word(diag->text)));
    }
    return json_pack("{s:o, s:b, s:I, s:I, s:o}", "manifest", session_word(session->path), "ok", diags->errors == 0,
                     "errors", (json_int_t)diags->errors, "dropped", (json_int_t)diags->dropped, "findings", findings);
}

static void check_people(const struct session *session, struct text *out) {
    const struct diags *diags = &session->diags;
    findings_print(diags, STDOUT_FILENO, out);
    if (diags->errors == 0)
        text_printf(out, "%s: nothing stands against a start of %zu app%s\n", session->path,
                    session->manifest.app_count, session->manifest.app_count == 1 ? "" : "s");
}

/* A manifest with errors is what check is for: it is a finding like the others. */
static int check_all(struct session *session) {
    if (session->diags.errors == 0) {
        int code = session_check_apps(session);
        if (code != CODE_DONE)
            return code;
        session->invocation->local->check(&session->manifest, session->invocation->args, session->invocation->arg_count,
                                          &session->diags);
    }
    if (session->diags.errors == 0 && session->invocation->options.given[OPTION_UNIT]) {
        int code = unit_compare(session, &session->diags);
        if (code != CODE_DONE)
            return code;
    }
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON]) {
        json_t *whole = check_json(session);
        answer_print(whole, false, &out);
        json_decref(whole);
    } else {
        check_people(session, &out);
    }
    (void)console_write(&out);
    if (session->diags.errors == 0)
        return CODE_DONE;
    return code_fail(CODE_FAILED, "%s: %zu error%s would make a start fail", session->path, session->diags.errors,
                     session->diags.errors == 1 ? "" : "s");
}

int check_command(const struct invocation *invocation) {
    struct session session;
    int code = session_read(&session, invocation);
    if (code == CODE_DONE)
        code = check_all(&session);
    session_close(&session);
    return code;
}
