#include "model.h"

static bool instant_equals(struct mono a, struct mono b) {
    return a.ns == b.ns;
}

static bool record_equals(const struct restart_record *a, const struct restart_record *b) {
    return a->failures == b->failures && a->ends == b->ends && instant_equals(a->window, b->window);
}

bool life_equals(const struct lifecycle *a, const struct lifecycle *b) {
    return a->phase == b->phase && a->goal == b->goal && a->takedown == b->takedown && a->step == b->step &&
           instant_equals(a->since, b->since) && instant_equals(a->spawned, b->spawned) &&
           instant_equals(a->helper, b->helper) && instant_equals(a->ready_since, b->ready_since) &&
           instant_equals(a->deadline, b->deadline) && a->limit_ms == b->limit_ms && a->missed_ms == b->missed_ms &&
           a->watchdog_ms == b->watchdog_ms && a->outcome.kind == b->outcome.kind &&
           a->outcome.number == b->outcome.number && a->outcome.core_dumped == b->outcome.core_dumped &&
           a->success == b->success && a->lasted_ms == b->lasted_ms && a->ready_ms == b->ready_ms &&
           a->begun == b->begun && record_equals(&a->record, &b->record);
}

static bool step_equals(const struct lifecycle_step *a, const struct lifecycle_step *b) {
    return life_equals(&a->next, &b->next) && a->act == b->act && a->why.cause == b->why.cause &&
           a->why.outcome.kind == b->why.outcome.kind && a->why.after_ms == b->why.after_ms;
}

static bool is_nothing(const struct lifecycle *before, const struct lifecycle_step *step) {
    return life_equals(before, &step->next) && step->act == ACT_NONE && step->why.cause == CAUSE_NONE;
}

static bool is_kill(enum act act) {
    return act == ACT_KILL_MAIN || act == ACT_KILL_TREE;
}

static bool is_down_cause(enum cause cause) {
    return cause == CAUSE_ASKED_STOP || cause == CAUSE_ASKED_KILL;
}

static bool is_asked_cause(enum cause cause) {
    return is_down_cause(cause) || cause == CAUSE_ASKED_RESTART;
}

static bool is_unasked_cause(enum cause cause) {
    return cause != CAUSE_NONE && !is_asked_cause(cause);
}

static bool is_starting_request(const struct lifecycle_event *event) {
    return event->kind == EVENT_START || event->kind == EVENT_RESTART;
}

/* ---- processes ---- */

static bool never_two(const struct transition *t) {
    bool may_be_there = t->rules->kill_process_only || t->step.next.step > 0;
    return t->step.act != ACT_SPAWN || (t->heard.process == PROCESS_NONE && !t->heard.helper && !t->heard.spawning &&
                                        (!t->heard.rest || may_be_there));
}

static bool acts_on_what_is_there(const struct transition *t) {
    const struct host *host = &t->heard;
    bool process = host->process != PROCESS_NONE;
    switch (t->step.act) {
    case ACT_NONE:
    case ACT_SPAWN:
        return true;
    case ACT_STOP_COMMAND:
        return host->process == PROCESS_MAIN && !host->helper && t->rules->has_stop_command;
    case ACT_SIGNAL_MAIN:
        return process;
    case ACT_KILL_MAIN:
        return process || host->helper;
    case ACT_SIGNAL_TREE:
    case ACT_KILL_TREE:
        return process || host->helper || host->rest;
    }
    return false;
}

static bool keeps_kill_mode(const struct transition *t) {
    switch (t->step.act) {
    case ACT_NONE:
    case ACT_SPAWN:
    case ACT_STOP_COMMAND:
        return true;
    case ACT_SIGNAL_MAIN:
        return !t->rules->kill_group;
    case ACT_KILL_MAIN:
        return t->rules->kill_process_only;
    case ACT_SIGNAL_TREE:
    case ACT_KILL_TREE:
        return !t->rules->kill_process_only;
    }
    return false;
}

/* In KILLING, whatever is there has been sent SIGKILL. */
static bool is_all_killed(const struct transition *t) {
    const struct host *host = &t->host;
    bool is_rest_meant = host->rest && !t->rules->kill_process_only;
    return host->process_killed == (host->process != PROCESS_NONE) && host->helper_killed == host->helper &&
           (!is_rest_meant || host->rest_killed);
}

static bool phase_tells_the_truth(const struct transition *t) {
    const struct lifecycle *life = &t->step.next;
    const struct host *host = &t->host;
    bool nobody = host->process == PROCESS_NONE && !host->helper && !host->spawning;
    bool is_rest_meant = host->rest && !t->rules->kill_process_only;
    if (mono_is_set(life->spawned) != (host->process != PROCESS_NONE) || mono_is_set(life->helper) != host->helper)
        return false;
    switch (life->phase) {
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
        return nobody && !is_rest_meant;
    case PHASE_SPAWNING:
        return host->spawning && host->process == PROCESS_NONE && !host->helper;
    case PHASE_PREPARING:
        return host->process == PROCESS_PRE_START && !host->helper && !host->spawning;
    case PHASE_STARTING:
    case PHASE_READY:
        return host->process == PROCESS_MAIN && !host->helper && !host->spawning;
    case PHASE_STOP_COMMAND:
        return host->process == PROCESS_MAIN && host->helper;
    case PHASE_STOP_TAIL:
        return host->process == PROCESS_NONE && host->helper;
    case PHASE_STOPPING:
        return host->process != PROCESS_NONE && !host->helper;
    case PHASE_CLEARING:
        return nobody && is_rest_meant;
    case PHASE_KILLING:
        return (host->process != PROCESS_NONE || host->helper || is_rest_meant) && is_all_killed(t);
    }
    return false;
}

/* ---- waits ---- */

/* The longest that the phase may wait from its beginning; -1: for ever. */
static int64_t longest_wait_ms(const struct lifecycle *life, const struct lifecycle_rules *rules) {
    switch (life->phase) {
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_SPAWNING:
        return -1;
    case PHASE_READY:
        return life->watchdog_ms > 0 ? life->watchdog_ms : -1;
    case PHASE_BACKOFF:
        return rules->restart.delay_max_ms;
    case PHASE_PREPARING:
    case PHASE_STARTING:
        return rules->ready_timeout_ms > 0 ? rules->ready_timeout_ms : -1;
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
        return rules->kill_timeout_ms;
    case PHASE_KILLING:
        return UNIT_MS;
    }
    return -1;
}

static bool every_wait_has_an_end(const struct transition *t) {
    const struct lifecycle *life = &t->step.next;
    int64_t longest_ms = longest_wait_ms(life, t->rules);
    if (longest_ms < 0)
        return mono_is_never(life->deadline);
    bool goes_on = phase_is_stopping(t->before->life.phase) || t->before->life.phase == life->phase;
    if (t->move->event.kind == EVENT_EXTEND || (goes_on && instant_equals(life->deadline, t->before->life.deadline)))
        return true; /* see extending_only_gives_time */
    return mono_reached(life->deadline, mono_add_ms(MODEL_NOW, longest_ms));
}

static bool start_has_its_whole_time(const struct transition *t) {
    enum phase phase = t->step.next.phase;
    if (phase == t->before->life.phase || (phase != PHASE_PREPARING && phase != PHASE_STARTING) ||
        t->rules->ready_timeout_ms == 0)
        return true;
    return instant_equals(t->step.next.deadline, mono_add_ms(MODEL_NOW, t->rules->ready_timeout_ms));
}

static bool kill_timeout_is_the_whole_stops(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    const struct lifecycle *next = &t->step.next;
    if (!phase_is_stopping(next->phase) || next->phase == PHASE_KILLING)
        return true;
    if (phase_is_stopping(before->phase))
        return t->move->event.kind == EVENT_EXTEND || instant_equals(next->deadline, before->deadline);
    return instant_equals(next->deadline, mono_add_ms(MODEL_NOW, t->rules->kill_timeout_ms));
}

static struct mono later_of(struct mono a, struct mono b) {
    return mono_before(a, b) ? b : a;
}

static bool extending_only_gives_time(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    if (t->move->event.kind != EVENT_EXTEND)
        return true;
    struct lifecycle expected = *before;
    bool is_waited_for =
        before->phase == PHASE_STARTING || before->phase == PHASE_READY || phase_is_stopping(before->phase);
    if (t->heard.process == PROCESS_MAIN && before->phase != PHASE_KILLING && is_waited_for &&
        !mono_is_never(before->deadline))
        expected.deadline = later_of(before->deadline, mono_add_ms(MODEL_NOW, t->move->event.extend_ms));
    expected.limit_ms += mono_ms_between(before->deadline, expected.deadline);
    return t->step.act == ACT_NONE && life_equals(&t->step.next, &expected);
}

static bool watchdog_watches_what_is_ready(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    const struct lifecycle *next = &t->step.next;
    if (next->phase == PHASE_READY && mono_is_never(next->deadline) != (next->watchdog_ms == 0))
        return false;
    bool is_new = t->step.act == ACT_SPAWN && next->step == 0;
    bool is_told = t->move->event.kind == EVENT_ALIVE && !t->move->is_lie && t->move->event.watchdog_ms >= 0;
    int64_t watchdog_ms = is_new ? t->rules->watchdog_ms : is_told ? t->move->event.watchdog_ms : before->watchdog_ms;
    bool may_be_ready = phase_has_process(next->phase) && !phase_is_stopping(next->phase);
    if (may_be_ready && next->watchdog_ms != watchdog_ms)
        return false;
    bool is_heard_of = t->move->event.kind == EVENT_ALIVE || before->phase != PHASE_READY;
    if (next->phase == PHASE_READY && next->watchdog_ms > 0 && is_heard_of)
        return instant_equals(next->deadline, mono_add_ms(MODEL_NOW, next->watchdog_ms));
    bool was_up = before->phase == PHASE_READY || before->phase == PHASE_STARTING;
    bool is_silent =
        t->move->event.kind == EVENT_TICK && before->phase == PHASE_READY && mono_reached(before->deadline, MODEL_NOW);
    bool is_due = is_silent || (t->move->event.kind == EVENT_HUNG && was_up);
    bool is_taken_down = next->takedown == CAUSE_WATCHDOG && before->takedown != CAUSE_WATCHDOG;
    return is_due == is_taken_down;
}

static bool unhealthy_goes_down(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    bool is_due = t->move->event.kind == EVENT_UNHEALTHY && before->phase == PHASE_READY;
    bool is_taken_down = t->step.next.takedown == CAUSE_UNHEALTHY && before->takedown != CAUSE_UNHEALTHY;
    return is_due == is_taken_down && (!is_due || t->step.next.goal == GOAL_UP);
}

static bool who_ends_by_itself_may(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    const struct lifecycle *next = &t->step.next;
    bool was_up = before->phase == PHASE_READY || before->phase == PHASE_STARTING;
    if (t->move->event.kind == EVENT_ENDING && was_up)
        return next->phase == PHASE_STOPPING && next->takedown == CAUSE_ENDING && t->step.act == ACT_NONE;
    if (before->takedown != CAUSE_ENDING)
        return next->takedown != CAUSE_ENDING;
    bool is_asked = next->phase == PHASE_STOPPING && next->takedown != CAUSE_ENDING;
    if (is_asked)
        return t->step.act == ACT_SIGNAL_MAIN || t->step.act == ACT_SIGNAL_TREE;
    return next->phase != PHASE_CLEARING || t->step.act == ACT_SIGNAL_TREE;
}

static bool kills_in_time(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    bool is_due = phase_is_stopping(before->phase) && mono_reached(before->deadline, MODEL_NOW);
    return !is_kill(t->step.act) || is_due || before->phase == PHASE_KILLING || t->rules->kill_timeout_ms == 0 ||
           t->step.next.takedown == CAUSE_ASKED_KILL;
}

static bool tick_is_a_hint(const struct transition *t) {
    if (t->move->event.kind != EVENT_TICK)
        return true;
    if (!mono_reached(t->before->life.deadline, MODEL_NOW))
        return is_nothing(&t->before->life, &t->step);
    struct lifecycle_step again = lifecycle_step(&t->step.next, t->rules, &t->move->event);
    return is_nothing(&t->step.next, &again);
}

/* ---- wishes ---- */

static bool goal_fits(const struct transition *t) {
    const struct lifecycle *life = &t->step.next;
    if (!phase_has_process(life->phase))
        return life->takedown == CAUSE_NONE && (life->goal == GOAL_DOWN) == (life->phase == PHASE_STOPPED);
    if (is_down_cause(life->takedown) != (life->goal == GOAL_DOWN))
        return false;
    if (life->phase == PHASE_SPAWNING)
        return !is_unasked_cause(life->takedown);
    return phase_is_stopping(life->phase) == (life->takedown != CAUSE_NONE);
}

static bool is_settled(enum phase phase) {
    return phase == PHASE_STOPPED || phase == PHASE_DONE || phase == PHASE_FAILED;
}

static bool requests_are_kept(const struct transition *t) {
    const struct lifecycle *next = &t->step.next;
    switch (t->move->event.kind) {
    case EVENT_START:
        if (!t->move->event.explicit_start)
            return next->goal == GOAL_UP && next->phase != PHASE_FAILED;
        return next->goal == GOAL_UP && !is_settled(next->phase);
    case EVENT_RESTART:
        return next->goal == GOAL_UP && !is_settled(next->phase) && next->phase != PHASE_READY;
    case EVENT_STOP:
    case EVENT_KILL:
        return next->goal == GOAL_DOWN;
    case EVENT_GATE:
    case EVENT_SPAWNED:
    case EVENT_SPAWN_FAILED:
    case EVENT_READY:
    case EVENT_UNFIT:
    case EVENT_UNHEALTHY:
    case EVENT_ALIVE:
    case EVENT_HUNG:
    case EVENT_EXTEND:
    case EVENT_ENDING:
    case EVENT_EXITED:
    case EVENT_HELPER_ENDED:
    case EVENT_EMPTIED:
    case EVENT_TICK:
        return next->goal == t->before->life.goal || (next->phase == PHASE_STOPPED && !t->rules->oneshot &&
                                                      t->rules->restart.when != RESTART_WHEN_ALWAYS && next->success);
    }
    return false;
}

static bool a_kill_stays_a_kill(const struct transition *t) {
    const struct lifecycle *next = &t->step.next;
    if (next->takedown == CAUSE_ASKED_KILL && next->phase != PHASE_KILLING && next->phase != PHASE_SPAWNING)
        return false;
    bool is_softened = t->before->life.takedown == CAUSE_ASKED_KILL && next->takedown == CAUSE_ASKED_STOP;
    return !is_softened || t->move->event.kind != EVENT_STOP;
}

static bool starts_only_through_the_gate(const struct transition *t) {
    return t->step.act != ACT_SPAWN || t->step.next.step > 0 || t->move->event.gate == GATE_OPEN;
}

static bool pre_starts_come_first(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    const struct lifecycle *next = &t->step.next;
    if (t->step.act == ACT_SPAWN)
        return next->step == 0 || (before->phase == PHASE_PREPARING && next->step == before->step + 1 &&
                                   t->move->event.kind == EVENT_EXITED && t->move->event.success);
    return next->step == before->step;
}

static bool ready_means_ready(const struct transition *t) {
    const struct lifecycle *next = &t->step.next;
    bool is_new = next->phase == PHASE_READY && t->before->life.phase != PHASE_READY;
    bool may_be = t->host.process == PROCESS_MAIN && (phase_is_stopping(next->phase) || next->phase == PHASE_READY);
    if (mono_is_set(next->ready_since) ? !may_be : next->phase == PHASE_READY)
        return false;
    if (!is_new)
        return t->move->event.kind != EVENT_SPAWNED || !t->rules->ready_at_spawn || next->phase != PHASE_STARTING;
    return instant_equals(next->ready_since, MODEL_NOW) &&
           (t->move->event.kind == EVENT_READY || (t->rules->ready_at_spawn && t->move->event.kind == EVENT_SPAWNED));
}

/* ---- ends ---- */

static bool is_end_report(enum lifecycle_event_kind kind) {
    return kind == EVENT_EXITED || kind == EVENT_SPAWN_FAILED || kind == EVENT_HELPER_ENDED || kind == EVENT_EMPTIED;
}

static bool only_unasked_ends_count(const struct transition *t) {
    const struct restart_record clean = restart_record_clean();
    const struct restart_record *next = &t->step.next.record;
    if (record_equals(next, &t->before->life.record))
        return true;
    if (is_starting_request(&t->move->event))
        return record_equals(next, &clean);
    return is_end_report(t->move->event.kind) && !is_asked_cause(t->before->life.takedown);
}

static bool requests_forgive(const struct transition *t) {
    const struct restart_record clean = restart_record_clean();
    bool is_named =
        t->move->event.kind == EVENT_RESTART || (t->move->event.kind == EVENT_START && t->move->event.explicit_start);
    return !is_named || record_equals(&t->step.next.record, &clean);
}

static bool failed_means_given_up(const struct transition *t) {
    const struct restart_rules *rules = &t->rules->restart;
    if (t->step.next.phase != PHASE_FAILED || t->before->life.phase == PHASE_FAILED)
        return true;
    return is_end_report(t->move->event.kind) &&
           (rules->when == RESTART_WHEN_NEVER ||
            (rules->max_restarts > 0 && t->step.next.record.ends > rules->max_restarts));
}

static bool done_means_well(const struct transition *t) {
    bool is_new = t->step.next.phase == PHASE_DONE && t->before->life.phase != PHASE_DONE;
    return !is_new || (t->rules->oneshot && t->step.next.success);
}

/* ---- the function ---- */

static bool change_has_a_reason(const struct transition *t) {
    const struct lifecycle *before = &t->before->life;
    const struct lifecycle *next = &t->step.next;
    bool changed = before->phase != next->phase || before->goal != next->goal || before->takedown != next->takedown ||
                   t->step.act == ACT_SPAWN;
    return changed == (t->step.why.cause != CAUSE_NONE);
}

static bool phase_knows_since_when(const struct transition *t) {
    bool is_new = t->before->life.phase != t->step.next.phase || t->step.act == ACT_SPAWN;
    return !is_new || instant_equals(t->step.next.since, MODEL_NOW);
}

static bool meaningless_changes_nothing(const struct transition *t) {
    return !t->move->is_lie || is_nothing(&t->before->life, &t->step);
}

static void shift(struct mono *instant, int64_t ns) {
    if (mono_is_set(*instant) && !mono_is_never(*instant))
        instant->ns += ns;
}

static void shift_life(struct lifecycle *life, int64_t ns) {
    shift(&life->since, ns);
    shift(&life->spawned, ns);
    shift(&life->helper, ns);
    shift(&life->ready_since, ns);
    shift(&life->deadline, ns);
    shift(&life->record.window, ns);
}

static bool answers_the_same_at_any_time(const struct transition *t) {
    const int64_t about_a_day_ns = 86400 * (int64_t)1000000007 + 1;
    struct lifecycle life = t->before->life;
    struct lifecycle_event event = t->move->event;
    shift_life(&life, about_a_day_ns);
    shift(&event.now, about_a_day_ns);
    struct lifecycle_step step = lifecycle_step(&life, t->rules, &event);
    shift_life(&step.next, -about_a_day_ns);
    return step_equals(&step, &t->step);
}

const struct invariant invariants[] = {
    {"There are never two: a start begins only when nothing of the last one is left (`kill_mode = process` leaves the "
     "rest alone on purpose).",
     never_two},
    {"Nothing is signalled that is not there, and a stop_command runs only beside a main process.",
     acts_on_what_is_there},
    {"The phase tells the truth: which processes there are is known from it. `stopped`, `done`, `failed`, `blocked`, "
     "`waiting` and `backoff` mean that nobody of the whole tree is left (but for `kill_mode = process`), and in "
     "`killing` everybody who is there was sent SIGKILL.",
     phase_tells_the_truth},
    {"Acts keep to the kill_mode: `group` signals the whole tree, `process` never touches it.", keeps_kill_mode},
    {"Every wait has an end: only `ready` without a watchdog, the settled phases, `waiting` and `blocked` (for "
     "dependencies), `spawning` "
     "(the host answers) and a start without ready_timeout have no deadline.",
     every_wait_has_an_end},
    {"Each pre_start command and the main process has the whole ready_timeout.", start_has_its_whole_time},
    {"kill_timeout is the whole stop's, from its beginning, whatever phases it goes through.",
     kill_timeout_is_the_whole_stops},
    {"An app that asks for more time gets it in `starting`, `ready` (under its watchdog), `stop-command` and "
     "`stopping`; "
     "no wait becomes shorter by it, and nothing else changes.",
     extending_only_gives_time},
    {"A ready app that has a watchdog is taken down for it exactly when it was silent for that long, or (`starting`, "
     "too) "
     "says that it hangs.",
     watchdog_watches_what_is_ready},
    {"A ready app that is unhealthy is taken down, one that is not ready is not.", unhealthy_goes_down},
    {"An app that says that it ends by itself is not signalled, unless its stop is asked for, nor is it ready any "
     "more; "
     "what it leaves behind is ended as ever.",
     who_ends_by_itself_may},
    {"SIGKILL comes at the end of kill_timeout, never before, unless it was asked for or kill_timeout is 0.",
     kills_in_time},
    {"A tick is a hint: an early one and a second one change nothing.", tick_is_a_hint},
    {"Goal and takedown fit: down means stopped or being stopped because somebody asked for it.", goal_fits},
    {"Requests are kept: after a start or restart the goal is up, after a stop or kill it is down, in every phase; "
     "nothing else changes it, but for a service that ended well and is not to come back.",
     requests_are_kept},
    {"Who was asked to end at once is killed, also when a stop is asked for afterwards.", a_kill_stays_a_kill},
    {"Nothing starts but through an open gate.", starts_only_through_the_gate},
    {"pre_start commands run one after the other, each after the success of the one before.", pre_starts_come_first},
    {"Ready means that readiness was reported, or is `spawned`, and then at once.", ready_means_ready},
    {"Only ends that nobody asked for count as failures.", only_unasked_ends_count},
    {"An explicit start and a restart forgive the failures before.", requests_forgive},
    {"Failed means given up: `restart = never`, or more ends than max_restarts within the window.",
     failed_means_given_up},
    {"Done means a oneshot that ended well.", done_means_well},
    {"A change has a reason, and no change has none.", change_has_a_reason},
    {"A phase knows since when it is.", phase_knows_since_when},
    {"A report that a host which keeps its promises would not make changes nothing.", meaningless_changes_nothing},
    {"The same input gives the same answer, at any time of any day.", answers_the_same_at_any_time},
    {NULL, NULL},
};
