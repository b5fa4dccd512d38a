#include "daemon/verify.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_text.h"
#include "core/value.h"

enum { VERIFY_APART_MS = 1000 };

struct verify_item {
    struct verify *verify;
    size_t index; /* of the instance; SUPERVISOR_NEW: it is no more */
    char *app;
    bool is_health;
    struct condition condition;
    struct trial *trial; /* made by the first try */
    struct loop_timer timer;
    int64_t limit_ms;   /* of one try */
    int64_t tries_left; /* also after the one that is under way */
    bool is_done;
    bool is_met;
    struct text answer; /* the last */
};

struct verify {
    struct supervisor *supervisor;
    struct supervisor_watch watch;
    struct verify_item *items;
    size_t count;
    size_t open;
    struct loop_timer timer;
    struct loop_post post;
    int64_t timeout_ms;
    void (*done)(void *context);
    void *context;
};

static struct loop *verify_loop(const struct verify *verify) {
    return supervisor_loop(verify->supervisor);
}

/* ---- one condition ----------------------------------------------------------------------------------------------- */

static void verify_posted(struct loop_post *post) {
    struct verify *verify = LOOP_CONTAINER(post, struct verify, post);
    verify->done(verify->context);
}

static void verify_settle(struct verify_item *item, bool is_met) {
    struct verify *verify = item->verify;
    if (item->is_done)
        return;
    loop_timer_stop(verify_loop(verify), &item->timer);
    if (item->trial && trial_is_under_way(item->trial))
        trial_cancel(item->trial);
    if (item->is_health && item->index != SUPERVISOR_NEW)
        supervisor_hold_health(verify->supervisor, item->index, false);
    item->is_done = true;
    item->is_met = is_met;
    verify->open--;
    if (verify->open == 0)
        loop_post(verify_loop(verify), &verify->post, verify_posted);
}

static void verify_due(struct loop_timer *timer);

static void verify_missed(struct verify_item *item) {
    struct loop *loop = verify_loop(item->verify);
    if (item->tries_left == 0)
        verify_settle(item, false);
    else
        loop_timer_at(loop, &item->timer, mono_add_ms(loop_now(loop), VERIFY_APART_MS), verify_due);
}

static void verify_ended(struct trial *trial, enum trial_verdict verdict, void *context) {
    struct verify_item *item = context;
    text_clear(&item->answer);
    trial_print_verdict(trial, verdict, &item->answer);
    if (verdict == TRIAL_YES)
        verify_settle(item, true);
    else
        verify_missed(item);
}

static void verify_due(struct loop_timer *timer) {
    struct verify_item *item = LOOP_CONTAINER(timer, struct verify_item, timer);
    struct supervisor *supervisor = item->verify->supervisor;
    struct instance_view view = supervisor_view(supervisor, item->index);
    item->tries_left--;
    text_clear(&item->answer);
    if (!phase_is_up(view.life->phase)) {
        text_printf(&item->answer, "%s is %s: %s", item->app, phase_word(view.life->phase), view.why);
        verify_missed(item);
        return;
    }
    if (!item->trial)
        item->trial = supervisor_new_trial(supervisor, item->index, &item->condition, &item->answer);
    if (!item->trial) {
        verify_settle(item, false);
        return;
    }
    struct trial_app app = supervisor_trial_app(supervisor, item->index, &item->condition);
    trial_begin(item->trial, &app, item->limit_ms, verify_ended, item);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void verify_moved(struct supervisor_watch *watch, const size_t *from, size_t count) {
    struct verify *verify = LOOP_CONTAINER(watch, struct verify, watch);
    for (size_t i = 0; i < verify->count; i++) {
        struct verify_item *item = &verify->items[i];
        size_t now = 0;
        while (now < count && (item->index == SUPERVISOR_NEW || from[now] != item->index))
            now++;
        item->index = now < count ? now : SUPERVISOR_NEW;
        if (now < count || item->is_done)
            continue;
        text_clear(&item->answer);
        text_printf(&item->answer, "%s was taken out of the manifest", item->app);
        verify_settle(item, false);
    }
}

static void verify_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    (void)watch, (void)event;
}

static void verify_timed_out(struct loop_timer *timer) {
    struct verify *verify = LOOP_CONTAINER(timer, struct verify, timer);
    for (size_t i = 0; i < verify->count; i++) {
        struct verify_item *item = &verify->items[i];
        if (item->is_done)
            continue;
        struct text answer TEXT_AUTO = {0};
        text_str(&answer, "not met within ");
        value_print_duration(verify->timeout_ms, &answer);
        if (item->trial && item->answer.len == 0)
            trial_print_no(item->trial, &item->answer);
        if (item->answer.len > 0)
            text_printf(&answer, ": %s", text_get(&item->answer));
        text_clear(&item->answer);
        text_str(&item->answer, text_get(&answer));
        verify_settle(item, false);
    }
}

/* condition: as it is written. False when out of memory. */
static bool verify_add(struct verify *verify, const struct instance_view *view, const char *condition, bool is_health) {
    struct verify_item *item = &verify->items[verify->count];
    struct text unused TEXT_AUTO = {0};
    *item = (struct verify_item){.verify = verify,
                                 .index = view->index,
                                 .is_health = is_health,
                                 .limit_ms = view->config->health_timeout_ms,
                                 .tries_left = view->config->health_retries,
                                 .app = strdup(view->name)};
    if (!item->app || !condition_parse(condition, &item->condition, &unused)) {
        free(item->app);
        return false;
    }
    verify->count++;
    verify->open++;
    if (is_health)
        supervisor_hold_health(verify->supervisor, view->index, true);
    struct loop *loop = verify_loop(verify);
    loop_timer_at(loop, &item->timer, loop_now(loop), verify_due);
    return true;
}

static bool verify_add_app(struct verify *verify, const struct instance_view *view) {
    const struct app_config *config = view->config;
    bool ok = true;
    if (config->health.kind != CONDITION_DEFAULT) {
        struct text health TEXT_AUTO = {0};
        condition_print(&config->health, &health);
        ok = verify_add(verify, view, text_get(&health), true);
    }
    for (size_t i = 0; i < config->verify.count && ok; i++)
        ok = verify_add(verify, view, config->verify.items[i], false);
    return ok;
}

static size_t verify_room(const struct supervisor *supervisor, const bool *set) {
    size_t room = 1;
    for (size_t i = 0; i < supervisor_count(supervisor); i++)
        if (set[i])
            room += 1 + supervisor_view(supervisor, i).config->verify.count;
    return room;
}

struct verify *verify_new(struct supervisor *supervisor, const bool *set, int64_t timeout_ms,
                          void (*done)(void *context), void *context) {
    struct verify *verify = calloc(1, sizeof *verify);
    if (!verify)
        return NULL;
    *verify = (struct verify){.supervisor = supervisor,
                              .watch = {.changed = verify_changed, .moved = verify_moved},
                              .items = calloc(verify_room(supervisor, set), sizeof *verify->items),
                              .timeout_ms = timeout_ms,
                              .done = done,
                              .context = context};
    if (!verify->items) {
        free(verify);
        return NULL;
    }
    supervisor_watch(supervisor, &verify->watch);
    bool ok = true;
    for (size_t i = 0; i < supervisor_count(supervisor) && ok; i++) {
        struct instance_view view = supervisor_view(supervisor, i);
        ok = !set[i] || verify_add_app(verify, &view);
    }
    if (!ok) {
        verify_free(verify);
        return NULL;
    }
    struct loop *loop = supervisor_loop(supervisor);
    if (verify->open == 0)
        loop_post(loop, &verify->post, verify_posted);
    else if (timeout_ms >= 0)
        loop_timer_at(loop, &verify->timer, mono_add_ms(loop_now(loop), timeout_ms), verify_timed_out);
    return verify;
}

void verify_free(struct verify *verify) {
    if (!verify)
        return;
    for (size_t i = 0; i < verify->count; i++) {
        struct verify_item *item = &verify->items[i];
        verify_settle(item, false);
        trial_free(item->trial);
        condition_fini(&item->condition);
        text_fini(&item->answer);
        free(item->app);
    }
    supervisor_unwatch(verify->supervisor, &verify->watch);
    loop_timer_stop(verify_loop(verify), &verify->timer);
    loop_post_cancel(verify_loop(verify), &verify->post);
    free(verify->items);
    free(verify);
}

void verify_report(const struct verify *verify, struct text *out, const char *key) {
    json_text_array(out, key);
    for (size_t i = 0; i < verify->count; i++) {
        const struct verify_item *item = &verify->items[i];
        struct text condition TEXT_AUTO = {0};
        condition_print(&item->condition, &condition);
        json_text_object(out, NULL);
        json_text_string(out, "app", item->app);
        json_text_string(out, "condition", text_get(&condition));
        json_text_bool(out, "ok", item->is_met);
        json_text_string(out, "answer", text_get(&item->answer));
        json_text_object_end(out);
    }
    json_text_array_end(out);
}
