/* The supervisor as others look at it: nothing here changes what is supervised. */
#include <stdlib.h>
#include <string.h>

#include "core/why.h"
#include "daemon/detail.h"
#include "daemon/supervisor_inside.h"

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
    const char *missing = detail_dependency(&sv->roster, instance, last->why.cause);
    why_print(&last->why, missing ? missing : last->detail, out);
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
    bool is_starting = instance->life.phase == PHASE_STARTING;
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
        .answer = is_starting ? readiness_last_answer(instance->readiness) : NULL,
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

bool supervisor_has_failed(const struct supervisor *sv) {
    for (size_t i = 0; i < sv->roster.count; i++)
        if (sv->roster.plan[i].phase == PHASE_FAILED || sv->roster.plan[i].phase == PHASE_BLOCKED)
            return true;
    return false;
}

/* Counts the wanted instances by what ready_when asks for. */
static bool supervisor_is_ready(const struct supervisor *sv) {
    size_t wanted = 0;
    size_t up = 0;
    size_t begun = 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        enum phase phase = sv->roster.plan[i].phase;
        bool is_wanted = sv->roster.plan[i].goal == GOAL_UP || supervisor_is_to_start(sv->roster.instances[i]);
        if (!is_wanted && !phase_is_up(phase))
            continue;
        wanted++;
        up += phase_is_up(phase);
        begun += phase_is_up(phase) || phase == PHASE_STARTING;
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
