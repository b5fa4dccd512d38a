#include "daemon/detail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *detail_copy(const char *words) {
    return words ? strdup(words) : NULL;
}

const char *detail_dependency(const struct roster *roster, const struct instance *instance, enum cause cause) {
    const struct plan_app *app = &roster->plan[instance->index];
    for (size_t i = 0; i < app->dep_count; i++) {
        const struct plan_app *dep = &roster->plan[app->deps[i]];
        bool has_failed = dep->phase == PHASE_FAILED || dep->phase == PHASE_BLOCKED;
        bool is_up = phase_is_up(dep->phase) && dep->wish == WISH_NONE;
        if (cause == CAUSE_DEPENDENCY_FAILED ? has_failed : !is_up)
            return roster->instances[app->deps[i]]->name;
    }
    const struct instance *obstacle = roster_obstacle(roster, instance);
    return obstacle ? obstacle->name : NULL;
}

/* The end of a takedown has the cause that began it, and so the same detail. */
static char *detail_earlier(const struct instance *instance, enum cause cause) {
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
static char *detail_said(const struct instance *instance) {
    char *words = NULL;
    if (instance->said.error == 0 ||
        asprintf(&words, "it said ERRNO=%d (%s)", instance->said.error, strerror(instance->said.error)) < 0)
        return NULL;
    return words;
}

/* A program that daemonizes itself ends at once, well, and leaves the real one behind. */
static bool detail_went_to_background(const struct instance *instance) {
    const struct lifecycle *life = &instance->life;
    return life->phase == PHASE_CLEARING && life->takedown == CAUSE_EXITED && life->outcome.kind == OUTCOME_EXIT &&
           life->outcome.number == 0 && life->lasted_ms < instance->config.min_uptime_ms && !instance->rules.oneshot;
}

static char *detail_exit(const struct instance *instance) {
    char *said = detail_said(instance);
    if (said)
        return said;
    if (detail_went_to_background(instance))
        return strdup("it left processes behind; an app has to stay in the foreground");
    return detail_earlier(instance, CAUSE_EXITED);
}

char *detail_take(const struct roster *roster, struct instance *instance, enum cause cause) {
    char *detail = instance->detail;
    instance->detail = NULL;
    if (detail)
        return detail;
    switch (cause) {
    case CAUSE_DEPENDENCY_READY:
    case CAUSE_DEPENDENCY_MISSING:
    case CAUSE_DEPENDENCY_FAILED:
        return detail_copy(detail_dependency(roster, instance, cause));
    case CAUSE_NOT_READY_IN_TIME: {
        const char *answer = readiness_last_answer(instance->readiness);
        if (answer && !phase_has_process(instance->life.phase))
            return detail_earlier(instance, cause);
        return detail_copy(answer);
    }
    case CAUSE_UNFIT:
    case CAUSE_UNHEALTHY:
    case CAUSE_SPAWN_FAILED:
        return detail_earlier(instance, cause);
    case CAUSE_EXITED:
        return detail_exit(instance);
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
