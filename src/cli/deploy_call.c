/* What several steps of upkeep deploy need. */
#include <errno.h>
#include <string.h>

#include "cli/act.h"
#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/deploy.h"

enum { DEPLOY_TICK_MS = 500 };

int64_t deploy_left_ms(const struct deploy *deploy, int64_t limit_ms) {
    if (deploy->deadline_ms == INT64_MAX)
        return limit_ms;
    int64_t left_ms = deploy->deadline_ms - session_now_ms();
    return left_ms > 0 ? left_ms : 0;
}

bool deploy_is_written(const struct manifest_app *app, const char *key) {
    const char *text = manifest_setting(app, key).text;
    return text && text[strspn(text, " \t\n")] != '\0';
}

const json_t *deploy_find(const json_t *list, const char *app) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item) {
        if (strcmp(answer_string(item, "app", ""), app) == 0)
            return item;
    }
    return NULL;
}

const char *deploy_prepared(const struct deploy *deploy, const char *app) {
    return answer_string(deploy_find(deploy->prepared, app), "outcome", NULL);
}

bool deploy_is_in(const json_t *instance, const char *state) {
    return strcmp(answer_string(instance, "state", ""), state) == 0;
}

int deploy_connect(struct deploy *deploy) {
    struct session *session = &deploy->session;
    upkeep_client_free(session->client);
    upkeep_client_free(deploy->watcher);
    session->client = NULL;
    deploy->watcher = NULL;
    int error = session_connect(session, &session->client);
    deploy->was_running = error == 0;
    bool is_free = error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR;
    return error == 0 || is_free ? CODE_DONE : session_refused(session, error);
}

int deploy_call(struct deploy *deploy, const char *method, json_t *parameters, int64_t wait_ms, json_t **reply_out) {
    struct session *session = &deploy->session;
    int64_t end_ms = session_now_ms() + session_patience_ms(wait_ms);
    if (wait_ms == 0 && end_ms > deploy->deadline_ms) /* the supervisor keeps to the time itself where it is to wait */
        end_ms = deploy->deadline_ms;
    bool more = false;
    if (!parameters)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    int code = session_send(session, session->client, method, parameters, false);
    if (code != CODE_DONE)
        return code;
    for (;;) {
        int64_t left_ms = end_ms - session_now_ms();
        bool is_last = !console_has_line() || left_ms <= DEPLOY_TICK_MS;
        int64_t patience_ms = !is_last ? DEPLOY_TICK_MS : left_ms > 0 ? left_ms : 0;
        code = session_receive(session, session->client, session_clamp_ms(patience_ms), !is_last, reply_out, &more);
        if (is_last || code != CODE_TIMED_OUT)
            return code;
        deploy_show_progress(deploy);
    }
}

/* dry_run: what would be done. */
static int deploy_call_apply(struct deploy *deploy, bool dry_run, json_t *renew, json_t **reply_out) {
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *parameters = json_pack("{s:b, s:b, s:b, s:I, s:O}", "dry_run", dry_run, "wait", !dry_run, "complete", 1,
                                   "timeout_ms", (json_int_t)left_ms, "renew", renew);
    return deploy_call(deploy, "Apply", parameters, dry_run ? 0 : left_ms, reply_out);
}

int deploy_apply(struct deploy *deploy, json_t *renew, json_t **reply_out) {
    return deploy_call_apply(deploy, false, renew, reply_out);
}

int deploy_try(struct deploy *deploy, json_t *renew, json_t **reply_out) {
    int code = deploy_call_apply(deploy, true, renew, reply_out);
    if (code != CODE_DONE)
        return code;
    const json_t *obstacles = json_object_get(*reply_out, "needs_new_supervisor");
    code = session_judge_profile(&deploy->session, *reply_out, "deploy");
    if (code == CODE_DONE && json_array_size(obstacles) > 0)
        code = session_needs_new_supervisor(&deploy->session, obstacles);
    return code;
}

void deploy_set(json_t **known, json_t *value) {
    json_decref(*known);
    *known = value ? json_incref(value) : NULL;
}

int deploy_take_reply(struct deploy *deploy, json_t *reply) {
    deploy_set(&deploy->instances, json_object_get(reply, "instances"));
    deploy_set(&deploy->failures, json_object_get(reply, "failures"));
    return act_judge(&deploy->session, reply);
}
