#include "daemon/apply.h"

#include <stdlib.h>
#include <string.h>

#include "core/env_marks.h"
#include "core/json_text.h"
#include "core/manifest_diff.h"
#include "core/manifest_keys.h"
#include "core/renewal.h"
#include "core/worst.h"
#include "daemon/launch.h"
#include "daemon/require.h"
#include "daemon/reread.h"

/* One app of one or both manifests. */
struct apply_app {
    char *name;
    enum diff_kind kind;
    uint64_t keys;
    enum take take;
    bool is_known; /* there is an instance */
    bool is_up;    /* which is wanted up, or has a process */
    bool has_process;
    enum renewal_state state;
    const char *reason;    /* the caller's for a renewal; NULL: none. Borrowed */
    const char *renewal;   /* why it is renewed; NULL: it is not. Borrowed */
    bool has_other_env;    /* than at its last start */
    struct text variables; /* what differs in it, one a line */
    bool is_whole;         /* environment and settings could be made; else why not: */
    bool is_typed;         /* the settings could */
    struct diags faults;
    struct diags missing; /* what it requires and lacks */
    int64_t old_port;
    int64_t kill_timeout_ms;
    const struct list *old_deps; /* of its last start; borrowed from the instance */
};

struct apply {
    struct apply_wish wish;
    struct manifest manifest; /* moved away once it is done */
    struct app_config *configs;
    enum take *takes;
    size_t config_count;
    struct apply_app *apps; /* in the order of the diff: those of the manifest first */
    size_t count;
    uint64_t keys; /* of [upkeep] */
    uint64_t for_new_supervisor;
    struct diags manifest_findings;
    struct diags environment_findings;
    int64_t worst_case_ms; /* WORST_NO_LIMIT: none */
};

void apply_free(struct apply *apply) {
    if (!apply)
        return;
    for (size_t i = 0; i < apply->count; i++) {
        free(apply->apps[i].name);
        text_fini(&apply->apps[i].variables);
        diags_fini(&apply->apps[i].faults);
        diags_fini(&apply->apps[i].missing);
    }
    for (size_t i = 0; i < apply->config_count; i++)
        app_config_fini(&apply->configs[i]);
    free(apply->apps);
    free(apply->configs);
    free(apply->takes);
    diags_fini(&apply->manifest_findings);
    diags_fini(&apply->environment_findings);
    manifest_fini(&apply->manifest);
    free(apply);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static bool apply_find(const struct supervisor *supervisor, const char *name, struct instance_view *view_out) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++) {
        *view_out = supervisor_view(supervisor, i);
        if (strcmp(view_out->name, name) == 0)
            return true;
    }
    return false;
}

static bool apply_has_changed(const struct apply_app *app, const char *key) {
    return app->keys >> (manifest_key_find(manifest_app_keys, key) - manifest_app_keys) & 1;
}

/* What its process is to do because something has changed. One that is down takes what has changed at its next start,
 * but for one that is to start by itself from now on. */
static enum take apply_decide(const struct apply_app *app, const struct app_config *config) {
    if (app->kind == DIFF_NEW)
        return config->autostart ? TAKE_START : TAKE_LEAVE;
    if (app->is_up && (app->kind == DIFF_START || app->has_other_env))
        return TAKE_RESTART;
    bool has_new_dependencies = app->is_up && apply_has_changed(app, "depends_on"); /* which have to be up */
    bool is_to_start = !app->is_up && config->autostart && apply_has_changed(app, "autostart");
    return has_new_dependencies || is_to_start ? TAKE_START : TAKE_LEAVE;
}

/* Environment and settings as the app's next start would have them. */
static void apply_resolve(struct apply *apply, const struct supervisor *supervisor, size_t i,
                          const struct env_marks *marks) {
    struct apply_app *app = &apply->apps[i];
    struct app_config *config = &apply->configs[i];
    const struct manifest_app *written = &apply->manifest.apps[i];
    struct launch_context context = {&apply->manifest, supervisor_inherited(supervisor), NULL};
    struct env env = {0};
    bool has_env = launch_environment(&context, written, &env, &app->faults);
    app->is_typed = manifest_resolve(&apply->manifest, written, &env, config, &app->faults);
    app->is_whole = has_env && app->is_typed;
    if (app->is_whole && marks)
        app->has_other_env = env_marks_compare(marks, &env, apply->manifest.file, &app->variables) > 0;
    if (app->is_whole)
        require_look(&context, written, config, &env, &app->missing);
    app->take = apply_decide(app, config);
    env_fini(&env);
}

static enum renewal_state apply_state(const struct instance_view *view) {
    enum phase phase = view->life->phase;
    if (phase == PHASE_FAILED || phase == PHASE_BLOCKED || phase == PHASE_BACKOFF)
        return RENEWAL_HAS_FAILED;
    if (phase == PHASE_DONE)
        return RENEWAL_IS_DONE;
    return view->wanted ? RENEWAL_IS_UP : RENEWAL_IS_DOWN;
}

static bool apply_look_at_app(struct apply *apply, const struct supervisor *supervisor, size_t i,
                              const struct diff_app *diff) {
    struct apply_app *app = &apply->apps[i];
    app->kind = diff->kind;
    app->keys = diff->keys;
    app->name = strdup(diff->now ? diff->now->name : diff->before->name);
    if (!app->name)
        return false;
    app->reason = json_string_value(json_object_get(apply->wish.renew, app->name));
    struct instance_view view = {0};
    app->is_known = apply_find(supervisor, app->name, &view);
    if (app->is_known) {
        app->has_process = phase_has_process(view.life->phase);
        app->state = apply_state(&view);
        app->is_up = !view.is_gone && (view.wanted || app->has_process);
        app->old_port = view.config->port;
        app->kill_timeout_ms = view.config->kill_timeout_ms;
        app->old_deps = &view.config->depends_on;
    }
    if (diff->now)
        apply_resolve(apply, supervisor, i, app->is_up || app->state == RENEWAL_IS_DONE ? view.marks : NULL);
    return true;
}

/* ---- renewing ---------------------------------------------------------------------------------------------------- */

static bool apply_is_change(const struct apply_app *app) {
    return app->kind != DIFF_SAME || app->take != TAKE_LEAVE;
}

static size_t apply_add_edges(const struct apply *apply, size_t of, const struct list *names, size_t *edges) {
    size_t count = 0;
    for (size_t n = 0; names && n < names->count; n++)
        for (size_t i = 0; i < apply->count; i++)
            if (i != of && strcmp(apply->apps[i].name, names->items[n]) == 0)
                edges[count++] = i;
    return count;
}

static size_t apply_edges(const struct apply *apply) {
    size_t edges = 0;
    for (size_t i = 0; i < apply->count; i++)
        edges += (i < apply->config_count ? apply->configs[i].depends_on.count : 0) +
                 (apply->apps[i].old_deps ? apply->apps[i].old_deps->count : 0);
    return edges;
}

static bool apply_renew(struct apply *apply) {
    struct renewal_app *renewals = calloc(apply->config_count + 1, sizeof *renewals);
    size_t *deps = calloc(apply_edges(apply) + 1, sizeof *deps);
    size_t *next = deps;
    bool is_good = renewals && deps;
    for (size_t i = 0; is_good && i < apply->config_count; i++) {
        const struct apply_app *app = &apply->apps[i];
        renewals[i] = (struct renewal_app){.deps = next,
                                           .state = app->state,
                                           .autostart = apply->configs[i].autostart,
                                           .is_named = app->reason && app->kind != DIFF_NEW,
                                           .has_changed = apply_is_change(app) || app->has_other_env,
                                           .is_started = app->take != TAKE_LEAVE};
        renewals[i].dep_count = apply_add_edges(apply, i, &apply->configs[i].depends_on, next);
        next += renewals[i].dep_count;
    }
    if (is_good)
        renewal_decide(renewals, apply->config_count, apply->wish.complete);
    for (size_t i = 0; is_good && i < apply->config_count; i++) {
        if (renewals[i].renewal == RENEWAL_NONE)
            continue;
        struct apply_app *app = &apply->apps[i];
        app->renewal = renewals[i].renewal == RENEWAL_NAMED ? app->reason : renewal_why(renewals[i].renewal);
        app->take = TAKE_RESTART;
    }
    free(renewals);
    free(deps);
    return is_good;
}

/* ---- what stands in the way -------------------------------------------------------------------------------------- */

static void apply_find_faults(struct diags *findings, const struct diags *found, bool before_prepare) {
    for (size_t i = 0; i < found->count; i++) {
        const struct diag *diag = &found->list[i];
        if (!before_prepare || !rule_rows[diag->rule].prepare_mends)
            diags_add(findings, diag->severity, diag->file, diag->line, "%s", diag->text);
    }
}

/* Of what is up or to come up; settings that mean nothing stand in the way in any case. */
static void apply_judge(struct apply *apply) {
    for (size_t i = 0; i < apply->config_count; i++) {
        const struct apply_app *app = &apply->apps[i];
        if (!app->is_typed || (!app->is_whole && (app->is_up || app->take != TAKE_LEAVE)))
            apply_find_faults(&apply->environment_findings, &app->faults, false);
        if (app->take != TAKE_LEAVE)
            apply_find_faults(&apply->environment_findings, &app->missing, app->reason && apply->wish.before_prepare);
    }
}

/* ---- how long it may take ---------------------------------------------------------------------------------------- */

static bool apply_goes_down(const struct apply_app *app) {
    return app->has_process && (app->kind == DIFF_GONE || app->take == TAKE_RESTART);
}

static int64_t apply_up_ms(const struct app_config *config) {
    int64_t steps = (int64_t)config->pre_start.count + (config->ready.kind != CONDITION_SPAWNED);
    if (steps > 0 && config->ready_timeout_ms == 0)
        return WORST_NO_LIMIT;
    return steps * config->ready_timeout_ms;
}

static bool apply_waits_for_ends(const struct apply *apply, size_t i) {
    for (size_t k = 0; k < apply->count; k++) {
        const struct apply_app *other = &apply->apps[k];
        bool is_port = apply->configs[i].port != 0 && apply->configs[i].port == other->old_port;
        bool is_new = apply->apps[i].kind == DIFF_NEW && other->kind == DIFF_GONE;
        if (k != i && apply_goes_down(other) && (is_port || is_new))
            return true;
    }
    return false;
}

static void apply_estimate(struct apply *apply) {
    struct plan_app *plan = calloc(apply->count + 1, sizeof *plan);
    struct worst_time *times = calloc(apply->count + 1, sizeof *times);
    size_t *deps = calloc(apply_edges(apply) + 1, sizeof *deps);
    bool parallel = apply->manifest.supervisor.stop_order == STOP_PARALLEL;
    apply->worst_case_ms = WORST_NO_LIMIT;
    size_t *next = deps;
    for (size_t i = 0; plan && times && deps && i < apply->count; i++) {
        const struct apply_app *app = &apply->apps[i];
        const struct app_config *config = i < apply->config_count ? &apply->configs[i] : NULL;
        plan[i].deps = next;
        plan[i].dep_count = apply_add_edges(apply, i, config ? &config->depends_on : app->old_deps, next);
        next += plan[i].dep_count;
        bool is_started = config && app->take != TAKE_LEAVE && !(app->take == TAKE_START && app->is_up);
        times[i] = (struct worst_time){.down_ms = apply_goes_down(app) ? app->kill_timeout_ms : -1,
                                       .up_ms = is_started ? apply_up_ms(config) : -1,
                                       .after_downs = is_started && apply_waits_for_ends(apply, i)};
    }
    if (plan && times && deps)
        apply->worst_case_ms = worst_ms(plan, times, apply->count, parallel);
    free(plan);
    free(times);
    free(deps);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool apply_compare(struct apply *apply, const struct supervisor *supervisor) {
    struct manifest_diff diff;
    if (!manifest_diff(supervisor_manifest(supervisor), &apply->manifest, &diff))
        return false;
    apply->keys = diff.keys;
    apply->for_new_supervisor = manifest_diff_for_new_supervisor(&diff);
    apply->config_count = apply->manifest.app_count;
    apply->apps = calloc(diff.count + 1, sizeof *apply->apps);
    apply->configs = calloc(apply->config_count + 1, sizeof *apply->configs);
    apply->takes = calloc(apply->config_count + 1, sizeof *apply->takes);
    bool is_good = apply->apps && apply->configs && apply->takes;
    if (!apply->configs)
        apply->config_count = 0;
    for (; is_good && apply->count < diff.count; apply->count++)
        is_good = apply_look_at_app(apply, supervisor, apply->count, &diff.apps[apply->count]);
    manifest_diff_fini(&diff);
    is_good = is_good && apply_renew(apply);
    if (is_good) {
        apply_judge(apply);
        apply_estimate(apply);
    }
    return is_good;
}

struct apply *apply_new(struct supervisor *supervisor, const struct apply_wish *wish) {
    struct apply *apply = calloc(1, sizeof *apply);
    if (!apply)
        return NULL;
    apply->wish = *wish;
    bool is_read = reread_manifest(supervisor_manifest(supervisor), supervisor_inherited(supervisor), &apply->manifest,
                                   &apply->manifest_findings);
    if (is_read && !apply_compare(apply, supervisor)) {
        apply_free(apply);
        return NULL;
    }
    return apply;
}

const struct diags *apply_manifest_findings(const struct apply *apply) {
    return apply->manifest_findings.errors > 0 ? &apply->manifest_findings : NULL;
}

const struct diags *apply_environment_findings(const struct apply *apply) {
    return apply->environment_findings.errors > 0 ? &apply->environment_findings : NULL;
}

const char *apply_unknown(const struct apply *apply) {
    const char *name;
    const json_t *why;
    json_object_foreach((json_t *)apply->wish.renew, name, why) {
        if (!manifest_find(&apply->manifest, name))
            return name;
    }
    return NULL;
}

bool apply_needs_new_supervisor(const struct apply *apply) {
    return apply->for_new_supervisor != 0;
}

bool apply_is_empty(const struct apply *apply) {
    bool is_empty = apply->keys == 0;
    for (size_t i = 0; i < apply->count && is_empty; i++)
        is_empty = !apply_is_change(&apply->apps[i]);
    return is_empty;
}

bool apply_do(struct apply *apply, struct supervisor *supervisor, struct actor actor) {
    for (size_t i = 0; i < apply->config_count; i++)
        apply->takes[i] = apply->apps[i].take;
    return supervisor_take(supervisor, &apply->manifest, apply->configs, apply->takes, actor);
}

static bool apply_is_to_come_up(const struct apply *apply, const char *name) {
    for (size_t i = 0; i < apply->config_count; i++)
        if (strcmp(apply->apps[i].name, name) == 0)
            return apply->apps[i].take != TAKE_LEAVE;
    return false;
}

void apply_mark_up(const struct apply *apply, const struct supervisor *supervisor, bool *set) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++) {
        struct instance_view view = supervisor_view(supervisor, i);
        bool is_restarting = view.wanted && (view.pending || phase_is_stopping(view.life->phase));
        set[i] = !view.is_gone && (is_restarting || apply_is_to_come_up(apply, view.name));
    }
}

void apply_mark_gone(const struct supervisor *supervisor, bool *set) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++)
        set[i] = supervisor_view(supervisor, i).is_gone;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static const char *apply_kind_word(const struct apply_app *app) {
    switch (app->kind) {
    case DIFF_NEW:
        return "new";
    case DIFF_GONE:
        return "gone";
    case DIFF_SAME:
        return app->has_other_env ? "changed" : "renewed";
    case DIFF_LIVE:
    case DIFF_START:
        break;
    }
    return "changed";
}

/* What is done: `start`, `stop`, `restart`; `live` when it takes effect without any, `none` when at the next start. */
static const char *apply_action_word(const struct apply_app *app) {
    if (app->kind == DIFF_GONE)
        return app->has_process ? "stop" : "none";
    if (app->take == TAKE_RESTART)
        return app->has_process ? "restart" : "start";
    if (app->take == TAKE_START && !app->is_up)
        return "start";
    return app->is_up ? "live" : "none";
}

static void apply_report_keys(const struct manifest_key *keys, uint64_t set, const char *key, struct text *out) {
    json_text_array(out, key);
    for (size_t row = 0; keys[row].name; row++)
        if (set >> row & 1)
            json_text_string(out, NULL, keys[row].name);
    json_text_array_end(out);
}

void apply_report_obstacles(const struct apply *apply, const char *key, struct text *out) {
    apply_report_keys(manifest_supervisor_keys, apply->for_new_supervisor, key, out);
}

void apply_report(const struct apply *apply, struct text *out) {
    json_text_array(out, "changes");
    for (size_t i = 0; i < apply->count; i++) {
        const struct apply_app *app = &apply->apps[i];
        if (!apply_is_change(app))
            continue;
        json_text_object(out, NULL);
        json_text_string(out, "app", app->name);
        json_text_string(out, "change", apply_kind_word(app));
        json_text_string(out, "action", apply_action_word(app));
        apply_report_keys(manifest_app_keys, app->keys, "keys", out);
        json_text_lines(out, "variables", text_get(&app->variables));
        json_text_string(out, "why", app->renewal);
        json_text_object_end(out);
    }
    json_text_array_end(out);
    apply_report_keys(manifest_supervisor_keys, apply->keys & ~apply->for_new_supervisor, "supervisor_keys", out);
    apply_report_obstacles(apply, "needs_new_supervisor", out);
    if (apply->worst_case_ms == WORST_NO_LIMIT)
        json_text_null(out, "worst_case_ms");
    else
        json_text_int(out, "worst_case_ms", apply->worst_case_ms);
}
