#include "fake_supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "core/why.h"

struct supervisor *fake_new(struct loop *loop, const char *runtime_dir, const char *names) {
    struct supervisor *fake = calloc(1, sizeof *fake);
    fake->loop = loop;
    fake->state = "ready";
    fake->manifest = (struct manifest){
        .file = strdup("upkeep.ini"),
        .dir = strdup(runtime_dir),
        .supervisor = {.name = strdup("demo"),
                       .root = strdup("/srv/demo"),
                       .runtime_dir = strdup(runtime_dir),
                       .log_dir = strdup("/srv/demo/logs"),
                       .socket_mode = 0666},
    };
    fake->manifest.apps = calloc(FAKE_INSTANCES, sizeof *fake->manifest.apps);
    char *list = strdup(names);
    for (char *rest = list, *name; (name = strtok_r(rest, " ", &rest));) {
        struct fake_instance *instance = &fake->instances[fake->count];
        instance->name = strdup(name);
        instance->life = lifecycle_init(loop_now(loop));
        instance->config = (struct app_config){.command = name, .autostart = true, .max_restarts = 10};
        instance->config.command = strdup("./run");
        instance->config.ready.kind = CONDITION_SPAWNED;
        (void)history_init(&instance->history);
        text_str(&instance->why, "not started yet");
        fake->manifest.apps[fake->count].name = strdup(name);
        fake->count++;
    }
    fake->manifest.app_count = fake->count;
    free(list);
    return fake;
}

void supervisor_free(struct supervisor *fake) {
    for (size_t i = 0; i < fake->count; i++) {
        free(fake->instances[i].name);
        free(fake->instances[i].config.command);
        history_fini(&fake->instances[i].history);
        text_fini(&fake->instances[i].why);
        free(fake->manifest.apps[i].name);
    }
    free(fake->manifest.apps);
    free(fake->manifest.file);
    free(fake->manifest.dir);
    free(fake->manifest.supervisor.name);
    free(fake->manifest.supervisor.root);
    free(fake->manifest.supervisor.runtime_dir);
    free(fake->manifest.supervisor.log_dir);
    text_fini(&fake->asked);
    free(fake);
}

void fake_depends(struct supervisor *fake, size_t index, size_t on) {
    struct fake_instance *instance = &fake->instances[index];
    instance->deps[instance->dep_count++] = on;
}

static void fake_set_times(struct supervisor *fake, struct fake_instance *instance, enum phase phase) {
    struct mono now = loop_now(fake->loop);
    instance->life.since = now;
    instance->life.deadline = phase == PHASE_BACKOFF ? mono_add_ms(now, 5000) : MONO_NEVER;
    if (phase == PHASE_STARTING && !mono_is_set(instance->life.spawned)) {
        instance->pid = 4711;
        instance->life.spawned = now;
    }
    if (!phase_has_process(phase)) {
        instance->pid = 0;
        instance->life.spawned = MONO_UNSET;
    }
}

void fake_change(struct supervisor *fake, size_t index, enum phase phase, enum cause cause, const char *detail) {
    struct fake_instance *instance = &fake->instances[index];
    struct change change = {
        .number = ++fake->changes,
        .time = {.tv_sec = 1700000000, .tv_nsec = 123000000},
        .from = instance->life.phase,
        .to = phase,
        .why = {.cause = cause, .after_ms = 1200},
        .actor = {.kind = ACTOR_POLICY},
        .pid = instance->pid,
        .detail = detail ? strdup(detail) : NULL,
    };
    if (cause == CAUSE_EXITED) {
        change.why.outcome = (struct outcome){.kind = OUTCOME_EXIT, .number = 3};
        instance->life.outcome = change.why.outcome;
        instance->life.record.ends++;
    }
    instance->life.phase = phase;
    fake_set_times(fake, instance, phase);
    text_clear(&instance->why);
    why_print(&change.why, detail, &instance->why);
    history_add(&instance->history, &change);
    struct supervisor_event event = {index, history_at(&instance->history, instance->history.count - 1)};
    for (struct supervisor_watch *watch = fake->watches, *next; watch; watch = next) {
        next = watch->next;
        watch->changed(watch, &event);
    }
}

void fake_round(struct supervisor *fake) {
    for (struct supervisor_watch *watch = fake->watches, *next; watch; watch = next) {
        next = watch->next;
        if (watch->round)
            watch->round(watch);
    }
}

size_t fake_watches(const struct supervisor *fake) {
    size_t count = 0;
    for (const struct supervisor_watch *watch = fake->watches; watch; watch = watch->next)
        count++;
    return count;
}

const char *fake_asked(struct supervisor *fake) {
    static char last[256];
    strncpy(last, text_get(&fake->asked), sizeof last - 1);
    text_clear(&fake->asked);
    return last;
}

/* ---- daemon/supervisor.h ------------------------------------------------------------------------------------------
 */

const struct manifest *supervisor_manifest(const struct supervisor *fake) {
    return &fake->manifest;
}

struct loop *supervisor_loop(const struct supervisor *fake) {
    return fake->loop;
}

const struct env *supervisor_inherited(const struct supervisor *fake) {
    (void)fake;
    static const struct env none;
    return &none;
}

uint64_t supervisor_edition(const struct supervisor *fake) {
    (void)fake;
    return 0;
}

struct tag_range supervisor_tags(const struct supervisor *fake) {
    (void)fake;
    return (struct tag_range){1, UINT32_MAX - 1};
}

struct mono supervisor_began(const struct supervisor *fake) {
    (void)fake;
    return (struct mono){0};
}

size_t supervisor_count(const struct supervisor *fake) {
    return fake->count;
}

struct instance_view supervisor_view(const struct supervisor *fake, size_t index) {
    const struct fake_instance *instance = &fake->instances[index];
    return (struct instance_view){
        .index = index,
        .app = instance->name,
        .name = instance->name,
        .instance = 1,
        .tag = (uint32_t)index + 1,
        .life = &instance->life,
        .config = &instance->config,
        .pid = instance->pid,
        .why = text_get(&instance->why),
        .status = instance->status,
        .tail = instance->tail ? instance->tail : "",
        .log_path = instance->log_path,
        .history = &instance->history,
        .manifest_app = &fake->manifest.apps[index],
        .wanted = instance->wanted,
        .pending = instance->pending,
    };
}

const size_t *supervisor_dependencies(const struct supervisor *fake, size_t index, size_t *count_out) {
    *count_out = fake->instances[index].dep_count;
    return fake->instances[index].deps;
}

size_t supervisor_select(const struct supervisor *fake, const char *word, bool *set) {
    for (size_t i = 0; i < fake->count; i++)
        if (strcmp(fake->instances[i].name, word) == 0) {
            set[i] = true;
            return 1;
        }
    return 0;
}

static void fake_ask(struct supervisor *fake, const char *what, const bool *set, bool wanted, struct actor actor) {
    text_str(&fake->asked, what);
    fake->actor = actor;
    for (size_t i = 0; i < fake->count; i++) {
        if (!set[i])
            continue;
        text_printf(&fake->asked, " %s", fake->instances[i].name);
        fake->instances[i].wanted = wanted;
        fake->instances[i].pending = true;
    }
}

void supervisor_start(struct supervisor *fake, const bool *set, struct actor actor) {
    fake_ask(fake, "start", set, true, actor);
}

void supervisor_stop(struct supervisor *fake, const bool *set, struct actor actor) {
    fake_ask(fake, "stop", set, false, actor);
}

void supervisor_restart(struct supervisor *fake, const bool *set, struct actor actor) {
    fake_ask(fake, "restart", set, true, actor);
}

int supervisor_signal(struct supervisor *fake, size_t index, int signal, struct actor actor) {
    text_printf(&fake->asked, "signal %d %s", signal, fake->instances[index].name);
    fake->actor = actor;
    return fake->signal_error;
}

bool supervisor_has_other_environment(struct supervisor *fake, size_t index) {
    (void)fake, (void)index;
    return false;
}

bool supervisor_take(struct supervisor *fake, struct manifest *manifest, struct app_config *configs,
                     const enum take *takes, struct actor actor) {
    (void)manifest, (void)configs, (void)takes;
    text_str(&fake->asked, "take");
    fake->actor = actor;
    return true;
}

void supervisor_shutdown(struct supervisor *fake, struct actor actor) {
    text_str(&fake->asked, "shutdown");
    fake->actor = actor;
    fake->state = "stopping";
}

const char *supervisor_state(const struct supervisor *fake) {
    return fake->state;
}

void supervisor_watch(struct supervisor *fake, struct supervisor_watch *watch) {
    watch->next = fake->watches;
    fake->watches = watch;
}

void supervisor_unwatch(struct supervisor *fake, struct supervisor_watch *watch) {
    for (struct supervisor_watch **at = &fake->watches; *at; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            return;
        }
}

struct trial *supervisor_new_trial(struct supervisor *fake, size_t index, const struct condition *condition,
                                   struct text *error) {
    return trial_new(fake->loop, condition, "/", &fake->instances[index].config, &(struct env){0}, error);
}

struct trial_app supervisor_trial_app(struct supervisor *fake, size_t index, const struct condition *condition) {
    (void)fake, (void)index, (void)condition;
    return (struct trial_app){.any_owner = true};
}

void supervisor_hold_health(struct supervisor *fake, size_t index, bool hold) {
    fake->instances[index].holds += hold ? 1 : -1;
}

bool supervisor_environment(struct supervisor *fake, size_t index, struct env *env, struct diags *diags) {
    (void)index;
    if (fake->environment_fails) {
        diags_add(diags, DIAG_ERROR, ".env", 3, "no value for KEY");
        return false;
    }
    return env_set(env, "SECRET", 6, "hunter2", ".env", 12) &&
           env_set(env, "HOME", 4, "/root", ENV_ORIGIN_INHERITED, 0);
}
