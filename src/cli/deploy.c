#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/deploy.h"
#include "cli/handlers.h"
#include "cli/interrupt.h"
#include "core/value.h"

const struct deploy_step deploy_steps[] = {
    {"check", "what can be checked while the old stack runs", NULL, deploy_check},
    {"prepare", "install and build", deploy_idle_prepare, deploy_prepare},
    {"check-again", "everything, now that it is installed and built", deploy_idle_prepare, deploy_check_again},
    {"apply", "start what is new and replace what has changed", NULL, deploy_start_or_apply},
    {"wait", "until everything is ready, and stays up", deploy_idle_wait, deploy_wait},
    {"verify", "whether it does what it is for", deploy_idle_verify, deploy_verify},
};
const size_t deploy_step_count = sizeof deploy_steps / sizeof *deploy_steps;

static int deploy_run_step(struct deploy *deploy) {
    const char *idle = deploy->step->idle ? deploy->step->idle(deploy) : NULL;
    if (idle) {
        deploy_skip_step(deploy, idle);
        return CODE_DONE;
    }
    deploy_begin_step(deploy);
    deploy_arm_interrupt(deploy);
    code_catch(&deploy->reason);
    int code = deploy_left_ms(deploy, -1) == 0 ? code_fail(CODE_TIMED_OUT, "the time of --timeout is over")
                                               : deploy->step->run(deploy);
    code_catch(NULL);
    /* That nobody answers any more is a failure of the deployment: 3 would mean that there was nothing to do. */
    if (code == CODE_NOT_RUNNING)
        deploy->was_running = false;
    if (code == CODE_NOT_RUNNING || code == CODE_NO_APP)
        code = CODE_FAILED;
    deploy_end_step(deploy, code);
    return code;
}

/* Who is refused here has no part in what the other does: nothing is rolled back. */
static const struct deploy_step deploy_lock_step = {"lock", "one at a time", NULL, NULL};

/* What we build and write would be in the way of a unit that runs as another user. */
static bool deploy_may_go_on(struct deploy *deploy) {
    const struct passwd *user = unit_find(&deploy->session, &deploy->unit) && deploy->unit.user.len > 0
                                    ? getpwnam(text_get(&deploy->unit.user))
                                    : NULL;
    if (!user || user->pw_uid == geteuid())
        return true;
    text_printf(&deploy->reason, "%s runs this manifest as %s: deploy as that user (sudo -u %s)",
                text_get(&deploy->unit.name), user->pw_name, user->pw_name);
    return false;
}

/* A manifest that is not understood does not say where its lock is. */
static int deploy_lock(struct deploy *deploy) {
    const struct session *session = &deploy->session;
    if (session->diags.errors > 0)
        return CODE_DONE;
    deploy->step = &deploy_lock_step;
    if (!deploy_may_go_on(deploy))
        return CODE_FAILED;
    deploy->lock = session->invocation->local->prepare_lock(&session->manifest, "deploy", &deploy->reason);
    return deploy->lock < 0 ? CODE_FAILED : CODE_DONE;
}

static void deploy_unlock(struct deploy *deploy) {
    if (deploy->lock >= 0)
        (void)close(deploy->lock);
    deploy->lock = -1;
}

static int deploy_run(struct deploy *deploy) {
    int code = deploy_lock(deploy);
    for (size_t i = 0; i < deploy_step_count && code == CODE_DONE; i++) {
        deploy->step = &deploy_steps[i];
        code = deploy_run_step(deploy);
    }
    return code;
}

static void deploy_say_done(struct deploy *deploy) {
    struct text line TEXT_AUTO = {0};
    text_printf(&line, "deployed %s in ", deploy->session.manifest.supervisor.name);
    value_print_elapsed(session_now_ms() - deploy->began_ms, &line);
    text_char(&line, '\n');
    deploy_show(deploy, &line);
}

static void deploy_conclude(struct deploy *deploy, int code) {
    const struct options *options = &deploy->session.invocation->options;
    interrupt_answer(NULL); /* it is being told now */
    bool has_begun = deploy->step != &deploy_lock_step;
    deploy_unlock(deploy);
    deploy_show_summary(deploy);
    if (code == CODE_DONE)
        deploy_say_done(deploy);
    else if (has_begun && options->given[OPTION_ROLLBACK_COMMAND] && !deploy->is_interrupted)
        deploy_roll_back(deploy);
    if (options->given[OPTION_JSON]) {
        struct text out TEXT_AUTO = {0};
        deploy_print_json(deploy, code, text_get(&deploy->reason), &out);
        (void)console_write(&out);
    }
    if (code == CODE_DONE)
        return;
    struct text line TEXT_AUTO = {0};
    if (has_begun)
        text_printf(&line, "deploy %s in %s: ", deploy->is_interrupted ? "interrupted" : "failed", deploy->step->name);
    text_str(&line, text_get(&deploy->reason));
    if (has_begun)
        deploy_print_standing(deploy, deploy->is_interrupted, &line);
    (void)code_fail((enum code)code, "%s", text_get(&line));
}

static void deploy_fini(struct deploy *deploy) {
    json_t *const known[] = {deploy->steps,    deploy->prepared, deploy->changes, deploy->instances,
                             deploy->failures, deploy->results,  deploy->rollback};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        json_decref(known[i]);
    for (size_t i = 0; i < sizeof deploy->interrupted / sizeof *deploy->interrupted; i++) {
        text_fini(&deploy->interrupted[i].sentence);
        text_fini(&deploy->interrupted[i].json);
    }
    unit_found_fini(&deploy->unit);
    text_fini(&deploy->remark);
    text_fini(&deploy->reason);
    upkeep_client_free(deploy->watcher);
    session_close(&deploy->session);
}

int deploy_command(const struct invocation *invocation) {
    const struct options *options = &invocation->options;
    struct deploy deploy = {.began_ms = session_now_ms(),
                            .deadline_ms = INT64_MAX,
                            .step = deploy_steps,
                            .lock = -1,
                            .steps = json_array(),
                            .out = options->given[OPTION_JSON] ? stderr : stdout};
    /* A rollback command that deploys is not to hand its own variables on to apps. */
    (void)unsetenv("UPKEEP_DEPLOY_STEP");
    (void)unsetenv("UPKEEP_DEPLOY_REPLACED");
    if (options->given[OPTION_TIMEOUT])
        deploy.deadline_ms = deploy.began_ms + options->number[OPTION_TIMEOUT];
    code_catch(&deploy.reason);
    int code = session_read(&deploy.session, invocation);
    code_catch(NULL);
    if (code == CODE_DONE)
        code = deploy_run(&deploy);
    deploy_conclude(&deploy, code);
    deploy_fini(&deploy);
    return code;
}
