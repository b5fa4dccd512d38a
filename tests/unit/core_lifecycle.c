/* What the exhaustive walk (tests/model) leaves out: real durations, counts and the reasons that are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "core/lifecycle.h"

static const struct lifecycle_rules service = {
    .ready_timeout_ms = 30000,
    .kill_timeout_ms = 10000,
    .restart = {RESTART_WHEN_ALWAYS, 100, 30000, 10000, 300000, 10},
};

/* One instance and its clock. */
struct play {
    struct lifecycle_rules rules;
    struct lifecycle life;
    struct mono now;
    struct lifecycle_step last;
};

static struct play play_new(const struct lifecycle_rules *rules) {
    struct play play = {.rules = *rules, .now = {1000 * (int64_t)1000000000}};
    play.life = lifecycle_init(play.now);
    return play;
}

static void wait_ms(struct play *play, int64_t ms) {
    play->now = mono_add_ms(play->now, ms);
}

static void happens(struct play *play, struct lifecycle_event event) {
    event.now = play->now;
    play->last = lifecycle_step(&play->life, &play->rules, &event);
    play->life = play->last.next;
}

static void happens_only(struct play *play, enum lifecycle_event_kind kind) {
    happens(play, (struct lifecycle_event){.kind = kind});
}

static void is_started(struct play *play) {
    happens(play, (struct lifecycle_event){.kind = EVENT_START, .explicit_start = true});
}

static void exits(struct play *play, int code, bool tree_left) {
    happens(play, (struct lifecycle_event){.kind = EVENT_EXITED,
                                           .outcome = {OUTCOME_EXIT, code, false},
                                           .success = code == 0,
                                           .tree_left = tree_left});
}

static void is_killed_by(struct play *play, int signal) {
    happens(play, (struct lifecycle_event){.kind = EVENT_EXITED, .outcome = {OUTCOME_SIGNAL, signal, false}});
}

static void helper_ends(struct play *play, int code, bool tree_left) {
    happens(play, (struct lifecycle_event){
                      .kind = EVENT_HELPER_ENDED, .outcome = {OUTCOME_EXIT, code, false}, .tree_left = tree_left});
}

static void comes_up(struct play *play) {
    is_started(play);
    happens_only(play, EVENT_SPAWNED);
    wait_ms(play, 35);
    happens_only(play, EVENT_READY);
}

#define assert_step(play, phase_, act_)                                                                                \
    do {                                                                                                               \
        assert_string_equal(phase_name((play)->life.phase), phase_name(phase_));                                       \
        assert_string_equal(act_name((play)->last.act), act_name(act_));                                               \
    } while (0)

#define assert_why(play, cause_, after_ms_)                                                                            \
    do {                                                                                                               \
        assert_int_equal((play)->last.why.cause, cause_);                                                              \
        assert_int_equal((play)->last.why.after_ms, after_ms_);                                                        \
    } while (0)

static void assert_due_in(const struct play *play, int64_t ms) {
    assert_int_equal(mono_ms_between(play->now, play->life.deadline), ms);
}

/* ---- starting ---- */

static void start_runs_each_pre_start_then_the_main_process(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.pre_start_count = 2;
    struct play play = play_new(&rules);
    is_started(&play);
    for (uint32_t step = 0; step < 2; step++) {
        assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
        assert_int_equal(play.life.step, step);
        happens_only(&play, EVENT_SPAWNED);
        assert_step(&play, PHASE_PREPARING, ACT_NONE);
        assert_due_in(&play, 30000);
        wait_ms(&play, 1200);
        exits(&play, 0, true);
        assert_why(&play, CAUSE_PRE_START_DONE, 1200);
    }
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_int_equal(play.life.outcome.kind, OUTCOME_NONE);
    happens_only(&play, EVENT_SPAWNED);
    assert_step(&play, PHASE_STARTING, ACT_NONE);
    assert_due_in(&play, 30000);
    wait_ms(&play, 35);
    happens_only(&play, EVENT_READY);
    assert_step(&play, PHASE_READY, ACT_NONE);
    assert_why(&play, CAUSE_READY, 35);
}

static void spawned_is_ready_where_that_is_the_condition(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.ready_at_spawn = true;
    struct play play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    assert_step(&play, PHASE_READY, ACT_NONE);
    assert_why(&play, CAUSE_SPAWNED, 0);
}

static void failed_pre_start_fails_the_start(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.pre_start_count = 1;
    struct play play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    wait_ms(&play, 12);
    exits(&play, 3, false);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_why(&play, CAUSE_PRE_START_FAILED, 12);
    assert_int_equal(play.last.why.outcome.number, 3);
    assert_int_equal(play.life.outcome.number, 3);
}

static void failed_spawn_is_told_without_an_old_outcome(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    exits(&play, 3, false);
    wait_ms(&play, 100);
    happens_only(&play, EVENT_TICK);
    assert_why(&play, CAUSE_BACKOFF_OVER, 100);
    happens_only(&play, EVENT_SPAWN_FAILED);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_why(&play, CAUSE_SPAWN_FAILED, 0);
    assert_int_equal(play.last.why.outcome.kind, OUTCOME_NONE);
    assert_int_equal(play.life.outcome.number, 3);
    assert_due_in(&play, 200);
}

static void what_a_pre_start_left_goes_when_the_spawn_fails(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.pre_start_count = 1;
    struct play play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    exits(&play, 0, true);
    happens(&play, (struct lifecycle_event){.kind = EVENT_SPAWN_FAILED, .tree_left = true});
    assert_step(&play, PHASE_CLEARING, ACT_SIGNAL_TREE);
    happens_only(&play, EVENT_EMPTIED);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_why(&play, CAUSE_SPAWN_FAILED, 0);
}

static void not_ready_in_time_is_a_failure_with_the_limit(void **state) {
    (void)state;
    struct play play = play_new(&service);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    wait_ms(&play, 29999);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_STARTING, ACT_NONE);
    wait_ms(&play, 1);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    assert_why(&play, CAUSE_NOT_READY_IN_TIME, 30000);
    wait_ms(&play, 5);
    exits(&play, 0, false);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_why(&play, CAUSE_NOT_READY_IN_TIME, 30000);
    assert_int_equal(play.life.record.failures, 1);
}

static void unfit_is_a_failure(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.restart.when = RESTART_WHEN_NEVER;
    struct play play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    happens_only(&play, EVENT_UNFIT);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    exits(&play, 0, false);
    assert_step(&play, PHASE_FAILED, ACT_NONE);
    assert_int_equal(play.last.why.cause, CAUSE_UNFIT);
}

static void an_unhealthy_app_comes_back(void **state) {
    (void)state;
    struct play play = play_new(&service);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    happens_only(&play, EVENT_UNHEALTHY);
    assert_step(&play, PHASE_STARTING, ACT_NONE);
    happens_only(&play, EVENT_READY);
    happens_only(&play, EVENT_UNHEALTHY);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    assert_int_equal(play.last.why.cause, CAUSE_UNHEALTHY);
    happens_only(&play, EVENT_UNHEALTHY);
    assert_step(&play, PHASE_STOPPING, ACT_NONE);
    exits(&play, 0, false);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE); /* to end well when told to is no success */
    assert_int_equal(play.last.why.cause, CAUSE_UNHEALTHY);
}

/* ---- what an app says of itself ---- */

static void says(struct play *play, enum lifecycle_event_kind kind, int64_t ms) {
    happens(play, (struct lifecycle_event){.kind = kind, .watchdog_ms = ms, .extend_ms = ms});
}

static void silence_is_told_with_its_length(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.watchdog_ms = 20000;
    struct play play = play_new(&rules);
    comes_up(&play);
    assert_due_in(&play, 20000);
    wait_ms(&play, 15000);
    says(&play, EVENT_ALIVE, -1);
    assert_due_in(&play, 20000);
    wait_ms(&play, 20000);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    assert_why(&play, CAUSE_WATCHDOG, 20000);
    assert_due_in(&play, 10000);
    is_killed_by(&play, SIGTERM);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_WATCHDOG, 20000);
}

static void watchdog_can_be_changed_for_one_start(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.watchdog_ms = 20000;
    struct play play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    says(&play, EVENT_ALIVE, 5000);
    assert_due_in(&play, 30000);
    happens_only(&play, EVENT_READY);
    assert_due_in(&play, 5000);
    says(&play, EVENT_ALIVE, 0);
    assert_true(mono_is_never(play.life.deadline));
    exits(&play, 1, false);
    wait_ms(&play, 1000);
    happens_only(&play, EVENT_TICK);
    happens_only(&play, EVENT_SPAWNED);
    happens_only(&play, EVENT_READY);
    assert_due_in(&play, 20000);
}

static void a_hung_app_says_so(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    happens_only(&play, EVENT_HUNG);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    assert_why(&play, CAUSE_WATCHDOG, 0);
}

static void more_time_is_told_with_the_limit(void **state) {
    (void)state;
    struct play play = play_new(&service);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    wait_ms(&play, 25000);
    says(&play, EVENT_EXTEND, 2000);
    assert_due_in(&play, 5000);
    says(&play, EVENT_EXTEND, 60000);
    assert_due_in(&play, 60000);
    wait_ms(&play, 60000);
    happens_only(&play, EVENT_TICK);
    assert_why(&play, CAUSE_NOT_READY_IN_TIME, 85000);
    wait_ms(&play, 5000);
    says(&play, EVENT_EXTEND, 15000);
    wait_ms(&play, 15000);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_KILLING, ACT_KILL_TREE);
    assert_why(&play, CAUSE_KILL_TIMEOUT, 20000);
    is_killed_by(&play, SIGKILL);
    assert_why(&play, CAUSE_NOT_READY_IN_TIME, 85000);
}

/* ---- ends that nobody asked for ---- */

static void crash_before_min_uptime_waits(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    wait_ms(&play, 1165);
    exits(&play, 3, false);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_why(&play, CAUSE_EXITED, 1200);
    assert_int_equal(play.last.why.outcome.number, 3);
    assert_due_in(&play, 100);
    assert_false(mono_is_set(play.life.spawned));
    assert_false(mono_is_set(play.life.ready_since));
}

static void crash_after_min_uptime_comes_back_at_once(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    wait_ms(&play, 10000);
    is_killed_by(&play, SIGSEGV);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_EXITED, 10035);
    assert_int_equal(lifecycle_restarts(&play.life), 1);
}

static void restarts_count_what_nobody_asked_for(void **state) {
    (void)state;
    struct play play = play_new(&service);
    assert_int_equal(lifecycle_restarts(&play.life), 0);
    comes_up(&play);
    for (uint32_t restarts = 0; restarts < 3; restarts++) {
        assert_int_equal(lifecycle_restarts(&play.life), restarts);
        exits(&play, 1, false);
        assert_int_equal(lifecycle_restarts(&play.life), restarts);
        wait_ms(&play, 1000);
        happens_only(&play, EVENT_TICK);
        happens_only(&play, EVENT_SPAWNED);
        happens_only(&play, EVENT_READY);
    }
    is_started(&play);
    assert_step(&play, PHASE_READY, ACT_NONE);
    assert_int_equal(lifecycle_restarts(&play.life), 0);
    exits(&play, 1, false);
    wait_ms(&play, 1000);
    happens_only(&play, EVENT_TICK);
    assert_int_equal(lifecycle_restarts(&play.life), 1);
    happens_only(&play, EVENT_SPAWNED);
    happens_only(&play, EVENT_RESTART);
    exits(&play, 0, false);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_int_equal(lifecycle_restarts(&play.life), 0);
}

static void rest_of_the_tree_goes_before_the_decision(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    wait_ms(&play, 10000);
    exits(&play, 3, true);
    assert_step(&play, PHASE_CLEARING, ACT_SIGNAL_TREE);
    assert_why(&play, CAUSE_EXITED, 10035);
    assert_due_in(&play, 10000);
    wait_ms(&play, 10000);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_KILLING, ACT_KILL_TREE);
    assert_why(&play, CAUSE_KILL_TIMEOUT, 10000);
    wait_ms(&play, 1000);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_KILLING, ACT_KILL_TREE);
    assert_due_in(&play, 1000);
    happens_only(&play, EVENT_EMPTIED);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_EXITED, 10035);
    assert_int_equal(play.last.why.outcome.number, 3);
}

static void time_that_clearing_takes_is_not_uptime(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    wait_ms(&play, 9000);
    exits(&play, 3, true);
    wait_ms(&play, 2000);
    happens_only(&play, EVENT_EMPTIED);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    assert_due_in(&play, 100);
}

static void too_many_ends_are_failed_until_told_to_start(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.restart.max_restarts = 2;
    rules.restart.delay_ms = 0;
    struct play play = play_new(&rules);
    comes_up(&play);
    for (int i = 0; i < 2; i++) {
        exits(&play, 1, false);
        assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
        happens_only(&play, EVENT_SPAWNED);
    }
    exits(&play, 1, false);
    assert_step(&play, PHASE_FAILED, ACT_NONE);
    assert_int_equal(play.life.goal, GOAL_UP);
    assert_int_equal(lifecycle_restarts(&play.life), 2);

    /* As somebody's dependency, too. */
    happens_only(&play, EVENT_START);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_ASKED_START, 0);
    assert_int_equal(lifecycle_restarts(&play.life), 0);
    assert_int_equal(play.life.record.ends, 0);
}

static void wanted_ends_are_not_failures(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.restart.when = RESTART_WHEN_FAILED;
    struct play play = play_new(&rules);
    comes_up(&play);
    exits(&play, 0, false);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
    assert_int_equal(play.life.goal, GOAL_DOWN);

    rules.oneshot = true;
    rules.restart.when = RESTART_WHEN_ALWAYS;
    play = play_new(&rules);
    is_started(&play);
    happens_only(&play, EVENT_SPAWNED);
    exits(&play, 0, false);
    assert_step(&play, PHASE_DONE, ACT_NONE);
    happens_only(&play, EVENT_START);
    assert_step(&play, PHASE_DONE, ACT_NONE);
    is_started(&play);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
}

/* ---- stopping ---- */

static void stop_command_signal_and_rest_share_one_timeout(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.has_stop_command = true;
    struct play play = play_new(&rules);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    assert_step(&play, PHASE_STOP_COMMAND, ACT_STOP_COMMAND);
    assert_due_in(&play, 10000);
    wait_ms(&play, 4000);
    helper_ends(&play, 0, false);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    assert_why(&play, CAUSE_STOP_COMMAND_ENDED, 4000);
    assert_due_in(&play, 6000);
    wait_ms(&play, 3000);
    is_killed_by(&play, SIGTERM);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_STOP, 7035);
    assert_int_equal(play.last.why.outcome.number, SIGTERM);
}

static void stop_command_may_outlive_the_main_process(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.has_stop_command = true;
    struct play play = play_new(&rules);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    wait_ms(&play, 10);
    exits(&play, 0, false);
    assert_step(&play, PHASE_STOP_TAIL, ACT_NONE);
    wait_ms(&play, 30);
    helper_ends(&play, 0, true);
    assert_step(&play, PHASE_CLEARING, ACT_SIGNAL_TREE);
    assert_why(&play, CAUSE_STOP_COMMAND_ENDED, 40);
    assert_due_in(&play, 9960);
    happens_only(&play, EVENT_EMPTIED);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_STOP, 45);
}

/* A leader that dies at once does not cancel the timeout of its tree. */
static void rest_of_a_stopped_tree_has_what_is_left_of_the_time(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    wait_ms(&play, 100);
    exits(&play, 0, true);
    assert_step(&play, PHASE_CLEARING, ACT_SIGNAL_TREE);
    assert_due_in(&play, 9900);
    wait_ms(&play, 9900);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_KILLING, ACT_KILL_TREE);
}

static void kill_mode_group_signals_the_tree_once(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.kill_group = true;
    struct play play = play_new(&rules);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_TREE);
    exits(&play, 0, true);
    assert_step(&play, PHASE_CLEARING, ACT_NONE);
}

static void kill_mode_process_leaves_the_rest_alone(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.kill_process_only = true;
    rules.has_stop_command = true;
    struct play play = play_new(&rules);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    wait_ms(&play, 10000);
    happens_only(&play, EVENT_TICK);
    assert_step(&play, PHASE_KILLING, ACT_KILL_MAIN);
    is_killed_by(&play, SIGKILL);
    assert_step(&play, PHASE_KILLING, ACT_NONE);
    helper_ends(&play, 0, true);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
}

static void no_kill_timeout_means_at_once(void **state) {
    (void)state;
    struct lifecycle_rules rules = service;
    rules.kill_timeout_ms = 0;
    rules.has_stop_command = true;
    struct play play = play_new(&rules);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    assert_step(&play, PHASE_KILLING, ACT_KILL_TREE);
    assert_why(&play, CAUSE_ASKED_STOP, 0);
}

static void stop_while_spawning_is_carried_out_on_spawned(void **state) {
    (void)state;
    struct play play = play_new(&service);
    is_started(&play);
    happens_only(&play, EVENT_STOP);
    assert_step(&play, PHASE_SPAWNING, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_STOP, 0);
    happens_only(&play, EVENT_SPAWNED);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    wait_ms(&play, 2);
    is_killed_by(&play, SIGTERM);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_STOP, 2);

    is_started(&play);
    happens_only(&play, EVENT_STOP);
    happens_only(&play, EVENT_SPAWN_FAILED);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_STOP, 0);
    assert_int_equal(play.last.why.outcome.kind, OUTCOME_NONE);
}

static void start_during_a_stop_comes_back_after_it(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    happens_only(&play, EVENT_STOP);
    happens_only(&play, EVENT_START);
    assert_step(&play, PHASE_STOPPING, ACT_NONE);
    assert_why(&play, CAUSE_ASKED_START, 0);
    exits(&play, 0, false);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_ASKED_RESTART, 35);
}

static void stop_during_a_restart_stays_stopped(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    happens_only(&play, EVENT_RESTART);
    assert_step(&play, PHASE_STOPPING, ACT_SIGNAL_MAIN);
    happens_only(&play, EVENT_STOP);
    exits(&play, 0, false);
    assert_step(&play, PHASE_STOPPED, ACT_NONE);
}

static void start_in_backoff_begins_now(void **state) {
    (void)state;
    struct play play = play_new(&service);
    comes_up(&play);
    exits(&play, 1, false);
    assert_step(&play, PHASE_BACKOFF, ACT_NONE);
    happens_only(&play, EVENT_START);
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_int_equal(play.life.record.failures, 1);
}

static void dependencies_hold_a_start_and_say_so(void **state) {
    (void)state;
    struct play play = play_new(&service);
    happens(&play, (struct lifecycle_event){.kind = EVENT_START, .gate = GATE_CLOSED});
    assert_step(&play, PHASE_WAITING, ACT_NONE);
    assert_why(&play, CAUSE_DEPENDENCY_MISSING, 0);
    happens(&play, (struct lifecycle_event){.kind = EVENT_GATE, .gate = GATE_BROKEN});
    assert_step(&play, PHASE_BLOCKED, ACT_NONE);
    assert_why(&play, CAUSE_DEPENDENCY_FAILED, 0);
    happens(&play, (struct lifecycle_event){.kind = EVENT_GATE, .gate = GATE_BROKEN});
    assert_why(&play, CAUSE_NONE, 0);
    happens(&play, (struct lifecycle_event){.kind = EVENT_GATE, .gate = GATE_CLOSED});
    assert_step(&play, PHASE_WAITING, ACT_NONE);
    happens(&play, (struct lifecycle_event){.kind = EVENT_GATE, .gate = GATE_OPEN});
    assert_step(&play, PHASE_SPAWNING, ACT_SPAWN);
    assert_why(&play, CAUSE_DEPENDENCY_READY, 0);
}

/* ---- words ---- */

static void phases_have_the_words_of_the_contract(void **state) {
    (void)state;
    static const char *const words[PHASE_COUNT] = {
        [PHASE_STOPPED] = "stopped",       [PHASE_DONE] = "done",
        [PHASE_FAILED] = "failed",         [PHASE_BLOCKED] = "blocked",
        [PHASE_WAITING] = "waiting",       [PHASE_BACKOFF] = "backoff",
        [PHASE_SPAWNING] = "starting",     [PHASE_PREPARING] = "starting",
        [PHASE_STARTING] = "starting",     [PHASE_READY] = "ready",
        [PHASE_STOP_COMMAND] = "stopping", [PHASE_STOP_TAIL] = "stopping",
        [PHASE_STOPPING] = "stopping",     [PHASE_CLEARING] = "stopping",
        [PHASE_KILLING] = "stopping",
    };
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        assert_string_equal(phase_word((enum phase)phase), words[phase]);
        assert_int_equal(phase_is_stopping((enum phase)phase), strcmp(words[phase], "stopping") == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_runs_each_pre_start_then_the_main_process),
        cmocka_unit_test(spawned_is_ready_where_that_is_the_condition),
        cmocka_unit_test(failed_pre_start_fails_the_start),
        cmocka_unit_test(failed_spawn_is_told_without_an_old_outcome),
        cmocka_unit_test(what_a_pre_start_left_goes_when_the_spawn_fails),
        cmocka_unit_test(not_ready_in_time_is_a_failure_with_the_limit),
        cmocka_unit_test(unfit_is_a_failure),
        cmocka_unit_test(silence_is_told_with_its_length),
        cmocka_unit_test(an_unhealthy_app_comes_back),
        cmocka_unit_test(watchdog_can_be_changed_for_one_start),
        cmocka_unit_test(a_hung_app_says_so),
        cmocka_unit_test(more_time_is_told_with_the_limit),
        cmocka_unit_test(crash_before_min_uptime_waits),
        cmocka_unit_test(crash_after_min_uptime_comes_back_at_once),
        cmocka_unit_test(restarts_count_what_nobody_asked_for),
        cmocka_unit_test(rest_of_the_tree_goes_before_the_decision),
        cmocka_unit_test(time_that_clearing_takes_is_not_uptime),
        cmocka_unit_test(too_many_ends_are_failed_until_told_to_start),
        cmocka_unit_test(wanted_ends_are_not_failures),
        cmocka_unit_test(stop_command_signal_and_rest_share_one_timeout),
        cmocka_unit_test(stop_command_may_outlive_the_main_process),
        cmocka_unit_test(rest_of_a_stopped_tree_has_what_is_left_of_the_time),
        cmocka_unit_test(kill_mode_group_signals_the_tree_once),
        cmocka_unit_test(kill_mode_process_leaves_the_rest_alone),
        cmocka_unit_test(no_kill_timeout_means_at_once),
        cmocka_unit_test(stop_while_spawning_is_carried_out_on_spawned),
        cmocka_unit_test(start_during_a_stop_comes_back_after_it),
        cmocka_unit_test(stop_during_a_restart_stays_stopped),
        cmocka_unit_test(start_in_backoff_begins_now),
        cmocka_unit_test(dependencies_hold_a_start_and_say_so),
        cmocka_unit_test(phases_have_the_words_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
