/* What upkeep deploy does before it touches anything: check, prepare, check again. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/check.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/deploy.h"
#include "cli/findings.h"
#include "cli/prepare.h"
#include "core/value.h"

/* ---- what is prepared -------------------------------------------------------------------------------------------- */

static bool deploy_has_prepare(const struct manifest_app *app) {
    return deploy_is_written(app, "prepare");
}

static bool deploy_prepares_any(const struct manifest *manifest) {
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_has_prepare(&manifest->apps[i]))
            return true;
    return false;
}

static const char *deploy_folder(const struct manifest_app *app) {
    return deploy_is_written(app, "cwd") ? manifest_setting(app, "cwd").text : ".";
}

/* By its own prepare lines, or by those of another app in the same folder: two that share a virtual environment need to
 * install it once. */
static bool deploy_is_built(const struct manifest *manifest, const struct manifest_app *of) {
    for (size_t i = 0; i < manifest->app_count; i++) {
        const struct manifest_app *app = &manifest->apps[i];
        if (deploy_has_prepare(app) && strcmp(deploy_folder(app), deploy_folder(of)) == 0)
            return true;
    }
    return false;
}

static bool deploy_is_mendable(const struct diag *diag, void *context) {
    const struct manifest *manifest = context;
    const struct manifest_app *of = diag->app ? manifest_find(manifest, diag->app) : NULL;
    return of && rule_rows[diag->rule].prepare_mends && deploy_is_built(manifest, of);
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

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
    return code_fail(CODE_USAGE, "%s has %zu error%s", deploy->session.path, diags->errors, text_plural(diags->errors));
}

/* Errors are shown when they are met, warnings once: when all is known. */
static int deploy_judge_findings(struct deploy *deploy, bool is_all_known) {
    const struct diags *diags = &deploy->session.diags;
    bool is_strict = deploy->session.invocation->options.given[OPTION_STRICT];
    bool is_bad = diags->errors > 0 || (is_strict && diags->warnings > 0);
    if (is_bad || is_all_known)
        deploy_show_findings(deploy);
    if (diags->errors > 0)
        return code_fail(CODE_FAILED, "%zu error%s would make a start fail", diags->errors, text_plural(diags->errors));
    if (is_bad)
        return code_fail(CODE_FAILED, "%zu warning%s, and --strict takes none", diags->warnings,
                         text_plural(diags->warnings));
    if (diags->warnings > 0)
        text_printf(&deploy->remark, "%zu warning%s", diags->warnings, text_plural(diags->warnings));
    return CODE_DONE;
}

/* What only the supervisor can tell. What is to be prepared counts as renewed: what is missing of it is put off. */
static int deploy_ask_supervisor(struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    json_t *renew = json_object();
    json_t *reply = NULL;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_is_built(manifest, &manifest->apps[i]))
            (void)json_object_set_new(renew, manifest->apps[i].name, json_string(DEPLOY_PREPARED));
    int code = deploy_try(deploy, renew, &reply);
    json_decref(renew);
    json_decref(reply);
    return code;
}

int deploy_check(struct deploy *deploy) {
    struct session *session = &deploy->session;
    int refusal = deploy_connect(deploy);
    int code = deploy_judge_manifest(deploy);
    if (code != CODE_DONE || refusal != CODE_DONE)
        return code != CODE_DONE ? code : refusal;
    code = check_look(session);
    if (code != CODE_DONE)
        return code;
    size_t put_off = diags_take_out(&session->diags, deploy_is_mendable, &session->manifest);
    code = deploy_judge_findings(deploy, !deploy_prepares_any(&session->manifest));
    if (code == CODE_DONE && put_off > 0)
        text_printf(&deploy->remark, "%s%zu finding%s put off until prepare has run",
                    deploy->remark.len > 0 ? ", " : "", put_off, text_plural(put_off));
    return code == CODE_DONE && deploy->was_running ? deploy_ask_supervisor(deploy) : code;
}

/* ---- prepare ----------------------------------------------------------------------------------------------------- */

const char *deploy_idle_prepare(const struct deploy *deploy) {
    return deploy_prepares_any(&deploy->session.manifest) ? NULL : "no app has prepare lines";
}

int deploy_prepare(struct deploy *deploy) {
    const struct options *options = &deploy->session.invocation->options;
    struct prepare_manner manner = {.if_needed = options->given[OPTION_IF_NEEDED],
                                    .limit_ms = deploy_left_ms(deploy, -1),
                                    .is_quiet = options->given[OPTION_JSON]};
    struct prepare prepare;
    console_end_line();
    int code = prepare_apps(&deploy->session, NULL, 0, manner, &prepare);
    deploy->prepared = prepare_json(&prepare);
    deploy->is_interrupted = prepare.signal != 0 && prepare.signal != SIGALRM;
    if (code == CODE_DONE && deploy->is_interrupted)
        code = code_fail(CODE_FAILED, "interrupted by %s", value_signal_name(prepare.signal));
    size_t done = prepare_count(&prepare, PREPARE_DONE);
    size_t skipped = prepare_count(&prepare, PREPARE_SKIPPED);
    text_printf(&deploy->remark, "%zu app%s prepared", done, text_plural(done));
    if (skipped > 0)
        text_printf(&deploy->remark, ", %zu skipped", skipped);
    prepare_fini(&prepare);
    return code;
}

/* ---- check again ------------------------------------------------------------------------------------------------- */

/* Whether the app has lines to prepare it, and others stood there when these were run. */
static bool deploy_has_other_lines(const struct manifest *before, const struct manifest_app *app) {
    const struct manifest_app *then = manifest_find(before, app->name);
    const char *lines = manifest_setting(app, "prepare").text;
    return deploy_has_prepare(app) &&
           (!then || !deploy_has_prepare(then) || strcmp(manifest_setting(then, "prepare").text, lines) != 0);
}

static int deploy_judge_lines(const struct deploy *deploy, const struct manifest *before) {
    const struct manifest *manifest = &deploy->session.manifest;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_has_other_lines(before, &manifest->apps[i]))
            return code_fail(CODE_FAILED, "%s was changed meanwhile, and %s has other prepare lines now (deploy again)",
                             deploy->session.path, manifest->apps[i].name);
    return CODE_DONE;
}

/* What was prepared may have written the manifest or a dotenv file, too; so may somebody who edits it. */
static int deploy_read_again(struct deploy *deploy) {
    struct manifest before;
    session_read_again(&deploy->session, &before);
    int code = deploy_judge_manifest(deploy);
    if (code == CODE_DONE)
        code = deploy_judge_lines(deploy, &before);
    manifest_fini(&before);
    return code;
}

int deploy_check_again(struct deploy *deploy) {
    struct session *session = &deploy->session;
    int code = deploy_read_again(deploy);
    if (code == CODE_DONE)
        code = check_look(session);
    return code == CODE_DONE ? deploy_judge_findings(deploy, true) : code;
}
