/* What an instance is asked: the conditions of readiness aside, which readiness.c tries itself. */
#include <string.h>

#include "daemon/instance.h"
#include "daemon/say.h"

/* A command runs in it, and a path may begin with its HOME. */
static bool instance_tries_with_env(const struct condition *condition) {
    return condition->kind == CONDITION_EXEC || condition->kind == CONDITION_UNIX;
}

static bool instance_verifies_with_env(const struct app_config *config) {
    bool is_needed = false;
    for (size_t i = 0; i < config->verify.count && !is_needed; i++) {
        struct condition condition = {0};
        struct text unused TEXT_AUTO = {0};
        is_needed =
            condition_parse(config->verify.items[i], &condition, &unused) && instance_tries_with_env(&condition);
        condition_fini(&condition);
    }
    return is_needed;
}

bool instance_needs_env(const struct app_config *config) {
    return instance_tries_with_env(&config->ready) || instance_tries_with_env(&config->health) ||
           instance_verifies_with_env(config);
}

/* Where that of the present process was not kept, as its next start would make it. */
static bool instance_make_own_env(struct instance *instance, struct text *error) {
    if (instance->own_env.count > 0)
        return true;
    struct diags diags = {0};
    bool ok = launch_environment(&instance->context->launch, instance->app, &instance->own_env, &diags);
    if (!ok)
        launch_first_error(&diags, error);
    else if (!launch_export(&instance->context->launch, instance->name, &instance->own_env))
        text_str(error, "out of memory for the environment");
    diags_fini(&diags);
    if (error->len > 0)
        env_clear(&instance->own_env);
    return error->len == 0;
}

struct trial *instance_new_trial(struct instance *instance, const struct condition *condition, struct text *error) {
    if (instance_tries_with_env(condition) && !instance_make_own_env(instance, error))
        return NULL;
    return trial_new(instance->context->loop, condition, instance->context->launch.manifest->supervisor.root,
                     &instance->config, &instance->own_env, error);
}

static bool instance_listens_there(const struct app_config *config, const struct condition *condition) {
    const struct condition *ready = &config->ready;
    bool is_tcp = condition->kind == CONDITION_TCP || condition->kind == CONDITION_HTTP;
    bool is_ready_tcp = ready->kind == CONDITION_TCP || ready->kind == CONDITION_HTTP;
    if (is_tcp)
        return condition->number == config->port || (is_ready_tcp && condition->number == ready->number);
    return condition->kind == CONDITION_UNIX && ready->kind == CONDITION_UNIX &&
           strcmp(condition->path, ready->path) == 0;
}

struct trial_app instance_trial_app(struct instance *instance, const struct condition *condition) {
    const struct app_config *config = &instance->config;
    return (struct trial_app){.tree = {instance->tag, instance_pid(instance)},
                              .any_owner = !config->ready_owner || !instance_listens_there(config, condition),
                              .envp = env_envp(&instance->own_env),
                              .nest = &instance->nest};
}

/* ---- health ---- */

static struct trial *instance_make_health(void *context, struct text *error) {
    struct instance *instance = context;
    return instance_new_trial(instance, &instance->config.health, error);
}

static struct trial_app instance_health_app(void *context) {
    struct instance *instance = context;
    return instance_trial_app(instance, &instance->config.health);
}

static void instance_health_turned(void *context) {
    const struct instance *instance = context;
    struct health_view health = health_look(instance->health);
    if (health.is_healthy)
        say(SAY_INFO, instance->name, "healthy again: %s", health.answer);
    else
        say(SAY_WARNING, instance->name, "unhealthy (%lld of %lld): %s", (long long)health.misses,
            (long long)health.retries, health.answer);
}

static void instance_unhealthy(void *context, const char *why) {
    struct instance *instance = context;
    instance_set_detail(instance, strdup(why));
    instance->context->post(instance, EVENT_UNHEALTHY);
}

const struct health_events instance_health_events = {
    .make = instance_make_health,
    .whom = instance_health_app,
    .turned = instance_health_turned,
    .unhealthy = instance_unhealthy,
};

void instance_watch_health(struct instance *instance) {
    const struct app_config *config = &instance->config;
    const struct health_rules rules = {config->health_interval_ms, config->health_timeout_ms, config->health_retries};
    struct text condition TEXT_AUTO = {0};
    condition_print(&config->health, &condition);
    if (health_is_of(instance->health, text_get(&condition))) {
        health_set_rules(instance->health, &rules);
        return;
    }
    health_stop(instance->health);
    if (config->health.kind == CONDITION_DEFAULT)
        return;
    struct text unsaid TEXT_AUTO = {0}; /* it would be the answer of the first check */
    if (instance_tries_with_env(&config->health))
        (void)instance_make_own_env(instance, &unsaid);
    health_start(instance->health, text_get(&condition), &rules);
    health_set_reloading(instance->health, instance->said.is_reloading);
}
