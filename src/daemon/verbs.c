#include "daemon/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/json_text.h"
#include "core/value.h"
#include "daemon/apply.h"
#include "daemon/interfaces.h"
#include "daemon/settle.h"
#include "daemon/verify.h"

#define VERBS_COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- sets of instances ------------------------------------------------------------------------------------------- */

/* The call's marks, one for every instance, all false. NULL, and the error replied, when out of memory. */
static bool *verbs_set(struct call *call) {
    size_t count = supervisor_count(call->supervisor);
    free(call->set);
    call->set = calloc(count + 1, sizeof *call->set);
    if (!call->set)
        call_fail(call, "out of memory");
    return call->set;
}

/* The name that may have been meant, or NULL. */
static const char *verbs_nearest(const struct supervisor *supervisor, const char *word) {
    size_t count = supervisor_count(supervisor);
    const char **names = calloc(count + 1, sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < count; i++)
        names[i] = supervisor_view(supervisor, i).app;
    const char *nearest = diag_nearest_name(word, names);
    free(names);
    return nearest;
}

static bool verbs_select(struct call *call, const char *word, bool *set) {
    if (supervisor_select(call->supervisor, word, set) > 0)
        return true;
    struct text *out = call_reply_error(call, CALL_INTERFACE ".NoSuchApp");
    json_text_string(out, "app", word);
    json_text_string(out, "nearest", verbs_nearest(call->supervisor, word));
    call_reply_end(call, false);
    return false;
}

static bool verbs_select_all(struct call *call, json_t *words, bool *set) {
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word) {
        if (!verbs_select(call, json_string_value(word), set))
            return false;
    }
    return true;
}

/* Takes the one parameter of the methods that are about one app. */
static bool verbs_take_app(struct call *call, bool *set) {
    const char *app = NULL;
    const struct call_param params[] = {{"app", CALL_STRING, true, &app}};
    return call_params(call, params, VERBS_COUNT(params)) && verbs_select(call, app, set);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static void verbs_status(struct call *call) {
    if (!call_params(call, NULL, 0))
        return;
    report_look(call->report);
    struct text *out = call_reply(call);
    report_supervisor(call->report, out, "supervisor");
    report_instances(call->report, NULL, out, "instances");
    report_failures(call->report, NULL, out, "failures");
    call_reply_end(call, false);
}

static void verbs_show(struct call *call) {
    bool *set = verbs_set(call);
    if (!set || !verbs_take_app(call, set))
        return;
    report_look(call->report);
    struct text *out = call_reply(call);
    json_text_array(out, "details");
    for (size_t i = 0; i < supervisor_count(call->supervisor); i++) {
        if (!set[i])
            continue;
        struct instance_view view = supervisor_view(call->supervisor, i);
        report_detail(call->report, &view, out, NULL);
    }
    json_text_array_end(out);
    call_reply_end(call, false);
}

static void verbs_add_event(void *context, const struct instance_view *view, const struct change *change) {
    report_event(view, change, context, NULL);
}

static void verbs_add_failure(struct call *call, const bool *set, struct text *out) {
    for (size_t i = 0; i < supervisor_count(call->supervisor); i++) {
        struct instance_view view = supervisor_view(call->supervisor, i);
        if (!set[i] || !report_has_failure(&view))
            continue;
        report_failure(call->report, &view, out, "failure");
        return;
    }
    json_text_null(out, "failure");
}

static void verbs_why(struct call *call) {
    bool *set = verbs_set(call);
    if (!set || !verbs_take_app(call, set))
        return;
    report_look(call->report);
    struct text *out = call_reply(call);
    report_instances(call->report, set, out, "instances");
    json_text_array(out, "events");
    bool is_whole = report_history(call->report, set, verbs_add_event, out);
    json_text_array_end(out);
    verbs_add_failure(call, set, out);
    out->failed = out->failed || !is_whole;
    call_reply_end(call, false);
}

/* An error that has all the reasons with it. name: whole. */
static void verbs_broken(struct call *call, const char *name, const struct diags *diags) {
    struct text *out = call_reply_error(call, name);
    json_text_array(out, "findings");
    for (size_t i = 0; i < diags->count; i++) {
        struct text finding TEXT_AUTO = {0};
        diag_print(&diags->list[i], &finding);
        json_text_string(out, NULL, text_get(&finding));
    }
    json_text_array_end(out);
    call_reply_end(call, false);
}

static void verbs_environment_whole(struct call *call, const struct env *env, bool reveal) {
    struct text *out = call_reply(call);
    json_text_array(out, "variables");
    for (size_t i = 0; i < env->count; i++) {
        const struct env_var *var = &env->vars[i];
        json_text_object(out, NULL);
        json_text_bytes(out, "name", var->assignment, var->name_len);
        json_text_string(out, "value", reveal ? var->assignment + var->name_len + 1 : NULL);
        json_text_string(out, "origin", var->origin);
        if (var->line > 0)
            json_text_int(out, "line", var->line);
        else
            json_text_null(out, "line");
        json_text_object_end(out);
    }
    json_text_array_end(out);
    call_reply_end(call, false);
}

static void verbs_environment(struct call *call) {
    const char *app = NULL;
    bool reveal = false;
    const struct call_param params[] = {{"app", CALL_STRING, true, &app}, {"reveal", CALL_BOOL, false, &reveal}};
    bool *set = verbs_set(call);
    if (!set || !call_params(call, params, VERBS_COUNT(params)) || !verbs_select(call, app, set))
        return;
    size_t index = 0;
    while (!set[index])
        index++;
    struct env env = {0};
    struct diags diags = {0};
    if (supervisor_environment(call->supervisor, index, &env, &diags))
        verbs_environment_whole(call, &env, reveal);
    else
        verbs_broken(call, CALL_INTERFACE ".EnvironmentBroken", &diags);
    diags_fini(&diags);
    env_fini(&env);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

struct events {
    struct supervisor_watch watch;
    struct call *call;
};

static void verbs_events_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    struct call *call = LOOP_CONTAINER(watch, struct events, watch)->call;
    struct instance_view view = supervisor_view(call->supervisor, event->index);
    report_event(&view, event->change, call_reply(call), "event");
    call_reply_end(call, true);
    call->wake(call);
}

static void verbs_events_end(struct call *call) {
    struct events *events = call->going_on;
    supervisor_unwatch(call->supervisor, &events->watch);
    free(events);
}

static void verbs_events_remembered(void *context, const struct instance_view *view, const struct change *change) {
    struct call *call = context;
    report_event(view, change, call_reply(call), "event");
    call_reply_end(call, true);
}

static void verbs_events(struct call *call) {
    bool follow = false;
    const struct call_param params[] = {{"follow", CALL_BOOL, false, &follow}};
    if (!call_params(call, params, VERBS_COUNT(params)))
        return;
    if (!call->message.more) {
        call_service_error(call, "ExpectedMore", NULL, NULL);
        return;
    }
    bool *set = verbs_set(call);
    struct events *events = set && follow ? calloc(1, sizeof *events) : NULL;
    if (!set)
        return;
    memset(set, true, supervisor_count(call->supervisor) * sizeof *set);
    if ((follow && !events) || !report_history(call->report, set, verbs_events_remembered, call)) {
        free(events);
        call_fail(call, "out of memory");
        return;
    }
    if (!events) {
        call_reply(call);
        call_reply_end(call, false);
        return;
    }
    if (call->message.oneway) { /* there is nobody to tell */
        free(events);
        call->is_answered = true;
        return;
    }
    *events = (struct events){.watch.changed = verbs_events_changed, .call = call};
    call->going_on = events;
    call->end = verbs_events_end;
    supervisor_watch(call->supervisor, &events->watch);
}

/* ---- wishes ------------------------------------------------------------------------------------------------------ */

struct wish {
    json_t *apps;       /* NULL or empty: all */
    bool wait;          /* until it has come about */
    int64_t timeout_ms; /* -1: none */
};

static bool verbs_is_all(const struct wish *wish) {
    return json_array_size(wish->apps) == 0;
}

static bool verbs_take_wish(struct call *call, bool always_waits, struct wish *wish) {
    *wish = (struct wish){.wait = always_waits, .timeout_ms = -1};
    const struct call_param params[] = {
        {"apps", CALL_STRINGS, false, &wish->apps},
        {"timeout_ms", CALL_INT, false, &wish->timeout_ms},
        {"wait", CALL_BOOL, false, &wish->wait}, /* last: what always waits has no such parameter */
    };
    if (!call_params(call, params, VERBS_COUNT(params) - (always_waits ? 1 : 0)))
        return false;
    /* There is nobody to tell. */
    wish->wait = wish->wait && !call->message.oneway;
    return true;
}

/* Begins the answer to what changed something: how everything is now. failed: NULL for none. */
static struct text *verbs_begin_answer(struct call *call, const bool *failed, bool timed_out) {
    report_look(call->report);
    struct text *out = call_reply(call);
    report_supervisor(call->report, out, "supervisor");
    report_instances(call->report, NULL, out, "instances");
    if (failed) {
        report_failures(call->report, failed, out, "failures");
    } else {
        json_text_array(out, "failures");
        json_text_array_end(out);
    }
    json_text_bool(out, "timed_out", timed_out);
    return out;
}

static void verbs_answer_wish(struct call *call, const bool *failed, bool timed_out) {
    (void)verbs_begin_answer(call, failed, timed_out);
    call_reply_end(call, false);
}

/* Marks of what has failed; NULL, and the error replied, when there is no answer to give. */
static const bool *verbs_failed(struct call *call, const struct settle *settle) {
    bool *failed = verbs_set(call);
    if (!failed)
        return NULL;
    if (settle_has_lost(settle)) {
        call_fail(call, "an app was taken out of the manifest while it was waited for");
        return NULL;
    }
    settle_failures(settle, failed);
    return failed;
}

static void verbs_settled(void *context) {
    struct call *call = context;
    const struct settle *settle = call->going_on;
    const bool *failed = verbs_failed(call, settle);
    if (failed)
        verbs_answer_wish(call, failed, settle_has_timed_out(settle));
    call->wake(call);
}

static void verbs_settle_end(struct call *call) {
    settle_free(call->going_on);
}

/* To be called before the wish is made. False, and the error replied, when out of memory. */
static bool verbs_wait_for(struct call *call, enum settle_goal goal, const bool *set, const struct wish *wish) {
    if (!wish->wait)
        return true;
    call->going_on = settle_new(call->supervisor, goal, set, wish->timeout_ms, verbs_settled, call);
    if (!call->going_on) {
        call_fail(call, "out of memory");
        return false;
    }
    call->end = verbs_settle_end;
    return true;
}

static bool verbs_is_up(const struct instance_view *view) {
    return view->wanted || phase_has_process(view->life->phase);
}

/* What no names mean: for a start and a wait all that autostart says, for a restart also what else is up. */
static void verbs_mark_auto(const struct supervisor *supervisor, bool with_up, bool *set) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++) {
        struct instance_view view = supervisor_view(supervisor, i);
        set[i] = !view.is_gone && (view.config->autostart || (with_up && verbs_is_up(&view)));
    }
}

/* Who names nobody wants all to be up, but not a oneshot that is done to run again. */
static void verbs_unmark_done(const struct supervisor *supervisor, bool *set) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++)
        set[i] = set[i] && supervisor_view(supervisor, i).life->phase != PHASE_DONE;
}

static bool verbs_refuses_wishes(struct call *call) {
    bool is_stopping = strcmp(supervisor_state(call->supervisor), "stopping") == 0;
    if (is_stopping)
        call_error(call, "ShuttingDown");
    return is_stopping;
}

static void verbs_start(struct call *call) {
    struct wish wish;
    bool *set = verbs_set(call);
    if (!set || !verbs_take_wish(call, false, &wish) || verbs_refuses_wishes(call) ||
        !verbs_select_all(call, wish.apps, set))
        return;
    if (verbs_is_all(&wish))
        verbs_mark_auto(call->supervisor, false, set);
    if (!verbs_wait_for(call, SETTLE_STARTED, set, &wish))
        return;
    if (verbs_is_all(&wish))
        verbs_unmark_done(call->supervisor, set);
    supervisor_start(call->supervisor, set, call->actor);
    if (!wish.wait)
        verbs_answer_wish(call, NULL, false);
}

static void verbs_stop(struct call *call) {
    struct wish wish;
    bool *set = verbs_set(call);
    if (!set || !verbs_take_wish(call, false, &wish) || !verbs_select_all(call, wish.apps, set))
        return;
    if (verbs_is_all(&wish))
        memset(set, true, supervisor_count(call->supervisor) * sizeof *set);
    if (!verbs_wait_for(call, SETTLE_STOPPED, set, &wish))
        return;
    supervisor_stop(call->supervisor, set, call->actor);
    if (!wish.wait)
        verbs_answer_wish(call, NULL, false);
}

static void verbs_restart(struct call *call) {
    struct wish wish;
    bool *set = verbs_set(call);
    if (!set || !verbs_take_wish(call, false, &wish) || verbs_refuses_wishes(call) ||
        !verbs_select_all(call, wish.apps, set))
        return;
    if (verbs_is_all(&wish))
        verbs_mark_auto(call->supervisor, true, set);
    if (!verbs_wait_for(call, SETTLE_STARTED, set, &wish))
        return;
    supervisor_restart(call->supervisor, set, call->actor);
    if (!wish.wait)
        verbs_answer_wish(call, NULL, false);
}

static void verbs_wait(struct call *call) {
    struct wish wish;
    bool *set = verbs_set(call);
    if (!set || !verbs_take_wish(call, true, &wish) || !verbs_select_all(call, wish.apps, set))
        return;
    if (verbs_is_all(&wish))
        verbs_mark_auto(call->supervisor, false, set);
    if (!verbs_wait_for(call, SETTLE_UP, set, &wish))
        return;
    if (!wish.wait)
        verbs_answer_wish(call, NULL, false);
}

/* ---- verifying --------------------------------------------------------------------------------------------------- */

static void verbs_verified(void *context) {
    struct call *call = context;
    verify_report(call->going_on, call_reply(call), "results");
    call_reply_end(call, false);
    call->wake(call);
}

static void verbs_verify_end(struct call *call) {
    verify_free(call->going_on);
}

static void verbs_verify(struct call *call) {
    struct wish wish;
    bool *set = verbs_set(call);
    if (!set || !verbs_take_wish(call, true, &wish) || !verbs_select_all(call, wish.apps, set))
        return;
    for (size_t i = 0; verbs_is_all(&wish) && i < supervisor_count(call->supervisor); i++)
        set[i] = supervisor_view(call->supervisor, i).wanted;
    if (!wish.wait) {
        call->is_answered = true;
        return;
    }
    call->going_on = verify_new(call->supervisor, set, wish.timeout_ms, verbs_verified, call);
    call->end = verbs_verify_end;
    if (!call->going_on)
        call_fail(call, "out of memory");
}

/* ---- another manifest -------------------------------------------------------------------------------------------- */

struct applying {
    struct call *call;
    struct apply *apply;
    struct settle *settle; /* NULL: nothing is waited for */
};

static void verbs_apply_end(struct call *call) {
    struct applying *applying = call->going_on;
    settle_free(applying->settle);
    apply_free(applying->apply);
    free(applying);
}

static void verbs_apply_answer(const struct applying *applying, const bool *failed, bool timed_out) {
    struct text *out = verbs_begin_answer(applying->call, failed, timed_out);
    apply_report(applying->apply, out);
    call_reply_end(applying->call, false);
}

static void verbs_apply_settled(void *context) {
    const struct applying *applying = context;
    struct call *call = applying->call;
    const bool *failed = verbs_failed(call, applying->settle);
    if (failed)
        verbs_apply_answer(applying, failed, settle_has_timed_out(applying->settle));
    call->wake(call);
}

/* What stands in the way is the answer. */
static bool verbs_apply_is_refused(struct call *call, const struct apply *apply, bool dry_run) {
    if (apply_manifest_findings(apply)) {
        verbs_broken(call, CALL_INTERFACE ".ManifestBroken", apply_manifest_findings(apply));
    } else if (apply_unknown(apply)) {
        call_error_about(call, "NoSuchApp", "app", apply_unknown(apply));
    } else if (apply_environment_findings(apply)) {
        verbs_broken(call, CALL_INTERFACE ".EnvironmentBroken", apply_environment_findings(apply));
    } else if (apply_needs_new_supervisor(apply) && !dry_run) {
        struct text *out = call_reply_error(call, CALL_INTERFACE ".NeedsNewSupervisor");
        apply_report_obstacles(apply, "keys", out);
        call_reply_end(call, false);
    }
    return call->is_answered;
}

/* After it was done: nothing happens before the loop runs on. */
static void verbs_apply_wait(struct applying *applying, int64_t timeout_ms) {
    struct call *call = applying->call;
    bool *set = verbs_set(call);
    if (!set)
        return;
    apply_mark_up(applying->apply, call->supervisor, set);
    applying->settle = settle_new(call->supervisor, SETTLE_STARTED, set, timeout_ms, verbs_apply_settled, applying);
    if (!applying->settle) {
        call_fail(call, "out of memory");
        return;
    }
    apply_mark_gone(call->supervisor, set);
    settle_add(applying->settle, SETTLE_GONE, set);
}

static void verbs_apply_begin(struct applying *applying, bool dry_run, bool wait, int64_t timeout_ms) {
    struct call *call = applying->call;
    if (verbs_apply_is_refused(call, applying->apply, dry_run))
        return;
    if (!dry_run && !apply_do(applying->apply, call->supervisor, call->actor)) {
        call_fail(call, "out of memory");
        return;
    }
    if (!dry_run && wait && !call->message.oneway)
        verbs_apply_wait(applying, timeout_ms);
    else
        verbs_apply_answer(applying, NULL, false);
}

static void verbs_apply(struct call *call) {
    bool dry_run = false;
    bool wait = false;
    int64_t timeout_ms = -1;
    struct apply_wish wish = {0};
    json_t *renew = NULL;
    const struct call_param params[] = {{"dry_run", CALL_BOOL, false, &dry_run},
                                        {"wait", CALL_BOOL, false, &wait},
                                        {"timeout_ms", CALL_INT, false, &timeout_ms},
                                        {"renew", CALL_NAMED, false, &renew},
                                        {"complete", CALL_BOOL, false, &wish.complete}};
    if (!call_params(call, params, VERBS_COUNT(params)) || verbs_refuses_wishes(call))
        return;
    struct applying *applying = calloc(1, sizeof *applying);
    wish.renew = renew;
    wish.before_prepare = dry_run;
    struct apply *apply = applying ? apply_new(call->supervisor, &wish) : NULL;
    if (!apply) {
        free(applying);
        call_fail(call, "out of memory");
        return;
    }
    *applying = (struct applying){.call = call, .apply = apply};
    call->going_on = applying;
    call->end = verbs_apply_end;
    verbs_apply_begin(applying, dry_run, wait, timeout_ms);
}

static void verbs_shutdown(struct call *call) {
    if (!call_params(call, NULL, 0))
        return;
    supervisor_shutdown(call->supervisor, call->actor);
    call->is_patient = true;
    call_reply(call);
    call_reply_end(call, false);
}

static void verbs_signal_all(struct call *call, const char *app, const bool *set, int signal) {
    size_t reached = 0;
    int error = 0;
    for (size_t i = 0; i < supervisor_count(call->supervisor); i++) {
        int result = set[i] ? supervisor_signal(call->supervisor, i, signal, call->actor) : -ESRCH;
        reached += result >= 0;
        if (result < 0 && result != -ESRCH)
            error = result;
    }
    if (error < 0) {
        call_fail(call, strerror(-error));
    } else if (reached == 0) {
        call_error_about(call, "NotRunning", "app", app);
    } else {
        call_reply(call);
        call_reply_end(call, false);
    }
}

static void verbs_signal(struct call *call) {
    const char *app = NULL;
    const char *name = NULL;
    const struct call_param params[] = {{"app", CALL_STRING, true, &app}, {"signal", CALL_STRING, true, &name}};
    bool *set = verbs_set(call);
    if (!set || !call_params(call, params, VERBS_COUNT(params)) || !verbs_select(call, app, set))
        return;
    struct text error TEXT_AUTO = {0};
    int signal;
    if (value_parse_signal(name, &signal, &error))
        verbs_signal_all(call, app, set, signal);
    else
        call_error_about(call, "BadSignal", "signal", name);
}

/* ---- the service itself ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *description;
} verbs_interfaces[] = {
    {VARLINK_SERVICE, interface_org_varlink_service},
    {CALL_INTERFACE, interface_io_upkeep_Supervisor},
};

static void verbs_get_info(struct call *call) {
    if (!call_params(call, NULL, 0))
        return;
    struct text *out = call_reply(call);
    json_text_string(out, "vendor", "upkeep");
    json_text_string(out, "product", "upkeep");
    json_text_string(out, "version", UPKEEP_VERSION);
    json_text_string(out, "url", "");
    json_text_array(out, "interfaces");
    for (size_t i = 0; i < VERBS_COUNT(verbs_interfaces); i++)
        json_text_string(out, NULL, verbs_interfaces[i].name);
    json_text_array_end(out);
    call_reply_end(call, false);
}

static void verbs_describe(struct call *call) {
    const char *interface = NULL;
    const struct call_param params[] = {{"interface", CALL_STRING, true, &interface}};
    if (!call_params(call, params, VERBS_COUNT(params)))
        return;
    for (size_t i = 0; i < VERBS_COUNT(verbs_interfaces); i++) {
        if (strcmp(verbs_interfaces[i].name, interface) != 0)
            continue;
        json_text_string(call_reply(call), "description", verbs_interfaces[i].description);
        call_reply_end(call, false);
        return;
    }
    call_service_error(call, "InterfaceNotFound", "interface", interface);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

const struct verb verbs[] = {
    {VARLINK_SERVICE ".GetInfo", verbs_get_info},
    {VARLINK_SERVICE ".GetInterfaceDescription", verbs_describe},
    {CALL_INTERFACE ".Status", verbs_status},
    {CALL_INTERFACE ".Show", verbs_show},
    {CALL_INTERFACE ".Start", verbs_start},
    {CALL_INTERFACE ".Stop", verbs_stop},
    {CALL_INTERFACE ".Restart", verbs_restart},
    {CALL_INTERFACE ".Wait", verbs_wait},
    {CALL_INTERFACE ".Verify", verbs_verify},
    {CALL_INTERFACE ".Apply", verbs_apply},
    {CALL_INTERFACE ".Shutdown", verbs_shutdown},
    {CALL_INTERFACE ".Signal", verbs_signal},
    {CALL_INTERFACE ".Events", verbs_events},
    {CALL_INTERFACE ".Why", verbs_why},
    {CALL_INTERFACE ".Environment", verbs_environment},
    {NULL, NULL},
};

/* Which part of an unknown method's name is wrong: the interface, or the method in it. */
static void verbs_unknown(struct call *call) {
    const char *method = call->message.method;
    const char *dot = strrchr(method, '.');
    size_t len = dot ? (size_t)(dot - method) : 0;
    for (size_t i = 0; i < VERBS_COUNT(verbs_interfaces); i++) {
        const char *name = verbs_interfaces[i].name;
        if (strlen(name) == len && memcmp(name, method, len) == 0) {
            call_service_error(call, "MethodNotFound", "method", method);
            return;
        }
    }
    struct text interface TEXT_AUTO = {0};
    text_append(&interface, method, len);
    call_service_error(call, "InterfaceNotFound", "interface", text_get(&interface));
}

void verbs_handle(struct call *call) {
    for (const struct verb *verb = verbs; verb->method; verb++) {
        if (strcmp(verb->method, call->message.method) != 0)
            continue;
        if (call->message.upgrade)
            call_service_error(call, "MethodNotImplemented", "method", verb->method);
        else
            verb->handle(call);
        return;
    }
    verbs_unknown(call);
}
