#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/plan.h"
#include "daemon/detail.h"
#include "daemon/supervisor_inside.h"

static struct supervisor *supervisor_of(struct instance *instance) {
    return (struct supervisor *)(void *)instance->context;
}

/* For jitter only. xorshift32 */
static uint32_t supervisor_chance(struct supervisor *sv) {
    sv->random ^= sv->random << 13;
    sv->random ^= sv->random >> 17;
    sv->random ^= sv->random << 5;
    return sv->random;
}

/* ---- posting ---------------------------------------------------------------------------------------------------- */

static void supervisor_dispatch(struct loop_post *post);

void supervisor_wake(struct supervisor *sv) {
    loop_post(sv->context.loop, &sv->dispatch, supervisor_dispatch);
}

void supervisor_post(struct instance *instance, enum lifecycle_event_kind kind) {
    struct supervisor *sv = supervisor_of(instance);
    if (!instance->is_posted) {
        instance->is_posted = true;
        instance->next_posted = NULL;
        *sv->posted_end = instance;
        sv->posted_end = &instance->next_posted;
    }
    instance->posted |= 1U << kind;
    supervisor_wake(sv);
}

static void supervisor_timer_due(struct loop_timer *timer) {
    supervisor_post(LOOP_CONTAINER(timer, struct instance, timer), EVENT_TICK);
}

/* ---- publishing a change ---------------------------------------------------------------------------------------- */

static struct actor supervisor_actor_of(const struct instance *instance, enum cause cause) {
    switch (cause) {
    case CAUSE_ASKED_START:
    case CAUSE_ASKED_STOP:
    case CAUSE_ASKED_RESTART:
    case CAUSE_ASKED_KILL:
        return instance->actor;
    case CAUSE_DEPENDENCY_READY:
    case CAUSE_DEPENDENCY_MISSING:
    case CAUSE_DEPENDENCY_FAILED:
        return (struct actor){.kind = ACTOR_DEPENDENCY};
    case CAUSE_NONE:
    case CAUSE_BACKOFF_OVER:
    case CAUSE_SPAWNED:
    case CAUSE_SPAWN_FAILED:
    case CAUSE_READY:
    case CAUSE_NOT_READY_IN_TIME:
    case CAUSE_UNFIT:
    case CAUSE_UNHEALTHY:
    case CAUSE_WATCHDOG:
    case CAUSE_ENDING:
    case CAUSE_EXITED:
    case CAUSE_PRE_START_DONE:
    case CAUSE_PRE_START_FAILED:
    case CAUSE_STOP_COMMAND_ENDED:
    case CAUSE_KILL_TIMEOUT:
        break;
    }
    return (struct actor){.kind = ACTOR_POLICY};
}

static void supervisor_publish(struct supervisor *sv, struct instance *instance, enum phase from,
                               const struct why *why) {
    struct change change = {
        .number = ++sv->changes,
        .from = from,
        .to = instance->life.phase,
        .why = *why,
        .actor = supervisor_actor_of(instance, why->cause),
        .pid = instance->last_pid,
        .next_start = instance->life.phase == PHASE_BACKOFF ? instance->life.deadline : MONO_NEVER,
        .detail = detail_take(&sv->roster, instance, why->cause),
    };
    (void)clock_gettime(CLOCK_REALTIME, &change.time);
    history_add(&instance->history, &change);
    free(instance->why);
    instance->why = NULL;
    struct supervisor_event event = {instance->index, history_at(&instance->history, instance->history.count - 1)};
    for (struct supervisor_watch *watch = sv->watches, *next; watch; watch = next) {
        next = watch->next;
        watch->changed(watch, &event);
    }
}

void supervisor_watch(struct supervisor *sv, struct supervisor_watch *watch) {
    watch->next = sv->watches;
    sv->watches = watch;
}

void supervisor_unwatch(struct supervisor *sv, struct supervisor_watch *watch) {
    for (struct supervisor_watch **at = &sv->watches; *at; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            return;
        }
}

/* ---- stepping --------------------------------------------------------------------------------------------------- */

static void supervisor_gates_changed(struct supervisor *sv, size_t index) {
    for (size_t i = 0; i < sv->roster.count; i++) {
        enum phase phase = sv->roster.plan[i].phase;
        if (phase != PHASE_WAITING && phase != PHASE_BLOCKED)
            continue;
        for (size_t d = 0; d < sv->roster.plan[i].dep_count; d++)
            if (sv->roster.plan[i].deps[d] == index)
                supervisor_post(sv->roster.instances[i], EVENT_GATE);
    }
}

static void supervisor_after_step(struct supervisor *sv, struct instance *instance, const struct lifecycle *before,
                                  const struct lifecycle_step *step) {
    const struct lifecycle *life = &instance->life;
    loop_timer_at(sv->context.loop, &instance->timer, life->deadline, supervisor_timer_due);
    if (before->phase != life->phase && phase_is_stopping(life->phase) && !phase_is_stopping(before->phase)) {
        if (step->why.cause == CAUSE_NOT_READY_IN_TIME && !instance->detail) {
            const char *answer = readiness_last_answer(instance->readiness);
            instance_set_detail(instance, answer ? strdup(answer) : NULL);
        }
        readiness_give_up(instance->readiness);
    }
    if (before->phase == PHASE_READY && life->phase != PHASE_READY)
        health_stop(instance->health);
    if (before->phase != PHASE_READY && life->phase == PHASE_READY)
        instance_watch_health(instance);
    if (step->why.cause != CAUSE_NONE)
        supervisor_publish(sv, instance, before->phase, &step->why);
    if (before->phase != life->phase)
        supervisor_gates_changed(sv, instance->index);
    bool is_over = life->phase == PHASE_STOPPED || life->phase == PHASE_DONE || life->phase == PHASE_FAILED;
    if (is_over && before->phase != life->phase && !sv->is_shutting_down)
        instance_close_sockets(instance);
    if (life->phase == PHASE_FAILED && before->phase != PHASE_FAILED &&
        sv->manifest.supervisor.on_failure == ON_FAILURE_EXIT)
        supervisor_give_up(sv);
}

/* A pre_start before it may have left somebody behind, which has to go before the instance counts as down. */
static void supervisor_look_after_failed_spawn(struct supervisor *sv, struct instance *instance) {
    instance->tree_left =
        instance->life.step > 0 && (tree_orphans(&sv->orphans) < 0 || tree_tags_has(&sv->orphans, instance->tag));
}

static enum gate supervisor_gate(const struct supervisor *sv, const struct instance *instance) {
    enum gate gate = plan_gate(sv->roster.plan, instance->index);
    return gate == GATE_OPEN && roster_obstacle(&sv->roster, instance) ? GATE_CLOSED : gate;
}

/* Who waits for the end of a process that a manifest has ended may go on once it is down, or another is started. */
static void supervisor_look_at_leaving(struct supervisor *sv, struct instance *instance, enum act act) {
    bool is_down = !phase_has_process(instance->life.phase) || act == ACT_SPAWN;
    if (!instance->is_leaving || !is_down || sv->roster.plan[instance->index].wish != WISH_NONE)
        return;
    instance->is_leaving = false;
    for (size_t i = 0; i < sv->roster.count; i++)
        if (sv->roster.plan[i].phase == PHASE_WAITING)
            supervisor_post(sv->roster.instances[i], EVENT_GATE);
}

/* The only place where the lifecycle is called. */
static void supervisor_step(struct supervisor *sv, struct instance *instance, enum lifecycle_event_kind kind) {
    if (kind == EVENT_SPAWN_FAILED)
        supervisor_look_after_failed_spawn(sv, instance);
    struct lifecycle_event event = {
        .kind = kind,
        .now = loop_now(sv->context.loop),
        .gate = supervisor_gate(sv, instance),
        .chance = supervisor_chance(sv),
        .explicit_start = instance->is_named,
        .outcome = kind == EVENT_HELPER_ENDED ? instance->helper_outcome : instance->main_outcome,
        .success = instance_is_success(instance, instance->main_outcome),
        .tree_left = instance->tree_left,
        .watchdog_ms = instance->said.watchdog_ms,
        .extend_ms = instance->said.extend_ms,
    };
    struct lifecycle before = instance->life;
    struct lifecycle_step step = lifecycle_step(&before, &instance->rules, &event);
    instance->life = step.next;
    sv->roster.plan[instance->index].phase = step.next.phase;
    sv->roster.plan[instance->index].goal = step.next.goal;
    supervisor_after_step(sv, instance, &before, &step);
    supervisor_look_at_leaving(sv, instance, step.act);
    instance_act(instance, step.act);
}

static void supervisor_release(struct supervisor *sv) {
    bool has_wish = false;
    for (size_t i = 0; i < sv->roster.count && !has_wish; i++)
        has_wish = sv->roster.plan[i].wish != WISH_NONE;
    if (!has_wish)
        return;
    plan_release(sv->roster.plan, sv->roster.count, sv->manifest.supervisor.stop_order == STOP_PARALLEL,
                 sv->roster.marks);
    for (size_t i = 0; i < sv->roster.count; i++) {
        if (!sv->roster.marks[i])
            continue;
        enum plan_wish wish = sv->roster.plan[i].wish;
        sv->roster.plan[i].wish = WISH_NONE;
        supervisor_step(sv, sv->roster.instances[i], wish == WISH_STOP ? EVENT_STOP : EVENT_RESTART);
        supervisor_gates_changed(sv, i);
        supervisor_wake(sv); /* the next in order may go, also when there was no process whose end would tell */
    }
}

/* Whether anything may still happen without being asked for. */
static bool supervisor_is_busy(const struct supervisor *sv) {
    for (size_t i = 0; i < sv->roster.count; i++) {
        enum phase phase = sv->roster.plan[i].phase;
        if (phase_has_process(phase) || phase == PHASE_BACKOFF || sv->roster.plan[i].wish != WISH_NONE ||
            sv->roster.instances[i]->posted != 0)
            return true;
    }
    return false;
}

static void supervisor_end_if_done(struct supervisor *sv) {
    bool may_end = sv->is_shutting_down || (sv->manifest.supervisor.exit_when_done && sv->has_begun);
    if (!may_end || supervisor_is_busy(sv))
        return;
    if (!sv->is_shutting_down && supervisor_has_failed(sv))
        sv->exit_code = 1;
    loop_break(sv->context.loop);
}

/* Hands on what was posted, in the order of the event kinds for one instance: a process that said READY and ended in
 * the same round was ready first. */
static void supervisor_dispatch(struct loop_post *post) {
    struct supervisor *sv = LOOP_CONTAINER(post, struct supervisor, dispatch);
    for (unsigned served = 0; sv->posted; served++) {
        if (served == SUPERVISOR_BATCH) {
            supervisor_wake(sv);
            break;
        }
        struct instance *instance = sv->posted;
        sv->posted = instance->next_posted;
        if (!sv->posted)
            sv->posted_end = &sv->posted;
        uint32_t kinds = instance->posted;
        instance->posted = 0;
        instance->is_posted = false;
        for (unsigned kind = 0; kind < EVENT_COUNT; kind++)
            if (kinds & (1U << kind))
                supervisor_step(sv, instance, (enum lifecycle_event_kind)kind);
    }
    supervisor_release(sv);
    for (struct supervisor_watch *watch = sv->watches, *next; watch; watch = next) {
        next = watch->next;
        if (watch->round)
            watch->round(watch);
    }
    supervisor_remove_gone(sv);
    supervisor_end_if_done(sv);
}

/* ---- ends of processes ------------------------------------------------------------------------------------------ */

/* A round of ends is over: one look at the orphans answers for every instance that waits to hear whether its tree is
 * empty. */
void supervisor_settled(struct supervisor *sv) {
    bool is_needed = false;
    for (size_t i = 0; i < sv->roster.count && !is_needed; i++) {
        const struct instance *instance = sv->roster.instances[i];
        is_needed = instance->is_settling || (instance->main.pid == 0 && phase_is_stopping(instance->life.phase)) ||
                    (instance->posted & (1U << EVENT_HELPER_ENDED));
    }
    if (!is_needed)
        return;
    /* When nothing can be known, somebody may be left: the phases that follow look for themselves. */
    bool is_known = tree_orphans(&sv->orphans) >= 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        struct instance *instance = sv->roster.instances[i];
        instance->tree_left = !is_known || tree_tags_has(&sv->orphans, instance->tag);
        if (instance->is_settling) {
            instance->is_settling = false;
            supervisor_post(instance, EVENT_EXITED);
        } else if (instance->main.pid == 0 && !instance->tree_left && phase_is_stopping(instance->life.phase)) {
            supervisor_post(instance, EVENT_EMPTIED);
        }
    }
}

/* ---- wishes ----------------------------------------------------------------------------------------------------- */

static void supervisor_wish(struct supervisor *sv, const bool *set, enum plan_wish wish, struct actor actor) {
    for (size_t i = 0; i < sv->roster.count; i++) {
        if (!set[i] || (sv->roster.instances[i]->is_gone && wish != WISH_STOP))
            continue;
        sv->roster.instances[i]->actor = actor;
        sv->roster.plan[i].wish = wish;
    }
    supervisor_wake(sv);
}

void supervisor_want(struct supervisor *sv, const bool *named, bool is_explicit, struct actor actor) {
    if (sv->is_shutting_down)
        return;
    sv->has_begun = true;
    memcpy(sv->roster.marks, named, sv->roster.count * sizeof *named);
    plan_close_over_deps(sv->roster.plan, sv->roster.count, sv->roster.marks);
    for (size_t i = 0; i < sv->roster.count; i++) {
        struct instance *instance = sv->roster.instances[i];
        if (!sv->roster.marks[i] || instance->is_gone)
            continue;
        if (sv->roster.plan[i].wish == WISH_STOP)
            sv->roster.plan[i].wish = WISH_NONE;
        instance->actor = actor;
        instance->is_named = is_explicit && named[i];
        supervisor_post(instance, EVENT_START);
    }
}

void supervisor_start(struct supervisor *sv, const bool *set, struct actor actor) {
    supervisor_want(sv, set, true, actor);
}

void supervisor_start_auto(struct supervisor *sv, struct actor actor) {
    bool *set = calloc(sv->roster.count + 1, sizeof *set);
    if (!set)
        return;
    for (size_t i = 0; i < sv->roster.count; i++)
        set[i] = sv->roster.instances[i]->config.autostart;
    supervisor_want(sv, set, false, actor);
    free(set);
}

void supervisor_stop(struct supervisor *sv, const bool *set, struct actor actor) {
    for (size_t i = 0; i < sv->roster.count; i++)
        if (set[i])
            sv->roster.instances[i]->posted &= ~(1U << EVENT_START);
    supervisor_wish(sv, set, WISH_STOP, actor);
}

void supervisor_restart(struct supervisor *sv, const bool *set, struct actor actor) {
    if (sv->is_shutting_down)
        return;
    bool *deps = calloc(sv->roster.count + 1, sizeof *deps);
    if (!deps)
        return;
    memcpy(deps, set, sv->roster.count * sizeof *set);
    plan_close_over_deps(sv->roster.plan, sv->roster.count, deps);
    for (size_t i = 0; i < sv->roster.count; i++)
        deps[i] = deps[i] && !set[i] && sv->roster.plan[i].goal == GOAL_DOWN && sv->roster.plan[i].phase != PHASE_DONE;
    supervisor_want(sv, deps, false, actor);
    free(deps);
    supervisor_wish(sv, set, WISH_RESTART, actor);
}

void supervisor_shutdown(struct supervisor *sv, struct actor actor) {
    bool is_second = sv->is_shutting_down;
    output_hub_end(sv->context.hub);
    sv->is_shutting_down = true;
    for (size_t i = 0; i < sv->roster.count; i++) {
        struct instance *instance = sv->roster.instances[i];
        instance->posted &= ~(1U << EVENT_START);
        instance->actor = actor;
        sv->roster.plan[i].wish = is_second ? WISH_NONE : WISH_STOP;
        if (is_second)
            supervisor_post(instance, EVENT_KILL);
    }
    supervisor_wake(sv);
}

void supervisor_give_up(struct supervisor *sv) {
    if (sv->is_shutting_down)
        return;
    sv->exit_code = 1;
    supervisor_shutdown(sv, (struct actor){.kind = ACTOR_POLICY});
}

int supervisor_signal(struct supervisor *sv, size_t index, int signal, struct actor actor) {
    sv->roster.instances[index]->actor = actor;
    return instance_signal(sv->roster.instances[index], signal);
}

struct trial *supervisor_new_trial(struct supervisor *sv, size_t index, const struct condition *condition,
                                   struct text *error) {
    return instance_new_trial(sv->roster.instances[index], condition, error);
}

struct trial_app supervisor_trial_app(struct supervisor *sv, size_t index, const struct condition *condition) {
    return instance_trial_app(sv->roster.instances[index], condition);
}

void supervisor_hold_health(struct supervisor *sv, size_t index, bool hold) {
    if (hold)
        health_hold(sv->roster.instances[index]->health);
    else
        health_release(sv->roster.instances[index]->health);
}

/* ---- making and ending ------------------------------------------------------------------------------------------ */

struct instance *supervisor_new_instance(struct supervisor *sv, const struct manifest_app *app) {
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return NULL;
    if (instance_init(instance, &sv->context, SUPERVISOR_NEW, app, sv->next_tag, sv->runtime_dir,
                      loop_now(sv->context.loop)) == 0) {
        sv->next_tag += INSTANCE_TAGS;
        return instance;
    }
    instance_free(instance);
    return NULL;
}

void supervisor_enroll(struct supervisor *sv, struct roster *roster) {
    for (size_t i = 0; i < roster->count; i++) {
        struct instance *instance = roster->instances[i];
        size_t from = instance->index;
        if (from == SUPERVISOR_NEW)
            roster->plan[i] = (struct plan_app){.phase = instance->life.phase, .goal = instance->life.goal};
        else
            roster->plan[i] = sv->roster.plan[from];
        roster->from[i] = from;
        instance->index = i;
    }
    roster_link(roster);
    roster_fini(&sv->roster);
    sv->roster = *roster;
    for (struct supervisor_watch *watch = sv->watches, *next; watch; watch = next) {
        next = watch->next;
        if (watch->moved)
            watch->moved(watch, sv->roster.from, sv->roster.count);
    }
}

static bool supervisor_init(struct supervisor *sv, char *const *environment) {
    if (!env_import(&sv->inherited, environment, ENV_ORIGIN_INHERITED))
        return false;
    sv->context.launch = (struct launch_context){&sv->manifest, &sv->inherited, NULL};
    struct roster roster;
    if (!roster_init(&sv->roster, sv->manifest.app_count, 0))
        return false;
    for (size_t i = 0; i < sv->manifest.app_count; i++) {
        struct instance *instance = supervisor_new_instance(sv, &sv->manifest.apps[i]);
        if (!instance)
            return false;
        sv->roster.instances[sv->roster.count++] = instance;
    }
    if (!roster_init(&roster, sv->roster.count, roster_edges(&sv->roster)))
        return false;
    memcpy(roster.instances, sv->roster.instances, sv->roster.count * sizeof(struct instance *));
    roster.count = sv->roster.count;
    supervisor_enroll(sv, &roster);
    sockets_end_claims(sv->context.sockets);
    return true;
}

struct supervisor *supervisor_new(struct loop *loop, struct manifest *manifest, char *const *environment,
                                  uint32_t tag_base, int terminal_fd) {
    struct supervisor *sv = calloc(1, sizeof *sv);
    if (!sv)
        return NULL;
    sv->manifest = *manifest;
    *manifest = (struct manifest){0};
    sv->runtime_dir = sv->manifest.supervisor.runtime_dir;
    sv->posted_end = &sv->posted;
    sv->tag_base = tag_base;
    sv->next_tag = tag_base;
    sv->random = tag_base | 1U;
    sv->began = loop_now(loop);
    sv->context.loop = loop;
    sv->context.post = supervisor_post;
    sv->context.hub = output_hub_new(loop, sv->runtime_dir, sv->manifest.supervisor.log_dir, terminal_fd);
    sv->context.sockets = sockets_new();
    if (!sv->context.hub || !sv->context.sockets || !supervisor_init(sv, environment)) {
        supervisor_free(sv);
        return NULL;
    }
    return sv;
}

void supervisor_free(struct supervisor *sv) {
    if (!sv)
        return;
    loop_post_cancel(sv->context.loop, &sv->dispatch);
    for (size_t i = 0; i < sv->roster.count; i++)
        instance_free(sv->roster.instances[i]);
    sockets_free(sv->context.sockets);
    if (sv->context.hub)
        output_hub_free(sv->context.hub);
    roster_fini(&sv->roster);
    tree_tags_fini(&sv->orphans);
    env_fini(&sv->context.env);
    env_fini(&sv->inherited);
    manifest_fini(&sv->manifest);
    supervisor_forget_past(sv);
    if (sv->past)
        manifest_fini(&sv->past->manifest);
    free(sv->past);
    free(sv);
}
