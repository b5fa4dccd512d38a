#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/plan.h"
#include "core/why.h"
#include "daemon/say.h"
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

/* The first instance whose process has to go before this one is started. */
static const struct instance *supervisor_obstacle(const struct supervisor *sv, const struct instance *instance) {
    if (!instance->awaits_gone && instance->awaited_port == 0)
        return NULL;
    for (size_t i = 0; i < sv->roster.count; i++) {
        const struct instance *other = sv->roster.instances[i];
        bool is_awaited = (instance->awaits_gone && other->is_gone) ||
                          (instance->awaited_port != 0 && instance->awaited_port == other->config.port);
        if (other != instance && other->is_leaving && is_awaited)
            return other;
    }
    return NULL;
}

/* The dependency that holds an instance up. */
static char *supervisor_missing_dependency(const struct supervisor *sv, const struct instance *instance,
                                           enum cause cause) {
    const struct plan_app *app = &sv->roster.plan[instance->index];
    for (size_t i = 0; i < app->dep_count; i++) {
        const struct plan_app *dep = &sv->roster.plan[app->deps[i]];
        bool has_failed = dep->phase == PHASE_FAILED || dep->phase == PHASE_BLOCKED;
        bool is_up = (dep->phase == PHASE_READY || dep->phase == PHASE_DONE) && dep->wish == WISH_NONE;
        if (cause == CAUSE_DEPENDENCY_FAILED ? has_failed : !is_up)
            return strdup(sv->roster.instances[app->deps[i]]->name);
    }
    const struct instance *obstacle = supervisor_obstacle(sv, instance);
    return obstacle ? strdup(obstacle->name) : NULL;
}

/* The end of a takedown has the cause that began it, and so the same detail. */
static char *supervisor_earlier_detail(const struct instance *instance, enum cause cause) {
    for (unsigned i = instance->history.count; i-- > 0;) {
        const struct change *change = history_at(&instance->history, i);
        if (change->why.cause == cause && change->detail)
            return strdup(change->detail);
        if (change->to == PHASE_SPAWNING)
            break;
    }
    return NULL;
}

/* With ERRNO= an app tells why it will end. */
static char *supervisor_said_error(const struct instance *instance) {
    char *words = NULL;
    if (instance->said.error == 0 ||
        asprintf(&words, "it said ERRNO=%d (%s)", instance->said.error, strerror(instance->said.error)) < 0)
        return NULL;
    return words;
}

/* A program that daemonizes itself ends at once, well, and leaves the real one behind. */
static bool supervisor_went_to_background(const struct instance *instance) {
    const struct lifecycle *life = &instance->life;
    return life->phase == PHASE_CLEARING && life->takedown == CAUSE_EXITED && life->outcome.kind == OUTCOME_EXIT &&
           life->outcome.number == 0 && life->lasted_ms < instance->config.min_uptime_ms && !instance->rules.oneshot;
}

static char *supervisor_exit_detail(const struct instance *instance) {
    char *said = supervisor_said_error(instance);
    if (said)
        return said;
    if (supervisor_went_to_background(instance))
        return strdup("it left processes behind; an app has to stay in the foreground");
    return supervisor_earlier_detail(instance, CAUSE_EXITED);
}

static char *supervisor_take_detail(const struct supervisor *sv, struct instance *instance, enum cause cause) {
    char *detail = instance->detail;
    instance->detail = NULL;
    if (detail)
        return detail;
    switch (cause) {
    case CAUSE_DEPENDENCY_READY:
    case CAUSE_DEPENDENCY_MISSING:
    case CAUSE_DEPENDENCY_FAILED:
        return supervisor_missing_dependency(sv, instance, cause);
    case CAUSE_NOT_READY_IN_TIME: {
        const char *answer = readiness_last_answer(instance->readiness);
        if (answer && !phase_has_process(instance->life.phase))
            return supervisor_earlier_detail(instance, cause);
        return answer ? strdup(answer) : NULL;
    }
    case CAUSE_UNFIT:
    case CAUSE_UNHEALTHY:
    case CAUSE_SPAWN_FAILED:
        return supervisor_earlier_detail(instance, cause);
    case CAUSE_EXITED:
        return supervisor_exit_detail(instance);
    case CAUSE_NONE:
    case CAUSE_ASKED_START:
    case CAUSE_ASKED_STOP:
    case CAUSE_ASKED_RESTART:
    case CAUSE_ASKED_KILL:
    case CAUSE_BACKOFF_OVER:
    case CAUSE_SPAWNED:
    case CAUSE_READY:
    case CAUSE_WATCHDOG:
    case CAUSE_ENDING:
    case CAUSE_PRE_START_DONE:
    case CAUSE_PRE_START_FAILED:
    case CAUSE_STOP_COMMAND_ENDED:
    case CAUSE_KILL_TIMEOUT:
        break;
    }
    return NULL;
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
        .detail = supervisor_take_detail(sv, instance, why->cause),
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
    return gate == GATE_OPEN && supervisor_obstacle(sv, instance) ? GATE_CLOSED : gate;
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

static bool supervisor_has_failed(const struct supervisor *sv) {
    for (size_t i = 0; i < sv->roster.count; i++)
        if (sv->roster.plan[i].phase == PHASE_FAILED || sv->roster.plan[i].phase == PHASE_BLOCKED)
            return true;
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

/* ---- being looked at -------------------------------------------------------------------------------------------- */

const struct manifest *supervisor_manifest(const struct supervisor *sv) {
    return &sv->manifest;
}

uint64_t supervisor_edition(const struct supervisor *sv) {
    return sv->edition;
}

const struct env *supervisor_inherited(const struct supervisor *sv) {
    return &sv->inherited;
}

struct loop *supervisor_loop(const struct supervisor *sv) {
    return sv->context.loop;
}

struct output_hub *supervisor_output(const struct supervisor *sv) {
    return sv->context.hub;
}

struct tag_range supervisor_tags(const struct supervisor *sv) {
    return (struct tag_range){sv->tag_base, sv->next_tag - sv->tag_base};
}

struct tag_range supervisor_first_tags(uint32_t tag_base, size_t instances) {
    return (struct tag_range){tag_base, (uint32_t)instances * INSTANCE_TAGS};
}

struct mono supervisor_began(const struct supervisor *sv) {
    return sv->began;
}

size_t supervisor_count(const struct supervisor *sv) {
    return sv->roster.count;
}

/* What an instance waits for now, which need not be what it began to wait for. */
static void supervisor_print_waiting(const struct supervisor *sv, const struct instance *instance,
                                     const struct change *last, struct text *out) {
    char *missing = supervisor_missing_dependency(sv, instance, last->why.cause);
    why_print(&last->why, missing ? missing : last->detail, out);
    free(missing);
}

static const char *supervisor_why(const struct supervisor *sv, struct instance *instance) {
    const struct change *last =
        instance->history.count > 0 ? history_at(&instance->history, instance->history.count - 1) : NULL;
    bool is_waiting = last && last->to == PHASE_WAITING && last->why.cause == CAUSE_DEPENDENCY_MISSING;
    if (!instance->why || is_waiting) {
        struct text why TEXT_AUTO = {0};
        if (is_waiting)
            supervisor_print_waiting(sv, instance, last, &why);
        else if (last)
            why_print(&last->why, last->detail, &why);
        else
            text_str(&why, "not started yet");
        if (!instance->why || strcmp(instance->why, text_get(&why)) != 0) {
            free(instance->why);
            instance->why = text_take(&why);
        }
    }
    return instance->why ? instance->why : "";
}

/* A start was asked for that the lifecycle has not been told of yet. */
static bool supervisor_is_to_start(const struct instance *instance) {
    return instance->posted & (1U << EVENT_START);
}

struct instance_view supervisor_view(const struct supervisor *sv, size_t index) {
    struct instance *instance = sv->roster.instances[index];
    const char *err_path = output_path(instance->output, true);
    const char *log_path = output_path(instance->output, false);
    bool is_to_start = supervisor_is_to_start(instance);
    return (struct instance_view){
        .index = index,
        .app = instance->name,
        .name = instance->name,
        .instance = 1,
        .tag = instance->tag,
        .life = &instance->life,
        .config = &instance->config,
        .pid = instance_pid(instance),
        .why = supervisor_why(sv, instance),
        .health = health_look(instance->health),
        .status = instance->said.status,
        .is_reloading = instance->said.is_reloading,
        .said_error = instance->said.error,
        .tail = output_tail(instance->output),
        .log_path = log_path,
        .err_path = err_path && (!log_path || strcmp(err_path, log_path) != 0) ? err_path : NULL,
        .history = &instance->history,
        .manifest_app = instance->app,
        .marks = &instance->marks,
        .is_gone = instance->is_gone,
        .spawn_error = instance->spawn_error,
        .wanted = is_to_start || (instance->life.goal == GOAL_UP && sv->roster.plan[index].wish != WISH_STOP),
        .pending = is_to_start || sv->roster.plan[index].wish != WISH_NONE,
    };
}

size_t supervisor_select(const struct supervisor *sv, const char *word, bool *set) {
    size_t count = 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        if (sv->roster.instances[i]->is_gone || strcmp(sv->roster.instances[i]->name, word) != 0)
            continue;
        set[i] = true;
        count++;
    }
    return count;
}

static bool supervisor_is_up(enum phase phase) {
    return phase == PHASE_READY || phase == PHASE_DONE;
}

/* Counts the wanted instances by what ready_when asks for. */
static bool supervisor_is_ready(const struct supervisor *sv) {
    size_t wanted = 0;
    size_t up = 0;
    size_t begun = 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        enum phase phase = sv->roster.plan[i].phase;
        bool is_wanted = sv->roster.plan[i].goal == GOAL_UP || supervisor_is_to_start(sv->roster.instances[i]);
        if (!is_wanted && !supervisor_is_up(phase))
            continue;
        wanted++;
        up += supervisor_is_up(phase);
        begun += supervisor_is_up(phase) || phase == PHASE_STARTING;
    }
    switch (sv->manifest.supervisor.ready_when) {
    case READY_WHEN_ALL:
        return up == wanted;
    case READY_WHEN_ANY:
        return up > 0 || wanted == 0;
    case READY_WHEN_STARTED:
        return begun == wanted;
    }
    return false;
}

const char *supervisor_state(const struct supervisor *sv) {
    if (sv->is_shutting_down)
        return "stopping";
    if (!sv->has_begun)
        return "starting";
    if (supervisor_is_ready(sv))
        return "ready";
    for (size_t i = 0; i < sv->roster.count; i++)
        if (sv->roster.plan[i].phase == PHASE_BACKOFF)
            return "degraded";
    return supervisor_has_failed(sv) ? "degraded" : "starting";
}

const size_t *supervisor_dependencies(const struct supervisor *sv, size_t index, size_t *count_out) {
    *count_out = sv->roster.plan[index].dep_count;
    return sv->roster.plan[index].deps;
}

int supervisor_exit_code(const struct supervisor *sv) {
    return sv->exit_code;
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

bool supervisor_has_other_environment(struct supervisor *sv, size_t index) {
    struct instance *instance = sv->roster.instances[index];
    if (instance->is_gone || !phase_has_process(instance->life.phase))
        return false;
    if (!seen_has_changed(&instance->seen))
        return instance->has_other_env;
    struct seen seen = {0};
    struct env env = {0};
    struct diags diags = {0};
    struct text unheard TEXT_AUTO = {0};
    struct launch_context context = {&sv->manifest, &sv->inherited, &seen};
    instance->has_other_env = !launch_environment(&context, instance->app, &env, &diags) ||
                              env_marks_compare(&instance->marks, &env, sv->manifest.file, &unheard) > 0;
    seen_clear(&instance->seen);
    instance->seen = seen;
    diags_fini(&diags);
    env_fini(&env);
    return instance->has_other_env;
}

bool supervisor_environment(struct supervisor *sv, size_t index, struct env *env, struct diags *diags) {
    return launch_environment(&sv->context.launch, sv->roster.instances[index]->app, env, diags);
}
