#include "daemon/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/progress.h"
#include "daemon/say.h"
#include "host/notify.h"

/* After how long a service manager that did not read is tried again. */
enum { MANAGER_RETRY_MS = 500 };

/* False when the service manager does not read now. That nothing can be told at all must not be missed: who waits for
 * READY=1 in vain waits long. */
static bool manager_send(struct manager *manager, const struct text *state) {
    int r = state->failed ? -ENOMEM : notify_manager(text_get(state));
    if (r == -EAGAIN)
        return false;
    if (r < 0 && !manager->is_mute) {
        manager->is_mute = true;
        say(SAY_ERROR, NULL, "cannot tell the service manager how it goes: %s",
            r == -ENOSYS ? "libsystemd.so.0 cannot be loaded" : strerror(-r));
    }
    return true;
}

/* ---- what is the case ------------------------------------------------------------------------------------------- */

static bool manager_is(const struct manager *manager, const char *state) {
    return strcmp(supervisor_state(manager->supervisor), state) == 0;
}

static enum progress_stage manager_stage(const struct manager *manager) {
    return manager->is_stopping ? PROGRESS_STOPPING : manager->is_ready ? PROGRESS_RUNNING : PROGRESS_STARTING;
}

static struct progress manager_look(const struct manager *manager) {
    struct progress progress;
    progress_init(&progress, manager_stage(manager), loop_now(supervisor_loop(manager->supervisor)));
    for (size_t i = 0; i < supervisor_count(manager->supervisor); i++) {
        struct instance_view view = supervisor_view(manager->supervisor, i);
        progress_add(&progress, &(struct progress_app){
                                    .name = view.name, .why = view.why, .life = view.life, .is_wanted = view.wanted});
    }
    return progress;
}

/* Whether the end that is under way is one of failure, or of a start that never came to its end. */
static const char *manager_blame(const struct manager *manager) {
    return !manager->is_ready || supervisor_exit_code(manager->supervisor) != 0 ? manager->blame : NULL;
}

static void manager_set_blame(struct manager *manager, struct text *blame, int error) {
    free(manager->blame);
    manager->blame = text_take(blame);
    manager->blame_errno = error;
}

static int manager_errno_of(const struct instance_view *view, enum cause cause) {
    if (cause == CAUSE_NOT_READY_IN_TIME)
        return ETIMEDOUT;
    return cause == CAUSE_SPAWN_FAILED ? view->spawn_error : 0;
}

/* Remembers the last that has failed; one that is to be tried again gives way to one that is not. */
static void manager_note_failure(struct manager *manager, const struct supervisor_event *event) {
    bool is_final = event->change->to == PHASE_FAILED;
    if (!is_final && manager->blame &&
        supervisor_view(manager->supervisor, manager->blamed).life->phase == PHASE_FAILED)
        return;
    struct instance_view view = supervisor_view(manager->supervisor, event->index);
    struct text blame TEXT_AUTO = {0};
    text_printf(&blame, "%s%s: ", view.name, is_final ? " failed" : "");
    progress_print_reason(view.why, &blame);
    manager_set_blame(manager, &blame, manager_errno_of(&view, event->change->why.cause));
    manager->blamed = event->index;
}

static void manager_forgive(struct manager *manager, size_t index) {
    if (manager->blamed != index)
        return;
    free(manager->blame);
    manager->blame = NULL;
    manager->blame_errno = 0;
}

/* ---- telling it ------------------------------------------------------------------------------------------------- */

static void manager_due(struct loop_timer *timer);

static void manager_forget_status(struct manager *manager) {
    free(manager->told);
    manager->told = NULL;
}

/* Adds the STATUS= when it is not what was told last. */
static bool manager_add_status(struct manager *manager, const struct progress *progress, struct text *state) {
    struct text status TEXT_AUTO = {0};
    const char *blame = manager->is_stopping ? manager_blame(manager) : NULL;
    if (blame)
        text_printf(&status, "%s; ", blame);
    progress_print(progress, &status);
    if (manager->told && strcmp(manager->told, text_get(&status)) == 0)
        return false;
    text_printf(state, "STATUS=%s\n", text_get(&status));
    manager_forget_status(manager);
    manager->told = text_take(&status);
    return true;
}

/* Tells what is owed and what has changed. is_due: and asks for more time though nothing has. */
static void manager_tell(struct manager *manager, const struct progress *progress, bool is_due) {
    struct loop *loop = supervisor_loop(manager->supervisor);
    struct mono next = progress_next(progress);
    struct text state TEXT_AUTO = {0};
    text_str(&state, manager->owed);
    bool is_new = manager_add_status(manager, progress, &state);
    int64_t extension_ms = progress_extension_ms(progress);
    if (extension_ms > 0 && (is_new || is_due))
        text_printf(&state, "EXTEND_TIMEOUT_USEC=%lld\n", (long long)extension_ms * 1000);
    if (state.len == 0 || manager_send(manager, &state)) {
        manager->owed = "";
    } else {
        manager_forget_status(manager);
        next = mono_add_ms(loop_now(loop), MANAGER_RETRY_MS);
    }
    loop_timer_at(loop, &manager->tick, next, manager_due);
}

static void manager_due(struct loop_timer *timer) {
    struct manager *manager = LOOP_CONTAINER(timer, struct manager, tick);
    struct progress progress = manager_look(manager);
    manager_tell(manager, &progress, true);
}

/* Nobody would end a start that waits for what never comes: the service manager's own limit may be far or none. */
static void manager_give_up(struct manager *manager, const struct progress *progress) {
    const struct progress_app *app = &progress->most;
    say_of(SAY_ERROR, &((struct say_about){app->name, phase_word(app->life->phase), app->why}),
           "the start has failed: ready_when can no longer come true; stopping everything");
    supervisor_give_up(manager->supervisor);
}

static void manager_round(struct supervisor_watch *watch) {
    struct manager *manager = LOOP_CONTAINER(watch, struct manager, watch);
    if (!manager->is_ready && manager_is(manager, "ready")) {
        manager->is_ready = true;
        manager->owed = "READY=1\n";
    }
    struct progress progress = manager_look(manager);
    manager_tell(manager, &progress, false);
    enum ready_when when = supervisor_manifest(manager->supervisor)->supervisor.ready_when;
    if (manager_stage(manager) == PROGRESS_STARTING && !progress_can_be_ready(&progress, when))
        manager_give_up(manager, &progress);
}

/* A start that is cut short is put down to what failed in it, or to what it waited for. */
static void manager_blame_start(struct manager *manager) {
    const char *reason = manager->blame ? manager->blame : manager->told;
    if (!reason)
        return;
    struct text blame TEXT_AUTO = {0};
    text_printf(&blame, "stopped before it was ready: %s", reason);
    manager_set_blame(manager, &blame, 0);
}

static void manager_stop(struct manager *manager) {
    manager->is_stopping = true;
    if (!manager->is_ready && supervisor_exit_code(manager->supervisor) == 0)
        manager_blame_start(manager);
    manager->owed = "STOPPING=1\n";
    struct progress progress = manager_look(manager);
    manager_tell(manager, &progress, false);
}

/* Before the act: the service manager knows of the stop before any app does. */
static void manager_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    struct manager *manager = LOOP_CONTAINER(watch, struct manager, watch);
    if (!manager->is_stopping && manager_is(manager, "stopping"))
        manager_stop(manager);
    if (manager->is_stopping)
        return;
    if (event->change->to == PHASE_FAILED || event->change->to == PHASE_BACKOFF)
        manager_note_failure(manager, event);
    else if (phase_is_up(event->change->to))
        manager_forgive(manager, event->index);
}

void manager_reload_begins(struct manager *manager) {
    if (!manager->supervisor || !manager->is_ready || manager->is_stopping)
        return;
    struct text state TEXT_AUTO = {0};
    text_printf(&state, "RELOADING=1\nMONOTONIC_USEC=%lld\n", (long long)(loop_clock().ns / 1000));
    if (manager_send(manager, &state))
        manager->owed = "READY=1\n";
}

void manager_reload_ends(struct manager *manager) {
    if (!manager->supervisor || !manager->is_ready || manager->is_stopping)
        return;
    struct progress progress = manager_look(manager);
    manager_tell(manager, &progress, false);
}

/* ---- the watchdog ----------------------------------------------------------------------------------------------- */

static void manager_watchdog_due(struct loop_timer *timer) {
    struct manager *manager = LOOP_CONTAINER(timer, struct manager, watchdog);
    struct text state TEXT_AUTO = {0};
    text_str(&state, "WATCHDOG=1\n");
    (void)manager_send(manager, &state);
    struct loop *loop = supervisor_loop(manager->supervisor);
    loop_timer_at(loop, timer, mono_add_ms(loop_now(loop), manager->watchdog_ms), manager_watchdog_due);
}

/* As sd_watchdog_enabled(3): the variables are meant for us when WATCHDOG_PID says so or is not there. */
static int64_t manager_watchdog_ms(void) {
    const char *pid = getenv("WATCHDOG_PID");
    const char *usec = getenv("WATCHDOG_USEC");
    if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
        return 0;
    int64_t half_ms = strtoll(usec, NULL, 10) / 2000;
    return half_ms > 0 ? half_ms : 0;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

void manager_init(struct manager *manager, struct supervisor *supervisor) {
    *manager = (struct manager){.watch = {.changed = manager_changed, .round = manager_round}};
    if (!getenv("NOTIFY_SOCKET"))
        return;
    manager->supervisor = supervisor;
    manager->owed = "";
    supervisor_watch(supervisor, &manager->watch);
    manager->watchdog_ms = manager_watchdog_ms();
    struct loop *loop = supervisor_loop(supervisor);
    if (manager->watchdog_ms > 0)
        loop_timer_at(loop, &manager->watchdog, loop_now(loop), manager_watchdog_due);
}

void manager_end(struct manager *manager, int code) {
    if (!manager->supervisor)
        return;
    const char *blame = manager_blame(manager);
    struct text state TEXT_AUTO = {0};
    text_printf(&state, "%sSTATUS=%s\n", manager->is_stopping ? manager->owed : "STOPPING=1\n",
                blame ? blame : "stopped");
    if (code != 0 && manager->blame_errno != 0)
        text_printf(&state, "ERRNO=%d\n", manager->blame_errno);
    if (code != 0)
        text_printf(&state, "EXIT_STATUS=%d\n", code);
    (void)manager_send(manager, &state);
}

void manager_fini(struct manager *manager) {
    if (!manager->supervisor)
        return;
    struct loop *loop = supervisor_loop(manager->supervisor);
    loop_timer_stop(loop, &manager->tick);
    loop_timer_stop(loop, &manager->watchdog);
    supervisor_unwatch(manager->supervisor, &manager->watch);
    manager_forget_status(manager);
    free(manager->blame);
    *manager = (struct manager){0};
}

void manager_refuse(const char *why, int code) {
    struct manager manager = {0};
    struct text state TEXT_AUTO = {0};
    text_str(&state, "STATUS=");
    progress_print_reason(why, &state);
    text_printf(&state, "\nEXIT_STATUS=%d\n", code);
    (void)manager_send(&manager, &state);
}
