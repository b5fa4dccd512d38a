/* The steps of upkeep deploy, over what check, prepare, apply, start and wait are made of. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/act.h"
#include "cli/answer.h"
#include "cli/background.h"
#include "cli/check.h"
#include "cli/code.h"
#include "cli/deploy.h"
#include "cli/findings.h"
#include "cli/prepare.h"
#include "core/columns.h"
#include "core/value.h"

enum { DEPLOY_TICK_MS = 500 };

#define REASON_PREPARED "prepared anew"
#define REASON_ALL "--restart-all"

/* ---- what is prepared -------------------------------------------------------------------------------------------- */

static bool deploy_is_written(const struct manifest_app *app, const char *key) {
    const char *text = manifest_setting(app, key).text;
    return text && text[strspn(text, " \t\n")] != '\0';
}

static bool deploy_has_prepare(const struct manifest_app *app) {
    return deploy_is_written(app, "prepare");
}

static bool deploy_prepares_any(const struct manifest *manifest) {
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_has_prepare(&manifest->apps[i]))
            return true;
    return false;
}

static bool is_same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* An app's own prepare lines may mend it, or those of another in the same folder: two that share a virtual environment
 * need to install it once. */
static bool deploy_is_mendable(const struct diag *diag, void *context) {
    const struct manifest *manifest = context;
    const struct manifest_app *of = diag->app ? manifest_find(manifest, diag->app) : NULL;
    if (!of || !rule_rows[diag->rule].prepare_mends)
        return false;
    const char *cwd = manifest_setting(of, "cwd").text;
    for (size_t i = 0; i < manifest->app_count; i++) {
        const struct manifest_app *app = &manifest->apps[i];
        if (deploy_has_prepare(app) && is_same_text(manifest_setting(app, "cwd").text, cwd))
            return true;
    }
    return false;
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

static const char *deploy_plural(size_t count) {
    return count == 1 ? "" : "s";
}

static void deploy_show_findings(struct deploy *deploy) {
    struct text out TEXT_AUTO = {0};
    findings_print(&deploy->session.diags, fileno(deploy->out), &out);
    deploy_show(deploy, &out);
}

static int deploy_judge_manifest(struct deploy *deploy) {
    const struct diags *diags = &deploy->session.diags;
    if (diags->errors == 0)
        return CODE_DONE;
    deploy_show_findings(deploy);
    return code_fail(CODE_USAGE, "%s has %zu error%s", deploy->session.path, diags->errors,
                     deploy_plural(diags->errors));
}

/* Errors are shown when they are met, warnings once: when all is known. */
static int deploy_judge_findings(struct deploy *deploy, bool is_all_known) {
    const struct diags *diags = &deploy->session.diags;
    bool is_strict = deploy->session.invocation->options.given[OPTION_STRICT];
    bool is_bad = diags->errors > 0 || (is_strict && diags->warnings > 0);
    if (is_bad || is_all_known)
        deploy_show_findings(deploy);
    if (diags->errors > 0)
        return code_fail(CODE_FAILED, "%zu error%s would make a start fail", diags->errors,
                         deploy_plural(diags->errors));
    if (is_bad)
        return code_fail(CODE_FAILED, "%zu warning%s, and --strict takes none", diags->warnings,
                         deploy_plural(diags->warnings));
    if (diags->warnings > 0)
        text_printf(&deploy->remark, "%zu warning%s", diags->warnings, deploy_plural(diags->warnings));
    return CODE_DONE;
}

/* What one user builds may be of no use to another. Apps with a user of their own are prepared as that one. */
static void deploy_compare_users(struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    struct text apps TEXT_AUTO = {0};
    if (getsockopt(upkeep_client_fd(deploy->session.client), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
        peer.uid == geteuid())
        return;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_has_prepare(&manifest->apps[i]) && !deploy_is_written(&manifest->apps[i], "user"))
            text_printf(&apps, "%s%s", apps.len > 0 ? ", " : "", manifest->apps[i].name);
    const struct passwd *theirs = getpwuid(peer.uid);
    if (apps.len == 0)
        return;
    deploy_break_line(deploy);
    code_note(
        "the supervisor runs as %s (uid %u), and what is prepared of %s will belong to uid %u (deploy as that user, "
        "or give the app a user)",
        theirs ? theirs->pw_name : "another user", (unsigned)peer.uid, text_get(&apps), (unsigned)geteuid());
}

/* Anew at each call: the supervisor closes a connection that is idle for as long as a build takes. */
static int deploy_connect(struct deploy *deploy) {
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

/* A call that may take its time: meanwhile its line says how far it has come. parameters: taken over. */
static int deploy_call(struct deploy *deploy, const char *method, json_t *parameters, int64_t wait_ms,
                       json_t **reply_out) {
    struct session *session = &deploy->session;
    int64_t end_ms = session_now_ms() + session_patience_ms(wait_ms);
    bool more = false;
    if (!parameters)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    int code = session_send(session, session->client, method, parameters, false);
    if (code != CODE_DONE)
        return code;
    for (;;) {
        int64_t left_ms = end_ms - session_now_ms();
        bool is_last = !deploy->is_line_open || left_ms <= DEPLOY_TICK_MS;
        int64_t patience_ms = !is_last ? DEPLOY_TICK_MS : left_ms > 0 ? left_ms : 0;
        code = session_receive(session, session->client, session_clamp_ms(patience_ms), !is_last, reply_out, &more);
        if (is_last || code != CODE_TIMED_OUT)
            return code;
        deploy_show_progress(deploy);
    }
}

/* Apply with everything that is to be renewed; *reply_out is the caller's. */
static int deploy_apply(struct deploy *deploy, bool dry_run, json_t *renew, json_t **reply_out) {
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *parameters = json_pack("{s:b, s:b, s:b, s:I, s:O}", "dry_run", dry_run, "wait", !dry_run, "complete", 1,
                                   "timeout_ms", (json_int_t)left_ms, "renew", renew);
    return deploy_call(deploy, "Apply", parameters, dry_run ? 0 : left_ms, reply_out);
}

/* A supervisor of another profile would take another manifest than the one that is looked at. */
static int deploy_judge_profile(const struct deploy *deploy, const json_t *reply) {
    const char *theirs = answer_string(json_object_get(reply, "supervisor"), "profile", NULL);
    const char *ours = deploy->session.manifest.profile;
    if (is_same_text(theirs, ours))
        return CODE_DONE;
    return code_fail(CODE_FAILED,
                     "the supervisor runs %s%s, and this is to deploy %s%s (use the same, or: upkeep shutdown)",
                     theirs ? "the profile " : "without a profile", theirs ? theirs : "",
                     ours ? "the profile " : "without one", ours ? ours : "");
}

/* What only the supervisor can tell. What is to be prepared counts as renewed: what is missing of it is put off. */
static int deploy_ask_supervisor(struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    json_t *renew = json_object();
    json_t *reply = NULL;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_has_prepare(&manifest->apps[i]))
            (void)json_object_set_new(renew, manifest->apps[i].name, json_string(REASON_PREPARED));
    int code = deploy_apply(deploy, true, renew, &reply);
    json_decref(renew);
    if (code != CODE_DONE)
        return code;
    const json_t *obstacles = json_object_get(reply, "needs_new_supervisor");
    code = deploy_judge_profile(deploy, reply);
    if (code == CODE_DONE && json_array_size(obstacles) > 0)
        code = session_needs_new_supervisor(&deploy->session, obstacles);
    json_decref(reply);
    return code;
}

static int deploy_check(struct deploy *deploy) {
    struct session *session = &deploy->session;
    int refusal = deploy_connect(deploy);
    int code = deploy_judge_manifest(deploy);
    if (code != CODE_DONE || refusal != CODE_DONE)
        return code != CODE_DONE ? code : refusal;
    if (deploy->was_running)
        deploy_compare_users(deploy);
    code = check_look(session);
    if (code != CODE_DONE)
        return code;
    size_t put_off = diags_take_out(&session->diags, deploy_is_mendable, &session->manifest);
    code = deploy_judge_findings(deploy, !deploy_prepares_any(&session->manifest));
    if (code == CODE_DONE && put_off > 0)
        text_printf(&deploy->remark, "%s%zu finding%s put off until prepare has run",
                    deploy->remark.len > 0 ? ", " : "", put_off, deploy_plural(put_off));
    return code == CODE_DONE && deploy->was_running ? deploy_ask_supervisor(deploy) : code;
}

/* ---- prepare ----------------------------------------------------------------------------------------------------- */

static const char *deploy_idle_prepare(const struct deploy *deploy) {
    return deploy_prepares_any(&deploy->session.manifest) ? NULL : "no app has prepare lines";
}

static int deploy_prepare(struct deploy *deploy) {
    const struct options *options = &deploy->session.invocation->options;
    struct prepare_manner manner = {.if_needed = options->given[OPTION_IF_NEEDED],
                                    .limit_ms = deploy_left_ms(deploy, -1),
                                    .is_quiet = options->given[OPTION_JSON]};
    struct prepare prepare;
    deploy_break_line(deploy);
    int code = prepare_apps(&deploy->session, NULL, 0, manner, &prepare);
    deploy->prepared = prepare_json(&prepare);
    deploy->is_interrupted = prepare.signal != 0 && prepare.signal != SIGALRM;
    if (code == CODE_DONE && deploy->is_interrupted)
        code = code_fail(CODE_FAILED, "interrupted by %s", value_signal_name(prepare.signal));
    size_t done = prepare_count(&prepare, PREPARE_DONE);
    size_t skipped = prepare_count(&prepare, PREPARE_SKIPPED);
    text_printf(&deploy->remark, "%zu app%s prepared", done, deploy_plural(done));
    if (skipped > 0)
        text_printf(&deploy->remark, ", %zu skipped", skipped);
    prepare_fini(&prepare);
    return code;
}

/* `prepared`, `skipped` … ; NULL: it has nothing to prepare. */
const char *deploy_prepared(const struct deploy *deploy, const char *app) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(deploy->prepared, i, item) {
        if (strcmp(answer_string(item, "app", ""), app) == 0)
            return answer_string(item, "outcome", NULL);
    }
    return NULL;
}

/* ---- check again ------------------------------------------------------------------------------------------------- */

/* What was prepared may have written the manifest or a dotenv file, too. */
static int deploy_read_again(struct deploy *deploy) {
    struct session *session = &deploy->session;
    struct session again;
    int code = session_read(&again, session->invocation);
    if (code == CODE_DONE) {
        struct manifest manifest = session->manifest;
        struct diags diags = session->diags;
        session->manifest = again.manifest;
        session->diags = again.diags;
        again.manifest = manifest;
        again.diags = diags;
    }
    session_close(&again);
    return code == CODE_DONE ? deploy_judge_manifest(deploy) : code;
}

static int deploy_check_again(struct deploy *deploy) {
    struct session *session = &deploy->session;
    int code = deploy_read_again(deploy);
    if (code == CODE_DONE)
        code = check_look(session);
    return code == CODE_DONE ? deploy_judge_findings(deploy, true) : code;
}

/* ---- apply, or start --------------------------------------------------------------------------------------------- */

static void deploy_set(json_t **known, json_t *value) {
    json_decref(*known);
    *known = value ? json_incref(value) : NULL;
}

/* What a reply says of the apps is kept, and judged. */
static int deploy_take_reply(struct deploy *deploy, json_t *reply) {
    deploy_set(&deploy->instances, json_object_get(reply, "instances"));
    deploy_set(&deploy->failures, json_object_get(reply, "failures"));
    if (json_array_size(deploy->failures) > 0)
        deploy_break_line(deploy);
    return act_judge(&deploy->session, reply);
}

static bool is_down(const json_t *instance) {
    return strcmp(answer_string(instance, "state", ""), "stopped") == 0;
}

/* With no supervisor to compare with, everything that came up is new. */
static json_t *deploy_first_changes(const json_t *instances) {
    json_t *changes = json_array();
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        if (!is_down(instance))
            (void)json_array_append_new(changes,
                                        json_pack("{s:s, s:s, s:s, s:[], s:[], s:s}", "app",
                                                  answer_string(instance, "app", "?"), "change", "first", "action",
                                                  "start", "keys", "variables", "why", "no supervisor was running"));
    }
    return changes;
}

static int deploy_start(struct deploy *deploy) {
    struct session *session = &deploy->session;
    int code = background_start(session);
    if (code != CODE_DONE)
        return code;
    deploy_touch(deploy);
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *parameters = json_pack("{s:b, s:I}", "wait", 1, "timeout_ms", (json_int_t)left_ms);
    json_t *reply = NULL;
    code = deploy_call(deploy, "Start", parameters, left_ms, &reply);
    if (code != CODE_DONE)
        return code;
    deploy->changes = deploy_first_changes(json_object_get(reply, "instances"));
    code = deploy_take_reply(deploy, reply);
    json_decref(reply);
    return code;
}

/* What is to be started anew whatever has changed, and why. */
static json_t *deploy_renewals(const struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    bool is_all = deploy->session.invocation->options.given[OPTION_RESTART_ALL];
    json_t *renew = json_object();
    for (size_t i = 0; i < manifest->app_count; i++) {
        const char *name = manifest->apps[i].name;
        const char *prepared = deploy_prepared(deploy, name);
        bool is_prepared = prepared && strcmp(prepared, "prepared") == 0;
        if (is_prepared || is_all)
            (void)json_object_set_new(renew, name, json_string(is_prepared ? REASON_PREPARED : REASON_ALL));
    }
    return renew;
}

static int deploy_replace(struct deploy *deploy) {
    json_t *renew = deploy_renewals(deploy);
    json_t *reply = NULL;
    /* A refusal comes before anything is touched: the first call has that and nothing else. */
    int code = deploy_apply(deploy, true, renew, &reply);
    if (code == CODE_DONE && json_array_size(json_object_get(reply, "needs_new_supervisor")) > 0)
        code = session_needs_new_supervisor(&deploy->session, json_object_get(reply, "needs_new_supervisor"));
    bool is_change = code == CODE_DONE && (json_array_size(json_object_get(reply, "changes")) > 0 ||
                                           json_array_size(json_object_get(reply, "supervisor_keys")) > 0);
    if (is_change) {
        json_decref(reply);
        reply = NULL;
        deploy_touch(deploy);
        code = deploy_apply(deploy, false, renew, &reply);
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

static int deploy_apply_step(struct deploy *deploy) {
    int code = deploy_connect(deploy); /* it may have ended meanwhile, or been started */
    if (code != CODE_DONE)
        return code;
    return deploy->was_running ? deploy_replace(deploy) : deploy_start(deploy);
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

static bool is_settled(const json_t *instance) {
    const char *state = answer_string(instance, "state", "");
    return strcmp(state, "ready") == 0 || strcmp(state, "done") == 0;
}

/* What the last answer said. A supervisor whose work is done may have ended since. */
static const char *deploy_idle_wait(const struct deploy *deploy) {
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        if (!is_down(instance) && !is_settled(instance))
            return NULL;
    }
    return "everything is";
}

/* Everything that is up, or to be: also what was left alone, which may not have been ready. */
static int deploy_wait(struct deploy *deploy) {
    json_t *apps = json_array();
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        if (!is_down(instance))
            (void)json_array_append_new(apps, json_string(answer_string(instance, "name", "")));
    }
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *reply = NULL;
    json_t *parameters = json_pack("{s:o, s:I}", "apps", apps, "timeout_ms", (json_int_t)left_ms);
    int code = deploy_call(deploy, "Wait", parameters, left_ms, &reply);
    if (code == CODE_DONE)
        code = deploy_take_reply(deploy, reply);
    json_decref(reply);
    return code;
}

/* ---- verify ------------------------------------------------------------------------------------------------------ */

static const char *deploy_idle_verify(const struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_is_written(&manifest->apps[i], "health") || deploy_is_written(&manifest->apps[i], "verify"))
            return NULL;
    return "no app has health or verify conditions";
}

/* The first that does not hold is the reason; all of them are shown. */
static int deploy_judge_results(struct deploy *deploy) {
    struct text lines TEXT_AUTO = {0};
    const json_t *first = NULL;
    size_t bad = 0;
    size_t i = 0;
    const json_t *result = NULL;
    json_array_foreach(deploy->results, i, result) {
        if (answer_bool(result, "ok"))
            continue;
        bad++;
        first = first ? first : result;
        text_printf(&lines, "%s: %s: ", answer_string(result, "app", "?"), answer_string(result, "condition", "?"));
        const char *answer = answer_string(result, "answer", "no answer");
        columns_clean(answer, strlen(answer), &lines);
        text_char(&lines, '\n');
    }
    deploy_show(deploy, &lines);
    size_t count = json_array_size(deploy->results);
    text_printf(&deploy->remark, "%zu condition%s hold%s", count, deploy_plural(count), count == 1 ? "s" : "");
    if (bad == 0)
        return CODE_DONE;
    struct text more TEXT_AUTO = {0};
    if (bad > 1)
        text_printf(&more, " (and %zu more)", bad - 1);
    return code_fail(CODE_FAILED, "%s: %s: %s%s", answer_string(first, "app", "?"),
                     answer_string(first, "condition", "?"), answer_string(first, "answer", "no answer"),
                     text_get(&more));
}

static int deploy_verify(struct deploy *deploy) {
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *reply = NULL;
    int code = deploy_call(deploy, "Verify", json_pack("{s:I}", "timeout_ms", (json_int_t)left_ms), left_ms, &reply);
    if (code != CODE_DONE)
        return code;
    deploy_set(&deploy->results, json_object_get(reply, "results"));
    json_decref(reply);
    code = deploy_judge_results(deploy);
    return code != CODE_DONE && deploy_left_ms(deploy, -1) == 0 ? CODE_TIMED_OUT : code;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

const struct deploy_step deploy_steps[] = {
    {"check", "what can be checked while the old stack runs", NULL, deploy_check},
    {"prepare", "install and build", deploy_idle_prepare, deploy_prepare},
    {"check-again", "everything, now that it is installed and built", deploy_idle_prepare, deploy_check_again},
    {"apply", "start what is new and replace what has changed", NULL, deploy_apply_step},
    {"wait", "until everything is ready", deploy_idle_wait, deploy_wait},
    {"verify", "whether it does what it is for", deploy_idle_verify, deploy_verify},
};
const size_t deploy_step_count = sizeof deploy_steps / sizeof *deploy_steps;
