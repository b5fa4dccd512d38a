#include "daemon/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct health {
    struct loop *loop;
    const struct health_events *events;
    void *context;
    bool is_watching;
    struct trial *trial; /* NULL: could not be made yet */
    struct text condition;
    struct health_rules rules;
    struct loop_timer timer; /* for the next try */
    struct mono since;       /* when the interval to it began */
    bool is_reloading;
    unsigned holds;
    bool is_known;
    bool is_over; /* it was told that it is unhealthy */
    int64_t misses;
    struct text answer; /* the last */
    struct mono answered;
};

struct health *health_new(struct loop *loop, const struct health_events *events, void *context) {
    struct health *health = calloc(1, sizeof *health);
    if (health)
        *health = (struct health){.loop = loop, .events = events, .context = context};
    return health;
}

void health_free(struct health *health) {
    if (!health)
        return;
    health_stop(health);
    text_fini(&health->condition);
    text_fini(&health->answer);
    free(health);
}

/* ---- trying ------------------------------------------------------------------------------------------------------ */

static void health_due(struct loop_timer *timer);

static void health_arm(struct health *health) {
    bool is_held = health->is_reloading || health->holds > 0;
    bool is_under_way = health->trial && trial_is_under_way(health->trial);
    if (health->is_watching && !is_held && !health->is_over && !is_under_way)
        loop_timer_at(health->loop, &health->timer, mono_add_ms(health->since, health->rules.interval_ms), health_due);
}

static void health_miss(struct health *health) {
    health->misses++;
    if (health->misses < health->rules.retries) {
        if (health->misses == 1)
            health->events->turned(health->context);
        return;
    }
    struct text why TEXT_AUTO = {0};
    text_str(&why, "unhealthy");
    if (health->misses > 1)
        text_printf(&why, " %" PRId64 " times in a row", health->misses);
    text_printf(&why, ": %s", text_get(&health->answer));
    health->is_over = true;
    health->events->unhealthy(health->context, text_get(&why));
}

static void health_pass(struct health *health) {
    bool has_turned = health->misses > 0;
    health->misses = 0;
    if (has_turned)
        health->events->turned(health->context);
}

static void health_begin_answer(struct health *health) {
    health->is_known = true;
    health->since = health->answered = loop_now(health->loop);
    text_clear(&health->answer);
}

static void health_ended(struct trial *trial, enum trial_verdict verdict, void *context) {
    struct health *health = context;
    health_begin_answer(health);
    trial_print_verdict(trial, verdict, &health->answer);
    if (verdict == TRIAL_YES)
        health_pass(health);
    else
        health_miss(health);
    health_arm(health);
}

static void health_due(struct loop_timer *timer) {
    struct health *health = LOOP_CONTAINER(timer, struct health, timer);
    struct text error TEXT_AUTO = {0};
    if (!health->trial)
        health->trial = health->events->make(health->context, &error);
    if (!health->trial) {
        health_begin_answer(health);
        text_str(&health->answer, text_get(&error));
        health_miss(health);
        health_arm(health);
        return;
    }
    struct trial_app app = health->events->whom(health->context);
    trial_begin(health->trial, &app, health->rules.timeout_ms, health_ended, health);
}

/* ---- beginning and ending ---------------------------------------------------------------------------------------- */

void health_stop(struct health *health) {
    loop_timer_stop(health->loop, &health->timer);
    trial_free(health->trial);
    health->trial = NULL;
    health->is_watching = false;
    health->is_known = health->is_over = health->is_reloading = false;
    health->misses = 0;
    text_clear(&health->condition);
    text_clear(&health->answer);
}

void health_start(struct health *health, const char *condition, const struct health_rules *rules) {
    bool is_reloading = health->is_reloading;
    health_stop(health);
    health->is_watching = true;
    health->is_reloading = is_reloading;
    text_str(&health->condition, condition);
    health->since = loop_now(health->loop);
    health_set_rules(health, rules);
}

void health_set_rules(struct health *health, const struct health_rules *rules) {
    health->rules = *rules;
    health_arm(health);
}

bool health_is_of(const struct health *health, const char *condition) {
    return health->is_watching && strcmp(text_get(&health->condition), condition) == 0;
}

static void health_pause(struct health *health) {
    loop_timer_stop(health->loop, &health->timer);
    if (health->trial)
        trial_cancel(health->trial);
}

static void health_go_on(struct health *health) {
    health->since = loop_now(health->loop);
    health_arm(health);
}

void health_set_reloading(struct health *health, bool is_reloading) {
    if (health->is_reloading == is_reloading)
        return;
    health->is_reloading = is_reloading;
    if (is_reloading)
        health_pause(health);
    else
        health_go_on(health);
}

void health_hold(struct health *health) {
    health->holds++;
    health_pause(health);
}

void health_release(struct health *health) {
    health->holds--;
    health_go_on(health);
}

/* ---- being looked at --------------------------------------------------------------------------------------------- */

struct health_view health_look(const struct health *health) {
    return (struct health_view){
        .is_watched = health->is_watching,
        .is_known = health->is_known,
        .is_healthy = health->is_known && health->misses == 0,
        .misses = health->misses,
        .retries = health->rules.retries,
        .answer = health->is_known ? text_get(&health->answer) : NULL,
        .answered = health->answered,
    };
}
