/* What upkeep deploy does once the apps run: wait, watch, verify. */
#include <poll.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/deploy.h"
#include "core/columns.h"

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* An app without a condition is ready as soon as its program runs, which says little of it: it has to stay up for as
 * long as a program takes to fail that misses a module or a variable. */
enum { DEPLOY_STAY_MS = 2000, DEPLOY_LOOK_EVERY_MS = 100 };

static bool deploy_is_to_stay(const struct deploy *deploy, const json_t *instance) {
    const struct manifest_app *app = manifest_find(&deploy->session.manifest, answer_string(instance, "app", ""));
    if (!app || !deploy_is_in(instance, "ready") || answer_int(instance, "uptime_ms", 0) >= DEPLOY_STAY_MS)
        return false;
    const char *ready = manifest_setting(app, "ready").text;
    return ready ? strcmp(ready, "spawned") == 0 : !deploy_is_written(app, "port");
}

static bool deploy_has_to_stay(const struct deploy *deploy) {
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        if (deploy_is_to_stay(deploy, instance))
            return true;
    }
    return false;
}

static bool deploy_has_to_come(const struct deploy *deploy) {
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        if (!deploy_is_in(instance, "stopped") && !deploy_is_in(instance, "ready") && !deploy_is_in(instance, "done"))
            return true;
    }
    return false;
}

/* What the last answer said. A supervisor whose work is done may have ended since. */
const char *deploy_idle_wait(const struct deploy *deploy) {
    return deploy_has_to_come(deploy) || deploy_has_to_stay(deploy) ? NULL : "everything is ready";
}

/* The first that was ready and is not, or is another process now; NULL when all are as they were. */
static const json_t *deploy_lost(const struct deploy *deploy, const json_t *now) {
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        const json_t *same = deploy_find(now, answer_string(instance, "app", ""));
        bool is_same = deploy_is_in(same, "ready") && answer_int(same, "pid", 0) == answer_int(instance, "pid", 0);
        if (deploy_is_in(instance, "ready") && !is_same)
            return same ? same : instance;
    }
    return NULL;
}

/* Somebody may have stopped it; or it is up again meanwhile, and how its last process ended is what there is to say. */
static void deploy_print_loss(const json_t *lost, struct text *out) {
    int64_t exit_code = answer_int(lost, "exit_code", -1);
    const char *exit_signal = answer_string(lost, "exit_signal", NULL);
    text_printf(out, "%s did not stay up: ", answer_string(lost, "name", "?"));
    if (deploy_is_in(lost, "stopped") || deploy_is_in(lost, "stopping"))
        text_str(out, answer_string(lost, "why", "stopped"));
    else if (exit_code >= 0)
        text_printf(out, "exited with code %lld", (long long)exit_code);
    else if (exit_signal)
        text_printf(out, "killed by %s", exit_signal);
    else
        text_str(out, answer_string(lost, "why", ""));
}

/* Looks whether what came up is still there. */
static int deploy_look(struct deploy *deploy) {
    json_t *reply = NULL;
    int code = session_call(&deploy->session, "Status", NULL, SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    const json_t *lost = deploy_lost(deploy, json_object_get(reply, "instances"));
    struct text why TEXT_AUTO = {0};
    deploy_print_loss(lost, &why);
    code = lost ? deploy_take_reply(deploy, reply) : CODE_DONE;
    if (lost && code == CODE_DONE) /* it is up again */
        code = code_fail(CODE_FAILED, "%s", text_get(&why));
    if (!lost)
        deploy_set(&deploy->instances, json_object_get(reply, "instances"));
    json_decref(reply);
    return code;
}

static int deploy_watch(struct deploy *deploy) {
    int code = CODE_DONE;
    while (code == CODE_DONE && deploy_has_to_stay(deploy)) {
        if (deploy_left_ms(deploy, -1) == 0)
            return code_fail(CODE_TIMED_OUT, "the time of --timeout is over");
        (void)poll(NULL, 0, DEPLOY_LOOK_EVERY_MS);
        code = deploy_look(deploy);
    }
    return code;
}

/* Everything that is up, or to be: also what was left alone, which may not have been ready. */
static int deploy_await(struct deploy *deploy) {
    json_t *apps = json_array();
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(deploy->instances, i, instance) {
        if (!deploy_is_in(instance, "stopped"))
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

int deploy_wait(struct deploy *deploy) {
    int code = deploy_has_to_come(deploy) ? deploy_await(deploy) : CODE_DONE;
    return code == CODE_DONE ? deploy_watch(deploy) : code;
}

/* ---- verify ------------------------------------------------------------------------------------------------------ */

const char *deploy_idle_verify(const struct deploy *deploy) {
    const struct manifest *manifest = &deploy->session.manifest;
    for (size_t i = 0; i < manifest->app_count; i++)
        if (deploy_is_written(&manifest->apps[i], "health") || deploy_is_written(&manifest->apps[i], "verify"))
            return NULL;
    return "no app has health or verify conditions";
}

/* `backend: tcp:127.0.0.1:6379: connection refused …`: an answer that begins with the condition says it once. */
static void deploy_print_result(const json_t *result, struct text *out) {
    const char *condition = answer_string(result, "condition", "?");
    const char *answer = answer_string(result, "answer", "no answer");
    size_t len = strlen(condition);
    text_printf(out, "%s: ", answer_string(result, "app", "?"));
    if (strncmp(answer, condition, len) != 0 || answer[len] != ' ')
        text_printf(out, "%s: ", condition);
    columns_clean(answer, strlen(answer), out);
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
        deploy_print_result(result, &lines);
        text_char(&lines, '\n');
    }
    deploy_show(deploy, &lines);
    size_t count = json_array_size(deploy->results);
    text_printf(&deploy->remark, "%zu condition%s hold%s", count, text_plural(count), count == 1 ? "s" : "");
    if (bad == 0)
        return CODE_DONE;
    struct text reason TEXT_AUTO = {0};
    deploy_print_result(first, &reason);
    if (bad > 1)
        text_printf(&reason, " (and %zu more)", bad - 1);
    return code_fail(CODE_FAILED, "%s", text_get(&reason));
}

int deploy_verify(struct deploy *deploy) {
    int64_t left_ms = deploy_left_ms(deploy, SESSION_WAIT_MS);
    json_t *reply = NULL;
    int code = deploy_call(deploy, "Verify", json_pack("{s:I}", "timeout_ms", (json_int_t)left_ms), left_ms, &reply);
    if (code != CODE_DONE)
        return code;
    deploy_set(&deploy->results, json_object_get(reply, "results"));
    json_decref(reply);
    code = deploy_judge_results(deploy);
    if (code == CODE_DONE)
        return deploy_look(deploy);
    return deploy_left_ms(deploy, -1) == 0 ? CODE_TIMED_OUT : code;
}
