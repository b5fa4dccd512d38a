/* Taking another manifest: what is new comes in, what is gone leaves once it is down. */
#include <stdlib.h>
#include <string.h>

#include "daemon/supervisor_inside.h"

/* All instances that there will be: those of the manifest's apps in its order, then those that are gone. */
static bool supervisor_draft(struct supervisor *sv, const struct manifest *manifest, const struct app_config *configs,
                             struct roster *roster) {
    size_t edges = roster_edges(&sv->roster);
    for (size_t i = 0; i < manifest->app_count; i++)
        edges += 2 * configs[i].depends_on.count;
    if (!roster_init(roster, manifest->app_count + sv->roster.count, edges))
        return false;
    for (size_t i = 0; i < manifest->app_count; i++) {
        const struct manifest_app *app = &manifest->apps[i];
        struct instance *instance = roster_find(&sv->roster, app->name);
        if (!instance)
            instance = supervisor_new_instance(sv, app);
        if (!instance)
            return false;
        roster->instances[roster->count++] = instance;
    }
    for (size_t i = 0; i < sv->roster.count; i++)
        if (!manifest_find(manifest, sv->roster.instances[i]->name))
            roster->instances[roster->count++] = sv->roster.instances[i];
    return true;
}

static void supervisor_drop_draft(struct roster *roster) {
    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i]->index == SUPERVISOR_NEW)
            instance_free(roster->instances[i]);
    roster_fini(roster);
}

/* What becomes of one that is in the manifest. One that was gone, and is back before it was down, is ended like one
 * that has changed: it may have. */
static enum take supervisor_take_instance(struct instance *instance, const struct manifest_app *app,
                                          struct app_config *config, enum take take) {
    bool is_new = instance->index == SUPERVISOR_NEW;
    bool has_process = phase_has_process(instance->life.phase);
    if (instance->is_gone && take == TAKE_START)
        take = TAKE_RESTART;
    if (take != TAKE_LEAVE) {
        instance->awaits_gone = is_new;
        instance->awaited_port = config->port;
    }
    instance->is_leaving = instance->is_leaving || (take == TAKE_RESTART && has_process);
    instance->is_gone = false;
    instance_take(instance, app, config, has_process && (take == TAKE_RESTART || instance->has_next));
    return take;
}

static void supervisor_take_gone(struct instance *instance) {
    instance->is_gone = true;
    instance->is_leaving = true;
    instance->posted &= ~(1U << EVENT_START);
}

static void supervisor_mark(const struct supervisor *sv, const enum take *done, enum take take, bool *set) {
    for (size_t i = 0; i < sv->roster.count; i++)
        set[i] = !sv->roster.instances[i]->is_gone && done[i] == take;
}

static void supervisor_carry_out(struct supervisor *sv, const enum take *done, bool *set, struct actor actor) {
    for (size_t i = 0; i < sv->roster.count; i++)
        set[i] = sv->roster.instances[i]->is_gone;
    supervisor_stop(sv, set, actor);
    supervisor_mark(sv, done, TAKE_RESTART, set);
    supervisor_restart(sv, set, actor);
    supervisor_mark(sv, done, TAKE_START, set);
    supervisor_want(sv, set, true, actor);
    for (size_t i = 0; i < sv->roster.count; i++) /* what they depend on may be something else now */
        if (sv->roster.plan[i].phase == PHASE_WAITING || sv->roster.plan[i].phase == PHASE_BLOCKED)
            supervisor_post(sv->roster.instances[i], EVENT_GATE);
}

bool supervisor_take(struct supervisor *sv, struct manifest *manifest, struct app_config *configs,
                     const enum take *takes, struct actor actor) {
    struct supervisor_past *past = calloc(1, sizeof *past);
    bool *set = calloc(manifest->app_count + sv->roster.count + 1, sizeof *set);
    enum take *done = calloc(manifest->app_count + sv->roster.count + 1, sizeof *done);
    struct roster roster = {0};
    if (!past || !set || !done || !supervisor_draft(sv, manifest, configs, &roster)) {
        supervisor_drop_draft(&roster);
        free(past);
        free(set);
        free(done);
        return false;
    }
    *past = (struct supervisor_past){sv->manifest, sv->past};
    sv->past = past;
    sv->manifest = *manifest;
    *manifest = (struct manifest){0};
    sv->edition++;
    for (size_t i = 0; i < roster.count; i++)
        if (i < sv->manifest.app_count)
            done[i] = supervisor_take_instance(roster.instances[i], &sv->manifest.apps[i], &configs[i], takes[i]);
        else
            supervisor_take_gone(roster.instances[i]);
    supervisor_enroll(sv, &roster);
    supervisor_carry_out(sv, done, set, actor);
    supervisor_wake(sv); /* where nothing happens, the past is to be forgotten all the same */
    free(set);
    free(done);
    return true;
}

void supervisor_forget_past(struct supervisor *sv) {
    while (sv->past && sv->past->next) {
        struct supervisor_past *past = sv->past;
        sv->past = past->next;
        manifest_fini(&past->manifest);
        free(past);
    }
}

static bool supervisor_is_removable(const struct supervisor *sv, const struct instance *instance) {
    return instance->is_gone && !instance->is_posted && !instance->is_settling &&
           sv->roster.plan[instance->index].wish == WISH_NONE && !phase_has_process(instance->life.phase);
}

void supervisor_remove_gone(struct supervisor *sv) {
    size_t gone = 0;
    size_t removable = 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        gone += sv->roster.instances[i]->is_gone;
        removable += supervisor_is_removable(sv, sv->roster.instances[i]);
    }
    if (gone == 0)
        supervisor_forget_past(sv);
    struct roster roster;
    if (removable == 0 || !roster_init(&roster, sv->roster.count, roster_edges(&sv->roster)))
        return;
    struct instance *removed[SUPERVISOR_BATCH];
    size_t removed_count = 0;
    for (size_t i = 0; i < sv->roster.count; i++) {
        struct instance *instance = sv->roster.instances[i];
        if (removed_count < SUPERVISOR_BATCH && supervisor_is_removable(sv, instance))
            removed[removed_count++] = instance;
        else
            roster.instances[roster.count++] = instance;
    }
    supervisor_enroll(sv, &roster);
    for (size_t i = 0; i < removed_count; i++) {
        instance_close_sockets(removed[i]); /* it may have been given some that it never used */
        instance_free(removed[i]);
    }
    if (removed_count == gone)
        supervisor_forget_past(sv);
    if (removed_count < removable)
        supervisor_wake(sv);
}
