#include "core/lifecycle.h"

/* A SIGKILL that has not worked (a process in an uninterruptible sleep, one that forked meanwhile) is sent again. */
enum { KILL_AGAIN_MS = 1000 };

/* A step in the making. */
struct making {
    const struct lifecycle_rules *rules;
    const struct lifecycle_event *event;
    struct lifecycle life;
    enum act act;
    struct why why;
};

/* ---- phases ---- */

/* The only place where a phase begins. The deadline of its wait begins with it. */
static void enter(struct making *m, enum phase phase, struct mono deadline) {
    m->life.phase = phase;
    m->life.since = m->event->now;
    m->life.deadline = deadline;
    if (!phase_has_process(phase))
        m->life.takedown = CAUSE_NONE;
}

static void because(struct making *m, enum cause cause) {
    m->why = (struct why){.cause = cause};
}

static void because_after(struct making *m, enum cause cause, int64_t after_ms) {
    m->why = (struct why){.cause = cause, .after_ms = after_ms};
}

static struct mono limit(struct making *m, int64_t limit_ms) {
    m->life.limit_ms = limit_ms;
    return mono_add_ms(m->event->now, limit_ms);
}

static struct mono ready_deadline(struct making *m) {
    int64_t timeout_ms = m->rules->ready_timeout_ms;
    return timeout_ms > 0 ? limit(m, timeout_ms) : MONO_NEVER;
}

/* kill_timeout is the whole stop's: a phase that goes on with one keeps its deadline. */
static struct mono stop_deadline(struct making *m) {
    if (phase_is_stopping(m->life.phase))
        return m->life.deadline;
    return limit(m, m->rules->kill_timeout_ms);
}

static struct mono watchdog_deadline(struct making *m) {
    return m->life.watchdog_ms > 0 ? limit(m, m->life.watchdog_ms) : MONO_NEVER;
}

static void spawn(struct making *m) {
    enter(m, PHASE_SPAWNING, MONO_NEVER);
    m->act = ACT_SPAWN;
}

static void begin_start(struct making *m) {
    m->life.takedown = CAUSE_NONE;
    m->life.lasted_ms = -1;
    m->life.ready_ms = -1;
    m->life.step = 0;
    m->life.begun++;
    m->life.watchdog_ms = m->rules->watchdog_ms;
    spawn(m);
}

static void hold(struct making *m, enum phase phase, enum cause cause) {
    if (m->life.phase == phase) {
        because(m, CAUSE_NONE);
        return;
    }
    m->why.cause = cause;
    enter(m, phase, MONO_NEVER);
}

/* To a start, if the dependencies let it; the cause is set. */
static void pass_gate(struct making *m) {
    switch (m->event->gate) {
    case GATE_OPEN:
        begin_start(m);
        return;
    case GATE_CLOSED:
        hold(m, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING);
        return;
    case GATE_BROKEN:
        hold(m, PHASE_BLOCKED, CAUSE_DEPENDENCY_FAILED);
        return;
    }
}

static void become_ready(struct making *m) {
    m->life.ready_since = m->event->now;
    enter(m, PHASE_READY, watchdog_deadline(m));
}

static enum act kill_act(const struct making *m) {
    return m->rules->kill_process_only ? ACT_KILL_MAIN : ACT_KILL_TREE;
}

static void kill_now(struct making *m) {
    enter(m, PHASE_KILLING, mono_add_ms(m->event->now, KILL_AGAIN_MS));
    m->act = kill_act(m);
}

/* ---- the end of a process ---- */

/* What ended a takedown is told with its reason; an end that nobody asked for is the reason. */
static void because_of_end(struct making *m) {
    because(m, m->life.takedown);
    if (m->life.lasted_ms >= 0) {
        m->why.outcome = m->life.outcome;
        m->why.after_ms = m->life.lasted_ms;
    }
    if (m->life.takedown == CAUSE_NOT_READY_IN_TIME || m->life.takedown == CAUSE_WATCHDOG)
        m->why.after_ms = m->life.missed_ms;
}

static void decide_restart(struct making *m) {
    bool success = m->life.takedown == CAUSE_EXITED && m->life.success;
    if (success && m->rules->oneshot) {
        enter(m, PHASE_DONE, MONO_NEVER);
        return;
    }
    struct restart_decision decision =
        restart_decide(m->life.record, &m->rules->restart, m->event->now, success, m->life.ready_ms, m->event->chance);
    m->life.record = decision.record;
    switch (decision.verdict) {
    case RESTART_NOW:
        pass_gate(m);
        return;
    case RESTART_LATER:
        enter(m, PHASE_BACKOFF, decision.at);
        return;
    case RESTART_SUCCEEDED:
        m->life.goal = GOAL_DOWN;
        enter(m, PHASE_STOPPED, MONO_NEVER);
        return;
    case RESTART_GIVE_UP:
    case RESTART_NOT_WANTED:
        enter(m, PHASE_FAILED, MONO_NEVER);
        return;
    }
}

/* Nothing is left that was to be ended. */
static void end(struct making *m) {
    because_of_end(m);
    if (m->life.goal == GOAL_DOWN)
        enter(m, PHASE_STOPPED, MONO_NEVER);
    else if (m->life.takedown == CAUSE_ASKED_RESTART)
        pass_gate(m);
    else
        decide_restart(m);
}

static int64_t process_lasted_ms(const struct making *m) {
    return mono_ms_between(m->life.spawned, m->event->now);
}

static void remember_end(struct making *m) {
    m->life.outcome = m->event->outcome;
    m->life.success = m->event->success;
    m->life.lasted_ms = process_lasted_ms(m);
    m->life.ready_ms = mono_is_set(m->life.ready_since) ? mono_ms_between(m->life.ready_since, m->event->now) : -1;
    m->life.spawned = MONO_UNSET;
    m->life.ready_since = MONO_UNSET;
}

static bool is_rest_left(const struct making *m) {
    return m->event->tree_left && !m->rules->kill_process_only;
}

/* The main process is gone: ends what is left of its tree, then the instance. The cause is set for the former. */
static void end_rest(struct making *m, enum act act) {
    if (!is_rest_left(m)) {
        end(m);
    } else if (m->life.takedown == CAUSE_ASKED_KILL || m->rules->kill_timeout_ms == 0) {
        kill_now(m);
    } else {
        enter(m, PHASE_CLEARING, stop_deadline(m));
        m->act = act;
    }
}

/* The process is gone without having been signalled, or could not be had. */
static void lose_process(struct making *m, enum cause takedown) {
    m->life.takedown = takedown;
    because_of_end(m);
    end_rest(m, ACT_SIGNAL_TREE);
}

/* Some of those that were sent SIGKILL are gone. Others may have been born meanwhile: the kill goes out again. */
static void end_killed(struct making *m) {
    if (is_rest_left(m))
        m->act = kill_act(m);
    else if (!mono_is_set(m->life.spawned) && !mono_is_set(m->life.helper))
        end(m);
}

/* ---- taking down ---- */

static enum act signal_act(const struct making *m) {
    return m->rules->kill_group ? ACT_SIGNAL_TREE : ACT_SIGNAL_MAIN;
}

static void signal_process(struct making *m) {
    enter(m, PHASE_STOPPING, stop_deadline(m));
    m->act = signal_act(m);
}

/* Begins to end the process that is there; the cause is set. */
static void take_down(struct making *m, enum cause takedown) {
    bool has_main = m->life.phase == PHASE_STARTING || m->life.phase == PHASE_READY;
    m->life.takedown = takedown;
    if (takedown == CAUSE_ASKED_KILL || m->rules->kill_timeout_ms == 0) {
        kill_now(m);
    } else if (m->rules->has_stop_command && has_main) {
        m->life.helper = m->event->now;
        enter(m, PHASE_STOP_COMMAND, stop_deadline(m));
        m->act = ACT_STOP_COMMAND;
    } else {
        signal_process(m);
    }
}

/* Gives a takedown that is under way, or will be once the spawn is answered, another goal. Who was ending by itself is
 * now told to. */
static void redirect(struct making *m, enum goal goal, enum cause takedown, enum cause cause) {
    if (m->life.goal == goal && m->life.takedown == takedown)
        return;
    if (m->life.takedown == CAUSE_ENDING && m->life.phase == PHASE_STOPPING)
        m->act = signal_act(m);
    m->life.goal = goal;
    m->life.takedown = takedown;
    because(m, cause);
}

/* ---- requests ---- */

/* begun: how many starts the present process, if it stays, is. */
static void forgive(struct making *m, uint32_t begun) {
    m->life.record = restart_record_clean();
    m->life.begun = begun;
}

static void start_anew(struct making *m, enum cause cause) {
    m->life.goal = GOAL_UP;
    forgive(m, 0);
    because(m, cause);
    pass_gate(m);
}

/* A process is there that must go first. */
static void come_back(struct making *m, enum cause cause) {
    forgive(m, 0);
    redirect(m, GOAL_UP, CAUSE_ASKED_RESTART, cause);
}

static void on_start(struct making *m) {
    bool named = m->event->explicit_start;
    switch (m->life.phase) {
    case PHASE_STOPPED:
    case PHASE_FAILED:
        start_anew(m, CAUSE_ASKED_START);
        return;
    case PHASE_DONE:
        if (named)
            start_anew(m, CAUSE_ASKED_START);
        return;
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
        if (named)
            forgive(m, 0);
        because(m, CAUSE_ASKED_START);
        pass_gate(m);
        return;
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        if (m->life.takedown != CAUSE_NONE && (named || m->life.goal == GOAL_DOWN))
            come_back(m, CAUSE_ASKED_START);
        else if (named)
            forgive(m, 1);
        return;
    }
}

static void on_stop(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STOPPED:
        return;
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
        m->life.goal = GOAL_DOWN;
        because(m, CAUSE_ASKED_STOP);
        enter(m, PHASE_STOPPED, MONO_NEVER);
        return;
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
        m->life.goal = GOAL_DOWN;
        because(m, CAUSE_ASKED_STOP);
        take_down(m, CAUSE_ASKED_STOP);
        return;
    case PHASE_SPAWNING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        if (m->life.takedown != CAUSE_ASKED_KILL)
            redirect(m, GOAL_DOWN, CAUSE_ASKED_STOP, CAUSE_ASKED_STOP);
        return;
    }
}

static void on_restart(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
        start_anew(m, CAUSE_ASKED_RESTART);
        return;
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
        forgive(m, 0);
        because(m, CAUSE_ASKED_RESTART);
        take_down(m, CAUSE_ASKED_RESTART);
        return;
    case PHASE_SPAWNING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        come_back(m, CAUSE_ASKED_RESTART);
        return;
    }
}

static void on_kill(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STOPPED:
        return;
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
        m->life.goal = GOAL_DOWN;
        because(m, CAUSE_ASKED_KILL);
        enter(m, PHASE_STOPPED, MONO_NEVER);
        return;
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
        m->life.goal = GOAL_DOWN;
        because(m, CAUSE_ASKED_KILL);
        take_down(m, CAUSE_ASKED_KILL);
        return;
    case PHASE_SPAWNING:
    case PHASE_KILLING:
        redirect(m, GOAL_DOWN, CAUSE_ASKED_KILL, CAUSE_ASKED_KILL);
        return;
    }
}

static void on_gate(struct making *m) {
    switch (m->life.phase) {
    case PHASE_BLOCKED:
    case PHASE_WAITING:
        because(m, CAUSE_DEPENDENCY_READY);
        pass_gate(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

/* ---- reports ---- */

static void begin_process(struct making *m) {
    m->life.spawned = m->event->now;
    because(m, CAUSE_SPAWNED);
    if (m->life.takedown != CAUSE_NONE) {
        because(m, m->life.takedown);
        take_down(m, m->life.takedown);
    } else if (m->life.step < m->rules->pre_start_count) {
        enter(m, PHASE_PREPARING, ready_deadline(m));
    } else if (m->rules->ready_at_spawn) {
        become_ready(m);
    } else {
        enter(m, PHASE_STARTING, ready_deadline(m));
    }
}

static void on_spawned(struct making *m) {
    switch (m->life.phase) {
    case PHASE_SPAWNING:
        begin_process(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void on_spawn_failed(struct making *m) {
    switch (m->life.phase) {
    case PHASE_SPAWNING:
        lose_process(m, m->life.takedown == CAUSE_NONE ? CAUSE_SPAWN_FAILED : m->life.takedown);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void on_ready(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
        because_after(m, CAUSE_READY, process_lasted_ms(m));
        become_ready(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void on_unfit(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
        because(m, CAUSE_UNFIT);
        take_down(m, CAUSE_UNFIT);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void on_unhealthy(struct making *m) {
    switch (m->life.phase) {
    case PHASE_READY:
        because(m, CAUSE_UNHEALTHY);
        take_down(m, CAUSE_UNHEALTHY);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void because_ended(struct making *m, enum cause cause) {
    m->why = (struct why){cause, m->life.outcome, m->life.lasted_ms};
}

/* ---- what an app says of itself ---- */

static void on_alive(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
    case PHASE_READY:
        if (m->event->watchdog_ms >= 0)
            m->life.watchdog_ms = m->event->watchdog_ms;
        if (m->life.phase == PHASE_READY)
            m->life.deadline = watchdog_deadline(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

static void on_hung(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
    case PHASE_READY:
        m->life.missed_ms = 0;
        because(m, CAUSE_WATCHDOG);
        take_down(m, CAUSE_WATCHDOG);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

/* Never shortens a wait, as systemd does not; what waits for ever goes on to. */
static void extend(struct making *m) {
    struct mono extended = mono_add_ms(m->event->now, m->event->extend_ms);
    if (mono_is_never(m->life.deadline) || !mono_before(m->life.deadline, extended))
        return;
    m->life.limit_ms += mono_ms_between(m->life.deadline, extended);
    m->life.deadline = extended;
}

static void on_extend(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
        extend(m);
        return;
    case PHASE_STOPPING:
        if (m->life.step >= m->rules->pre_start_count) /* a pre_start command has no say in this */
            extend(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STOP_TAIL:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

/* It has kill_timeout for that, as if it had been signalled. */
static void on_ending(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STARTING:
    case PHASE_READY:
        because(m, CAUSE_ENDING);
        m->life.takedown = CAUSE_ENDING;
        enter(m, PHASE_STOPPING, stop_deadline(m));
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
    case PHASE_KILLING:
        return;
    }
}

/* ---- ends ---- */

/* What a pre_start command has left running is the start's, and goes with the main process. */
static void end_pre_start(struct making *m) {
    if (m->event->success) {
        because_after(m, CAUSE_PRE_START_DONE, process_lasted_ms(m));
        m->life.spawned = MONO_UNSET;
        m->life.step++;
        spawn(m);
    } else {
        remember_end(m);
        lose_process(m, CAUSE_PRE_START_FAILED);
    }
}

/* The rest has had its signal already by kill_mode = group, unless nobody was signalled at all. */
static void end_stopping(struct making *m) {
    bool is_rest_signalled = m->rules->kill_group && m->life.takedown != CAUSE_ENDING;
    if (m->life.takedown == CAUSE_ENDING)
        m->life.takedown = CAUSE_EXITED;
    end_rest(m, is_rest_signalled ? ACT_NONE : ACT_SIGNAL_TREE);
}

static void on_exited(struct making *m) {
    switch (m->life.phase) {
    case PHASE_PREPARING:
        end_pre_start(m);
        return;
    case PHASE_STARTING:
    case PHASE_READY:
        remember_end(m);
        lose_process(m, CAUSE_EXITED);
        return;
    case PHASE_STOP_COMMAND:
        remember_end(m);
        because_ended(m, CAUSE_EXITED);
        enter(m, PHASE_STOP_TAIL, stop_deadline(m));
        return;
    case PHASE_STOPPING:
        remember_end(m);
        because_ended(m, CAUSE_EXITED);
        end_stopping(m);
        return;
    case PHASE_KILLING:
        if (!mono_is_set(m->life.spawned))
            return;
        remember_end(m);
        end_killed(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_STOP_TAIL:
    case PHASE_CLEARING:
        return;
    }
}

static void remember_helper_end(struct making *m) {
    int64_t lasted_ms = mono_ms_between(m->life.helper, m->event->now);
    m->why = (struct why){CAUSE_STOP_COMMAND_ENDED, m->event->outcome, lasted_ms};
    m->life.helper = MONO_UNSET;
}

static void on_helper_ended(struct making *m) {
    switch (m->life.phase) {
    case PHASE_STOP_COMMAND:
        remember_helper_end(m);
        signal_process(m);
        return;
    case PHASE_STOP_TAIL:
        remember_helper_end(m);
        end_rest(m, ACT_SIGNAL_TREE);
        return;
    case PHASE_KILLING:
        if (!mono_is_set(m->life.helper))
            return;
        m->life.helper = MONO_UNSET;
        end_killed(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
        return;
    }
}

static void on_emptied(struct making *m) {
    switch (m->life.phase) {
    case PHASE_CLEARING:
        end(m);
        return;
    case PHASE_KILLING:
        end_killed(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_BACKOFF:
    case PHASE_SPAWNING:
    case PHASE_PREPARING:
    case PHASE_STARTING:
    case PHASE_READY:
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
        return;
    }
}

/* The deadline of a process that was to do something by then. */
static void miss(struct making *m, enum cause cause) {
    m->life.missed_ms = m->life.limit_ms;
    because_after(m, cause, m->life.missed_ms);
    take_down(m, cause);
}

static void on_tick(struct making *m) {
    if (!mono_reached(m->life.deadline, m->event->now))
        return;
    switch (m->life.phase) {
    case PHASE_BACKOFF:
        because_after(m, CAUSE_BACKOFF_OVER, mono_ms_between(m->life.since, m->event->now));
        pass_gate(m);
        return;
    case PHASE_PREPARING:
    case PHASE_STARTING:
        miss(m, CAUSE_NOT_READY_IN_TIME);
        return;
    case PHASE_READY:
        miss(m, CAUSE_WATCHDOG);
        return;
    case PHASE_STOP_COMMAND:
    case PHASE_STOP_TAIL:
    case PHASE_STOPPING:
    case PHASE_CLEARING:
        because_after(m, CAUSE_KILL_TIMEOUT, m->life.limit_ms);
        kill_now(m);
        return;
    case PHASE_KILLING:
        m->life.deadline = mono_add_ms(m->event->now, KILL_AGAIN_MS);
        m->act = kill_act(m);
        return;
    case PHASE_STOPPED:
    case PHASE_DONE:
    case PHASE_FAILED:
    case PHASE_BLOCKED:
    case PHASE_WAITING:
    case PHASE_SPAWNING:
        return;
    }
}

/* ---- the whole ---- */

static void (*const handlers[EVENT_COUNT])(struct making *) = {
    [EVENT_START] = on_start,
    [EVENT_STOP] = on_stop,
    [EVENT_RESTART] = on_restart,
    [EVENT_KILL] = on_kill,
    [EVENT_GATE] = on_gate,
    [EVENT_SPAWNED] = on_spawned,
    [EVENT_SPAWN_FAILED] = on_spawn_failed,
    [EVENT_READY] = on_ready,
    [EVENT_UNFIT] = on_unfit,
    [EVENT_UNHEALTHY] = on_unhealthy,
    [EVENT_ALIVE] = on_alive,
    [EVENT_HUNG] = on_hung,
    [EVENT_EXTEND] = on_extend,
    [EVENT_ENDING] = on_ending,
    [EVENT_EXITED] = on_exited,
    [EVENT_HELPER_ENDED] = on_helper_ended,
    [EVENT_EMPTIED] = on_emptied,
    [EVENT_TICK] = on_tick,
};

struct lifecycle_step lifecycle_step(const struct lifecycle *state, const struct lifecycle_rules *rules,
                                     const struct lifecycle_event *event) {
    struct making m = {.rules = rules, .event = event, .life = *state};
    handlers[event->kind](&m);
    return (struct lifecycle_step){.next = m.life, .act = m.act, .why = m.why};
}

struct lifecycle lifecycle_init(struct mono now) {
    return (struct lifecycle){
        .phase = PHASE_STOPPED,
        .goal = GOAL_DOWN,
        .since = now,
        .spawned = MONO_UNSET,
        .helper = MONO_UNSET,
        .ready_since = MONO_UNSET,
        .deadline = MONO_NEVER,
        .lasted_ms = -1,
        .ready_ms = -1,
        .record = restart_record_clean(),
    };
}

uint32_t lifecycle_restarts(const struct lifecycle *state) {
    return state->begun > 0 ? state->begun - 1 : 0;
}

/* ---- words ---- */

static const struct {
    const char *name;
    const char *word;
    bool has_process;
    bool is_stopping;
} phases[PHASE_COUNT] = {
    [PHASE_STOPPED] = {"stopped", "stopped", false, false},
    [PHASE_DONE] = {"done", "done", false, false},
    [PHASE_FAILED] = {"failed", "failed", false, false},
    [PHASE_BLOCKED] = {"blocked", "blocked", false, false},
    [PHASE_WAITING] = {"waiting", "waiting", false, false},
    [PHASE_BACKOFF] = {"backoff", "backoff", false, false},
    [PHASE_SPAWNING] = {"spawning", "starting", true, false},
    [PHASE_PREPARING] = {"preparing", "starting", true, false},
    [PHASE_STARTING] = {"starting", "starting", true, false},
    [PHASE_READY] = {"ready", "ready", true, false},
    [PHASE_STOP_COMMAND] = {"stop-command", "stopping", true, true},
    [PHASE_STOP_TAIL] = {"stop-tail", "stopping", true, true},
    [PHASE_STOPPING] = {"stopping", "stopping", true, true},
    [PHASE_CLEARING] = {"clearing", "stopping", true, true},
    [PHASE_KILLING] = {"killing", "stopping", true, true},
};

static const char *const event_names[EVENT_COUNT] = {
    [EVENT_START] = "start",
    [EVENT_STOP] = "stop",
    [EVENT_RESTART] = "restart",
    [EVENT_KILL] = "kill",
    [EVENT_GATE] = "gate",
    [EVENT_SPAWNED] = "spawned",
    [EVENT_SPAWN_FAILED] = "spawn-failed",
    [EVENT_READY] = "ready",
    [EVENT_UNFIT] = "unfit",
    [EVENT_UNHEALTHY] = "unhealthy",
    [EVENT_ALIVE] = "alive",
    [EVENT_HUNG] = "hung",
    [EVENT_EXTEND] = "extend",
    [EVENT_ENDING] = "ending",
    [EVENT_EXITED] = "exited",
    [EVENT_HELPER_ENDED] = "helper-ended",
    [EVENT_EMPTIED] = "emptied",
    [EVENT_TICK] = "tick",
};

static const char *const act_names[] = {
    [ACT_NONE] = "none",
    [ACT_SPAWN] = "spawn",
    [ACT_STOP_COMMAND] = "stop-command",
    [ACT_SIGNAL_MAIN] = "signal-main",
    [ACT_SIGNAL_TREE] = "signal-tree",
    [ACT_KILL_MAIN] = "kill-main",
    [ACT_KILL_TREE] = "kill-tree",
};

bool phase_has_process(enum phase phase) {
    return phases[phase].has_process;
}

bool phase_is_up(enum phase phase) {
    return phase == PHASE_READY || phase == PHASE_DONE;
}

bool phase_is_stopping(enum phase phase) {
    return phases[phase].is_stopping;
}

const char *phase_word(enum phase phase) {
    return phases[phase].word;
}

const char *phase_name(enum phase phase) {
    return phases[phase].name;
}

const char *event_name(enum lifecycle_event_kind kind) {
    return event_names[kind];
}

const char *act_name(enum act act) {
    return act_names[act];
}
