#include "daemon/announce.h"

#include "core/card.h"
#include "core/value.h"
#include "core/why.h"
#include "daemon/say.h"

void announce_card(const struct supervisor *supervisor, const struct instance_view *view, struct text *out) {
    const struct lifecycle *life = view->life;
    struct mono now = loop_now(supervisor_loop(supervisor));
    const struct outcome *outcome = &life->outcome;
    struct card card = {
        .name = view->name,
        .state = phase_word(life->phase),
        .cause = view->why,
        .exit_code = outcome->kind == OUTCOME_EXIT ? outcome->number : -1,
        .exit_signal = outcome->kind == OUTCOME_SIGNAL ? value_signal_name(outcome->number) : NULL,
        .tail = view->tail,
        .log = view->log_path,
        .next_start_ms =
            life->phase == PHASE_BACKOFF && mono_before(now, life->deadline) ? mono_ms_between(now, life->deadline) : 0,
        .attempt = life->record.ends,
        .max_restarts = view->config->max_restarts,
        .window_ms = view->config->restart_window_ms,
    };
    card_print(&card, (struct card_style){0}, out);
}

static void announce_failure(const struct supervisor *supervisor, const struct instance_view *view,
                             const struct say_about *about) {
    struct text card TEXT_AUTO = {0};
    announce_card(supervisor, view, &card);
    say_block(SAY_ERROR, about, text_get(&card));
}

/* What a process that was up has ended by, without being asked to. */
static bool announce_is_end(enum cause cause) {
    return cause == CAUSE_EXITED || cause == CAUSE_UNHEALTHY || cause == CAUSE_WATCHDOG;
}

static void announce_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    const struct supervisor *supervisor = LOOP_CONTAINER(watch, struct announce, watch)->supervisor;
    struct instance_view view = supervisor_view(supervisor, event->index);
    const char *word = phase_word(event->change->to);
    struct say_about about = {view.name, word, view.why};
    switch (event->change->to) {
    case PHASE_BACKOFF:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
        announce_failure(supervisor, &view, &about);
        return;
    case PHASE_STARTING:
        say_of(SAY_INFO, &about, "started, pid %d", (int)view.pid);
        return;
    case PHASE_READY:
        say_of(SAY_INFO, &about, "ready: %s", view.why);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
        say_of(SAY_INFO, &about, "%s: %s", word, view.why);
        return;
    case PHASE_WAITING:
        say_of(SAY_INFO, &about, "%s", view.why);
        return;
    case PHASE_STOPPING:
    case PHASE_KILLING:
    case PHASE_STOP_COMMAND:
        say_of(SAY_INFO, &about, "stopping: %s", view.why);
        return;
    case PHASE_SPAWNING:
        /* An end that is followed by a new start at once has no state of its own in which its card could be shown. */
        if (announce_is_end(event->change->why.cause))
            announce_failure(supervisor, &view, &about);
        return;
    case PHASE_PREPARING:
    case PHASE_STOP_TAIL:
    case PHASE_CLEARING:
        return;
    }
}

void announce_init(struct announce *announce, struct supervisor *supervisor) {
    *announce = (struct announce){.watch.changed = announce_changed, .supervisor = supervisor};
    supervisor_watch(supervisor, &announce->watch);
}
