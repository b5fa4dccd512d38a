#include "daemon/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"
#include "daemon/require.h"
#include "daemon/say.h"
#include "host/tree.h"

static void instance_ready(void *context, const char *how) {
    struct instance *instance = context;
    instance_set_detail(instance, strdup(how));
    instance->context->post(instance, EVENT_READY);
}

static void instance_unfit(void *context, const char *why) {
    struct instance *instance = context;
    instance_set_detail(instance, strdup(why));
    instance->context->post(instance, EVENT_UNFIT);
}

static int64_t instance_ms(int64_t us) {
    const int64_t max_us = LIMIT_SAID_MS * (int64_t)1000;
    return ((us < max_us ? us : max_us) + 999) / 1000;
}

static void instance_hear(void *context, const struct notify_message *message) {
    struct instance *instance = context;
    struct instance_said *said = &instance->said;
    if (message->has_status) {
        free(said->status);
        said->status = strdup(message->status);
    }
    if (message->error > 0)
        said->error = message->error;
    if (message->reloading || message->ready) {
        said->is_reloading = message->reloading;
        health_set_reloading(instance->health, said->is_reloading);
    }
    if (message->has_watchdog_us)
        said->watchdog_ms = instance_ms(message->watchdog_us);
    if (message->watchdog || message->has_watchdog_us)
        instance->context->post(instance, EVENT_ALIVE);
    if (message->watchdog_trigger)
        instance->context->post(instance, EVENT_HUNG);
    if (message->stopping)
        instance->context->post(instance, EVENT_ENDING);
    if (message->extend_us > 0) {
        said->extend_ms = instance_ms(message->extend_us);
        instance->context->post(instance, EVENT_EXTEND);
    }
}

/* A new process has said nothing yet. */
static void instance_forget_said(struct instance *instance) {
    free(instance->said.status);
    instance->said = (struct instance_said){.watchdog_ms = -1};
}

/* The main process is gone; the rest of its tree is looked at once the round of ends is over. */
static void instance_end(struct instance *instance, struct outcome outcome) {
    instance->main_outcome = outcome;
    output_drain(instance->output);
    readiness_stop(instance->readiness);
    instance->is_settling = true;
}

/* Its parent, which was the main process before, is one of the rest now. How it ended was told to that parent alone. */
static void instance_successor_ended(struct proc *proc, struct outcome outcome) {
    struct instance *instance = LOOP_CONTAINER(proc, struct instance, successor);
    proc_forget(&instance->main);
    instance_end(instance, outcome);
}

static void instance_main_pid(void *context, pid_t pid) {
    struct instance *instance = context;
    if (pid == instance->successor.pid)
        return;
    proc_forget(&instance->successor);
    if (pid == instance->main.pid)
        return;
    int r = proc_adopt(&instance->successor, pid, instance->tag, instance_successor_ended);
    if (r < 0)
        say(SAY_WARNING, instance->name, "MAINPID=%d: %s", (int)pid, strerror(-r));
}

static const struct readiness_events instance_readiness_events = {
    .ready = instance_ready,
    .unfit = instance_unfit,
    .main_pid = instance_main_pid,
    .said = instance_hear,
};

static struct sockets_request instance_sockets(const struct instance *instance) {
    return (struct sockets_request){.app = instance->name,
                                    .listen = &instance->config.listen,
                                    .root = instance->context->launch.manifest->supervisor.root,
                                    .env = &instance->context->env};
}

int instance_init(struct instance *instance, struct instance_context *context, size_t index,
                  const struct manifest_app *app, uint32_t tag, const char *runtime_dir, struct mono now) {
    *instance = (struct instance){.context = context,
                                  .index = index,
                                  .app = app,
                                  .tag = tag,
                                  .nest = {.tag = tag + 1, .terms = &instance->terms},
                                  .life = lifecycle_init(now),
                                  .said.watchdog_ms = -1};
    instance->name = strdup(app->name);
    int r = instance->name ? history_init(&instance->history) : -ENOMEM;
    if (r < 0)
        return r;
    instance->output = output_new(context->hub, instance->name);
    instance->readiness = readiness_new(context->loop, runtime_dir, instance->name, tag, &instance->nest,
                                        &instance_readiness_events, instance);
    instance->health = health_new(context->loop, &instance_health_events, instance);
    if (!instance->output || !instance->readiness || !instance->health)
        return -ENOMEM;
    /* For rules, dependencies and the like until the first start; what is wrong now is said by that start, if it still
     * is. */
    struct text error TEXT_AUTO = {0};
    (void)instance_configure(instance, &error);
    struct sockets_request sockets = instance_sockets(instance);
    sockets_claim(context->sockets, &sockets);
    return 0;
}

void instance_fini(struct instance *instance) {
    loop_timer_stop(instance->context->loop, &instance->timer);
    if (instance->readiness)
        readiness_free(instance->readiness);
    health_free(instance->health);
    if (instance->output)
        output_free(instance->output);
    history_fini(&instance->history);
    app_config_fini(&instance->config);
    list_fini(&instance->next_depends_on);
    launch_fini(&instance->launch);
    launch_terms_fini(&instance->terms);
    env_marks_fini(&instance->marks);
    seen_clear(&instance->seen);
    env_fini(&instance->own_env);
    free(instance->detail);
    free(instance->said.status);
    free(instance->why);
    free(instance->name);
}

void instance_free(struct instance *instance) {
    if (!instance)
        return;
    instance_fini(instance);
    free(instance);
}

void instance_set_detail(struct instance *instance, char *detail) {
    free(instance->detail);
    instance->detail = detail;
}

static uint32_t instance_u32(int64_t n) {
    return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static enum restart_when instance_restart_when(enum restart_policy policy) {
    switch (policy) {
    case RESTART_ALWAYS:
        return RESTART_WHEN_ALWAYS;
    case RESTART_ON_FAILURE:
        return RESTART_WHEN_FAILED;
    case RESTART_NEVER:
        return RESTART_WHEN_NEVER;
    }
    return RESTART_WHEN_NEVER;
}

static struct lifecycle_rules instance_rules(const struct app_config *config) {
    return (struct lifecycle_rules){
        .oneshot = config->type == APP_ONESHOT,
        .ready_at_spawn = config->ready.kind == CONDITION_SPAWNED,
        .has_stop_command = config->stop_command != NULL,
        .kill_group = config->kill_mode == KILL_GROUP,
        .kill_process_only = config->kill_mode == KILL_PROCESS,
        .pre_start_count = instance_u32((int64_t)config->pre_start.count),
        .ready_timeout_ms = config->ready_timeout_ms,
        .kill_timeout_ms = config->kill_timeout_ms,
        .watchdog_ms = config->watchdog_ms,
        .restart =
            {
                .when = instance_restart_when(config->restart),
                .delay_ms = config->restart_delay_ms,
                .delay_max_ms = config->restart_delay_max_ms,
                .min_uptime_ms = config->min_uptime_ms,
                .window_ms = config->restart_window_ms,
                .max_restarts = instance_u32(config->max_restarts),
            },
    };
}

/* Moves config into its place. */
static void instance_use(struct instance *instance, struct app_config *config) {
    app_config_fini(&instance->config);
    list_fini(&instance->next_depends_on);
    instance->has_next = false;
    instance->config = *config;
    instance->rules = instance_rules(config);
    *config = (struct app_config){0};
}

bool instance_configure(struct instance *instance, struct text *error) {
    struct app_config config = {0};
    bool ok = launch_configure(&instance->context->launch, instance->app, &instance->context->env, &config, error);
    instance_use(instance, &config);
    return ok;
}

void instance_take(struct instance *instance, const struct manifest_app *app, struct app_config *config, bool is_next) {
    instance->app = app;
    if (!is_next) {
        instance_use(instance, config);
        if (instance->life.phase == PHASE_READY)
            instance_watch_health(instance);
        return;
    }
    list_fini(&instance->next_depends_on);
    instance->next_depends_on = config->depends_on;
    instance->has_next = true;
    config->depends_on = (struct list){0};
    app_config_fini(config);
}

const struct list *instance_dependencies(const struct instance *instance) {
    return instance->has_next ? &instance->next_depends_on : &instance->config.depends_on;
}

static void instance_main_ended(struct proc *proc, struct outcome outcome) {
    struct instance *instance = LOOP_CONTAINER(proc, struct instance, main);
    pid_t heir = instance->successor.pid;
    if (heir != 0) {
        /* MAINPID= named another process, which the end of its parent has made our child. */
        proc_forget(&instance->successor);
        if (proc_adopt(&instance->main, heir, instance->tag, instance_main_ended) == 0)
            return;
    }
    instance_end(instance, outcome);
}

static void instance_helper_ended(struct proc *proc, struct outcome outcome) {
    struct instance *instance = LOOP_CONTAINER(proc, struct instance, helper);
    instance->helper_outcome = outcome;
    instance->context->post(instance, EVENT_HELPER_ENDED);
}

/* Starts one of the app's commands with its output. False with the reason in error. */
static bool instance_run(struct instance *instance, const char *command, struct proc *proc, struct proc_spec *spec,
                         void (*ended)(struct proc *, struct outcome), struct text *error) {
    struct launch launch = {0};
    spec->terms = &instance->terms;
    bool ok = launch_command(&instance->context->launch, &instance->config, command, &instance->context->env,
                             instance->tag, &launch, spec, error);
    instance->spawn_error = launch.error;
    if (ok) {
        int out = -1;
        int err = -1;
        output_fds(instance->output, &out, &err);
        proc_spec_pass(spec, out, STDOUT_FILENO);
        proc_spec_pass(spec, err, STDERR_FILENO);
        spec->pid_text = sockets_pid_text(spec->envp);
        struct proc_failure failure;
        int r = proc_spawn(proc, spec, ended, &failure);
        if (r < 0) {
            launch_say_failure(spec, instance->config.cwd, &failure, error);
            instance->spawn_error = -r;
            ok = false;
        }
    }
    if (ok && proc == &instance->main) {
        launch_fini(&instance->launch);
        instance->launch = launch;
    } else {
        launch_fini(&launch);
    }
    return ok;
}

void instance_close_sockets(struct instance *instance) {
    sockets_close(instance->context->sockets, instance->name);
}

/* Surroundings of a command of this start: the environment anew, and the output. */
static bool instance_prepare(struct instance *instance, struct text *error) {
    struct launch_context *launch = &instance->context->launch;
    seen_clear(&instance->seen);
    instance->has_other_env = false;
    launch->seen = &instance->seen;
    bool is_configured = instance_configure(instance, error);
    launch->seen = NULL;
    if (!is_configured)
        return false;
    if (!env_marks_take(&instance->marks, &instance->context->env) ||
        !launch_export(&instance->context->launch, instance->name, &instance->context->env)) {
        text_str(error, "out of memory for the environment");
        return false;
    }
    if (!launch_terms(&instance->config, &instance->terms, error))
        return false;
    const char *root = instance->context->launch.manifest->supervisor.root;
    if (output_prepare(instance->output, &instance->config, root, &instance->context->env, error) < 0)
        return false;
    output_give(instance->output, account_uid(&instance->terms.account));
    if (output_export(instance->output, &instance->context->env))
        return true;
    text_str(error, "out of memory for the environment");
    return false;
}

static bool instance_spawn_main(struct instance *instance, struct text *error) {
    struct instance_context *context = instance->context;
    struct proc_spec spec = {.terms = &instance->terms};
    const char *root = context->launch.manifest->supervisor.root;
    struct sockets_request sockets = instance_sockets(instance);
    if (!sockets_hand_over(context->sockets, &sockets, &context->env, &spec)) {
        text_str(error, "out of memory for its sockets");
        return false;
    }
    if (readiness_prepare(instance->readiness, &instance->config, root, &context->env, &spec, error) < 0)
        return false;
    if (!instance_run(instance, instance->config.command, &instance->main, &spec, instance_main_ended, error)) {
        readiness_stop(instance->readiness);
        return false;
    }
    env_clear(&instance->own_env);
    if (instance_needs_env(&instance->config))
        (void)env_import(&instance->own_env, spec.envp, ENV_ORIGIN_UPKEEP);
    readiness_start(instance->readiness, instance->main.pid, env_envp(&instance->own_env), instance->output);
    return true;
}

static void instance_begin_run(struct instance *instance) {
    output_mark(instance->output);
    instance_forget_said(instance);
}

static bool instance_is_place_free(struct instance *instance, struct text *error) {
    struct instance_context *context = instance->context;
    return readiness_check(instance->readiness, &instance->config, context->launch.manifest->supervisor.root,
                           &context->env, error) >= 0;
}

static bool instance_spawn_step(struct instance *instance, struct text *error) {
    instance->spawn_error = 0;
    if (!instance_prepare(instance, error))
        return false;
    uint32_t step = instance->life.step;
    struct instance_context *context = instance->context;
    if (step == 0)
        instance_begin_run(instance);
    if (step == 0 && !require_met(&context->launch, instance->app, &instance->config, &context->env, error))
        return false;
    struct sockets_request sockets = instance_sockets(instance);
    if (step == 0 && sockets_open(context->sockets, &sockets, error) < 0)
        return false;
    if (step == 0 && instance->rules.pre_start_count > 0 && !instance_is_place_free(instance, error))
        return false;
    if (step >= instance->rules.pre_start_count)
        return instance_spawn_main(instance, error);
    struct proc_spec spec = {0};
    return instance_run(instance, instance->config.pre_start.items[step], &instance->main, &spec, instance_main_ended,
                        error);
}

static void instance_spawn(struct instance *instance) {
    struct text error TEXT_AUTO = {0};
    if (instance_spawn_step(instance, &error)) {
        instance->last_pid = instance->main.pid;
        instance->context->post(instance, EVENT_SPAWNED);
        return;
    }
    instance_set_detail(instance, text_take(&error));
    instance->context->post(instance, EVENT_SPAWN_FAILED);
}

static void instance_run_stop_command(struct instance *instance) {
    struct text error TEXT_AUTO = {0};
    struct proc_spec spec = {0};
    /* The environment is made anew, but the settings that the app runs with stay: only this start's rules may end it.
     */
    struct app_config ignored = {0};
    bool ok = launch_configure(&instance->context->launch, instance->app, &instance->context->env, &ignored, &error);
    app_config_fini(&ignored);
    ok = ok && launch_export(&instance->context->launch, instance->name, &instance->context->env);
    struct text pid TEXT_AUTO = {0};
    text_printf(&pid, "%d", (int)instance_pid(instance));
    ok = ok && env_set(&instance->context->env, "MAINPID", strlen("MAINPID"), text_get(&pid), ENV_ORIGIN_UPKEEP, 0);
    ok = ok &&
         instance_run(instance, instance->config.stop_command, &instance->helper, &spec, instance_helper_ended, &error);
    if (!ok) {
        say(SAY_WARNING, instance->name, "stop_command: %s", text_get(&error));
        instance->helper_outcome = (struct outcome){OUTCOME_LOST, 0, false};
        instance->context->post(instance, EVENT_HELPER_ENDED);
    }
}

pid_t instance_pid(const struct instance *instance) {
    return instance->successor.pid != 0 ? instance->successor.pid : instance->main.pid;
}

int instance_signal(const struct instance *instance, int signal) {
    return proc_signal(instance->successor.pid != 0 ? &instance->successor : &instance->main, signal);
}

static void instance_signal_main(struct instance *instance, int signal) {
    int r = instance_signal(instance, signal);
    if (r < 0 && r != -ESRCH)
        say(SAY_ERROR, instance->name, "cannot send %s to pid %d: %s", value_signal_name(signal),
            (int)instance_pid(instance), strerror(-r));
}

static void instance_signal_tree(struct instance *instance, int signal) {
    pid_t refused = 0;
    int reached = tree_signal(instance->tag, signal, 0, &refused);
    if (reached < 0)
        say(SAY_ERROR, instance->name, "cannot look for its processes: %s", strerror(-reached));
    if (refused != 0)
        say(SAY_ERROR, instance->name, "not permitted to signal pid %d", (int)refused);
    /* Found nobody: the tree emptied between the look that said otherwise and now. */
    if (reached == 0 && instance->main.pid == 0)
        instance->context->post(instance, EVENT_EMPTIED);
}

bool instance_is_success(const struct instance *instance, struct outcome outcome) {
    const struct exit_set *set = &instance->config.success_exit_codes;
    switch (outcome.kind) {
    case OUTCOME_EXIT:
        return outcome.number >= 0 && outcome.number < 256 &&
               (set->codes[outcome.number / 32] & (1U << (outcome.number % 32)));
    case OUTCOME_SIGNAL:
        return outcome.number > 0 && outcome.number < 64 && (set->signals & (UINT64_C(1) << outcome.number));
    case OUTCOME_NONE:
    case OUTCOME_LOST:
        return false;
    }
    return false;
}

void instance_act(struct instance *instance, enum act act) {
    switch (act) {
    case ACT_NONE:
        return;
    case ACT_SPAWN:
        instance_spawn(instance);
        return;
    case ACT_STOP_COMMAND:
        instance_run_stop_command(instance);
        return;
    case ACT_SIGNAL_MAIN:
        instance_signal_main(instance, instance->config.stop_signal);
        return;
    case ACT_SIGNAL_TREE:
        instance_signal_tree(instance, instance->config.stop_signal);
        return;
    case ACT_KILL_MAIN:
        instance_signal_main(instance, SIGKILL);
        if (instance->helper.pid != 0)
            (void)proc_signal(&instance->helper, SIGKILL);
        return;
    case ACT_KILL_TREE:
        instance_signal_tree(instance, SIGKILL);
        return;
    }
}
