/* The step of upkeep deploy that touches apps: a first start, or what a running supervisor is to change. */
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/background.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/deploy.h"
#include "cli/unit.h"
#include "cli/unit_place.h"

/* With no supervisor to compare with, everything that came up is new. */
static json_t *deploy_first_changes(const json_t *instances) {
    json_t *changes = json_array();
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        if (!deploy_is_in(instance, "stopped"))
            (void)json_array_append_new(changes,
                                        json_pack("{s:s, s:s, s:s, s:[], s:[], s:s}", "app",
                                                  answer_string(instance, "app", "?"), "change", "first", "action",
                                                  "start", "keys", "variables", "why", "no supervisor was running"));
    }
    return changes;
}

enum { UNIT_WAIT_MS = 30 * 1000, UNIT_LOOK_MS = 100, UNIT_GRACE_MS = 1000 };

/* Until the supervisor that systemd starts answers. It may have been failed before, and be so still for a moment. */
static int deploy_await_unit(struct deploy *deploy, bool is_user, char *unit) {
    static char is_failed[] = "is-failed";
    const char *user = is_user ? "--user " : "";
    int64_t begun_ms = session_now_ms();
    for (;;) {
        if (session_connect(&deploy->session, &deploy->session.client) == 0)
            return CODE_DONE;
        int64_t waited_ms = session_now_ms() - begun_ms;
        if (waited_ms > UNIT_WAIT_MS || deploy_left_ms(deploy, -1) == 0)
            return code_fail(CODE_TIMED_OUT, "%s does not answer (see: systemctl %sstatus %s)", unit, user, unit);
        if (waited_ms > UNIT_GRACE_MS && unit_place_systemctl(is_user, is_failed, unit) == 0)
            return code_fail(CODE_FAILED, "%s has failed (see: systemctl %sstatus %s)", unit, user, unit);
        (void)poll(NULL, 0, UNIT_LOOK_MS);
    }
}

/* A stack that systemd is to run is started by it: it would find another supervisor in its place else. */
static int deploy_start_unit(struct deploy *deploy, bool is_user, char *unit) {
    console_end_line(); /* systemctl says for itself what it does not like */
    if (unit_place_start(is_user, unit) != 0)
        return code_fail(CODE_FAILED, "%s runs this manifest, and could not be started (use: %ssystemctl %sstart %s)",
                         unit, !is_user && geteuid() != 0 ? "sudo " : "", is_user ? "--user " : "", unit);
    deploy_touch(deploy);
    int code = deploy_await_unit(deploy, is_user, unit);
    if (code != CODE_DONE)
        return code;
    text_printf(&deploy->remark, "started by %s", unit);
    return CODE_DONE;
}

static int deploy_start_supervisor(struct deploy *deploy) {
    if (deploy->unit.name.len > 0)
        return deploy_start_unit(deploy, deploy->unit.is_of_user, deploy->unit.name.data);
    int code = background_start(&deploy->session);
    if (code == CODE_DONE)
        deploy_touch(deploy);
    return code;
}

static int deploy_start(struct deploy *deploy) {
    int code = deploy_start_supervisor(deploy);
    if (code != CODE_DONE)
        return code;
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *parameters = json_pack("{s:b, s:I}", "wait", 1, "timeout_ms", (json_int_t)left_ms);
    json_t *reply = NULL;
    code = deploy_call(deploy, "Start", parameters, left_ms, &reply);
    if (code != CODE_DONE)
        return code;
    deploy->changes = deploy_first_changes(json_object_get(reply, "instances"));
    code = deploy_take_reply(deploy, reply);
    if (code == CODE_DONE)
        code = session_judge_profile(&deploy->session, reply, "deploy");
    json_decref(reply);
    return code;
}

/* An app that was prepared and not restarted, by `upkeep prepare` or by a deployment that failed before it came to
 * that, runs what is not there any more. */
static bool deploy_is_older(const struct deploy *deploy, const char *app, const json_t *instances) {
    const json_t *instance = deploy_find(instances, app);
    int64_t good_run_ms = answer_int(deploy_find(deploy->prepared, app), "good_run_ms", -1);
    int64_t uptime_ms = answer_int(instance, "uptime_ms", -1);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return good_run_ms >= 0 && uptime_ms >= 0 && now_ms - uptime_ms < good_run_ms;
}

/* Why an app is to be started anew whatever has changed; NULL: it is not. */
static const char *deploy_renewal(const struct deploy *deploy, const char *app, const json_t *instances) {
    const char *prepared = deploy_prepared(deploy, app);
    if (prepared && strcmp(prepared, "prepared") == 0)
        return DEPLOY_PREPARED;
    if (deploy_is_older(deploy, app, instances))
        return "prepared since it was started";
    return deploy->session.invocation->options.given[OPTION_RESTART_ALL] ? "--restart-all" : NULL;
}

/* *renew_out: the caller's. */
static int deploy_find_renewals(struct deploy *deploy, json_t **renew_out) {
    const struct manifest *manifest = &deploy->session.manifest;
    json_t *status = NULL;
    int code = session_call(&deploy->session, "Status", NULL, SESSION_ANSWER_MS, &status);
    if (code != CODE_DONE)
        return code;
    *renew_out = json_object();
    for (size_t i = 0; i < manifest->app_count; i++) {
        const char *name = manifest->apps[i].name;
        const char *why = deploy_renewal(deploy, name, json_object_get(status, "instances"));
        if (why)
            (void)json_object_set_new(*renew_out, name, json_string(why));
    }
    json_decref(status);
    return CODE_DONE;
}

static int deploy_replace(struct deploy *deploy) {
    json_t *renew = NULL;
    json_t *reply = NULL;
    int code = deploy_find_renewals(deploy, &renew);
    /* A refusal comes before anything is touched: the first call has that and nothing else. */
    if (code == CODE_DONE)
        code = deploy_try(deploy, renew, &reply);
    bool is_change = code == CODE_DONE && (json_array_size(json_object_get(reply, "changes")) > 0 ||
                                           json_array_size(json_object_get(reply, "supervisor_keys")) > 0);
    if (is_change) {
        json_decref(reply);
        reply = NULL;
        deploy_touch(deploy);
        code = deploy_apply(deploy, renew, &reply);
    }
    json_decref(renew);
    if (code == CODE_DONE) {
        deploy_set(&deploy->changes, json_object_get(reply, "changes"));
        code = deploy_take_reply(deploy, reply);
    }
    json_decref(reply);
    if (!is_change)
        text_str(&deploy->remark, "nothing has changed");
    return code;
}

int deploy_start_or_apply(struct deploy *deploy) {
    int code = deploy_connect(deploy); /* it may have ended meanwhile, or been started */
    if (code != CODE_DONE)
        return code;
    return deploy->was_running ? deploy_replace(deploy) : deploy_start(deploy);
}
