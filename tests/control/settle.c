/* When a call that waits is answered, and with what. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ask(struct stage *stage, const char *call) {
    peer_say(&stage->peer, call);
    peer_settle(stage->loop);
    assert_int_equal(stage->peer.in.len, 0);
}

#define ASK(stage, method, apps)                                                                                       \
    ask(stage, "{" STAGE_METHOD(method) ",\"parameters\":{\"apps\":" apps ",\"wait\":true}}")
#define ASK_WAIT(stage, apps) ask(stage, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":" apps "}}")

/* Nothing has been answered yet. */
static void assert_waits(struct stage *stage) {
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 1);
}

/* It has been answered, and these failed: their names, separated by blanks. */
static void assert_answered(struct stage *stage, const char *failed) {
    json_t *reply = peer_hear(&stage->peer);
    json_t *answer = stage_parameters(reply);
    assert_true(json_is_false(json_object_get(answer, "timed_out")));
    struct text names TEXT_AUTO = {0};
    size_t i;
    json_t *failure;
    json_array_foreach(json_object_get(answer, "failures"), i, failure)
        text_printf(&names, "%s%s", i > 0 ? " " : "",
                    json_string_value(json_object_get(json_object_get(failure, "instance"), "name")));
    assert_string_equal(text_get(&names), failed);
    assert_int_equal(json_array_size(json_object_get(answer, "instances")), 3);
    json_decref(reply);
    assert_int_equal(fake_watches(stage->fake), 0);
}

/* What was asked of it begins. */
static void pass_on(struct stage *stage, size_t index, enum phase phase, enum cause cause, const char *detail) {
    stage->fake->instances[index].pending = false;
    fake_change(stage->fake, index, phase, cause, detail);
}

static void come_up(struct stage *stage, size_t index) {
    stage->fake->instances[index].pending = false;
    fake_change(stage->fake, index, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, index, PHASE_READY, CAUSE_READY, NULL);
    fake_round(stage->fake);
}

static void test_start_waits_for_all(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[]");
    assert_waits(stage);
    come_up(stage, DB);
    pass_on(stage, API, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    pass_on(stage, WEB, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, "api");
    fake_round(stage->fake);
    assert_waits(stage);
    come_up(stage, API);
    come_up(stage, WEB);
    assert_answered(stage, "");
}

/* What is up already, and what changes nothing when it is asked, is an answer as well. */
static void test_start_of_what_is_up(void **state) {
    struct stage *stage = *state;
    come_up(stage, DB);
    ASK(stage, "Start", "[\"db\"]");
    assert_waits(stage);
    stage->fake->instances[DB].pending = false;
    fake_round(stage->fake);
    assert_answered(stage, "");
}

static void test_start_does_not_judge_what_was_before(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_FAILED, CAUSE_EXITED, NULL);
    ASK(stage, "Start", "[\"db\"]");
    /* Somebody else's round: ours has not been passed on. */
    fake_change(stage->fake, WEB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    come_up(stage, DB);
    assert_answered(stage, "");
}

static void test_start_fails_at_its_first_failure(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"db\"]");
    pass_on(stage, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    assert_answered(stage, "db");
}

/* Without a delay, the next try begins in the same moment. */
static void test_start_sees_a_failure_that_is_tried_again_at_once(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"db\",\"web\"]");
    pass_on(stage, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, DB, PHASE_SPAWNING, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    assert_waits(stage); /* for web */
    come_up(stage, WEB);
    assert_answered(stage, "db");
}

static void test_start_forgets_a_failure_that_is_overcome(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"db\",\"web\"]");
    pass_on(stage, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    come_up(stage, DB);
    come_up(stage, WEB);
    assert_answered(stage, "");
}

static void test_start_fails_when_somebody_stops_it(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"db\"]");
    pass_on(stage, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    stage->fake->instances[DB].wanted = false;
    fake_change(stage->fake, DB, PHASE_STOPPED, CAUSE_ASKED_STOP, NULL);
    fake_round(stage->fake);
    assert_answered(stage, "db");
}

/* A dependency in backoff: its dependants wait, and nobody is left who could get on. */
static void test_start_ends_when_there_is_no_hope(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"web\"]");
    pass_on(stage, WEB, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, "api");
    fake_change(stage->fake, API, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, "db");
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    assert_answered(stage, "web api db");
}

static void test_start_names_who_blocks(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"api\"]");
    fake_change(stage->fake, DB, PHASE_FAILED, CAUSE_EXITED, NULL);
    pass_on(stage, API, PHASE_BLOCKED, CAUSE_DEPENDENCY_FAILED, "db");
    fake_round(stage->fake);
    assert_answered(stage, "api db");
}

static void test_restart_does_not_take_the_old_one_for_the_new(void **state) {
    struct stage *stage = *state;
    come_up(stage, DB);
    ASK(stage, "Restart", "[\"db\"]");
    /* Its dependants go down first. */
    fake_change(stage->fake, WEB, PHASE_STOPPING, CAUSE_ASKED_STOP, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    pass_on(stage, DB, PHASE_STOPPING, CAUSE_ASKED_RESTART, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    fake_change(stage->fake, DB, PHASE_SPAWNING, CAUSE_ASKED_RESTART, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    come_up(stage, DB);
    assert_answered(stage, "");
}

static void test_stop(void **state) {
    struct stage *stage = *state;
    come_up(stage, DB);
    come_up(stage, WEB);
    fake_change(stage->fake, API, PHASE_FAILED, CAUSE_EXITED, NULL);
    ASK(stage, "Stop", "[]");
    assert_waits(stage);
    pass_on(stage, DB, PHASE_STOPPING, CAUSE_ASKED_STOP, NULL);
    fake_change(stage->fake, DB, PHASE_STOPPED, CAUSE_ASKED_STOP, NULL);
    pass_on(stage, WEB, PHASE_STOPPING, CAUSE_ASKED_STOP, NULL);
    stage->fake->instances[API].pending = false;
    fake_round(stage->fake);
    assert_waits(stage);
    fake_change(stage->fake, WEB, PHASE_STOPPED, CAUSE_ASKED_STOP, NULL);
    fake_round(stage->fake);
    assert_answered(stage, "");
}

static void test_stop_fails_when_somebody_starts_it(void **state) {
    struct stage *stage = *state;
    come_up(stage, DB);
    ASK(stage, "Stop", "[\"db\"]");
    pass_on(stage, DB, PHASE_STOPPING, CAUSE_ASKED_STOP, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    stage->fake->instances[DB].wanted = true;
    come_up(stage, DB);
    assert_answered(stage, "db");
}

static void test_wait_outlasts_failures(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    ASK_WAIT(stage, "[\"db\"]");
    assert_waits(stage);
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    assert_waits(stage);
    come_up(stage, DB);
    assert_answered(stage, "");
}

static void test_wait_ends_with_the_first_that_gave_up(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, API, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    ASK_WAIT(stage, "[\"db\",\"api\"]");
    assert_waits(stage);
    fake_change(stage->fake, DB, PHASE_FAILED, CAUSE_EXITED, NULL);
    fake_round(stage->fake);
    json_t *reply = peer_hear(&stage->peer);
    json_t *failures = json_object_get(stage_parameters(reply), "failures");
    json_t *instance = json_object_get(json_array_get(failures, json_array_size(failures) - 1), "instance");
    assert_string_equal(json_string_value(json_object_get(instance, "name")), "db");
    json_decref(reply);
}

static void test_wait_for_what_is_down_fails_at_once(void **state) {
    struct stage *stage = *state;
    peer_say(&stage->peer, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    assert_answered(stage, "db");
}

static void test_timeout(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, API, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, NULL);
    fake_change(stage->fake, WEB, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, NULL);
    peer_say(&stage->peer, "{" STAGE_METHOD("Start") ",\"parameters\":{\"wait\":true,\"timeout_ms\":20}}");
    json_t *reply = peer_hear(&stage->peer);
    assert_true(json_is_true(json_object_get(stage_parameters(reply), "timed_out")));
    /* What is still on its way has not failed. */
    assert_int_equal(json_array_size(json_object_get(stage_parameters(reply), "failures")), 0);
    json_decref(reply);
    assert_int_equal(fake_watches(stage->fake), 0);
}

static void test_hanging_up_ends_the_waiting_not_the_work(void **state) {
    struct stage *stage = *state;
    ASK(stage, "Start", "[\"db\"]");
    assert_int_equal(fake_watches(stage->fake), 1);
    peer_close(&stage->peer);
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 0);
    assert_string_equal(fake_asked(stage->fake), "start db");
    peer_open(&stage->peer, stage->loop, stage->dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_waits_for_all, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_of_what_is_up, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_does_not_judge_what_was_before, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_fails_at_its_first_failure, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_sees_a_failure_that_is_tried_again_at_once, stage_setup,
                                        stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_forgets_a_failure_that_is_overcome, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_fails_when_somebody_stops_it, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_ends_when_there_is_no_hope, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_names_who_blocks, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_restart_does_not_take_the_old_one_for_the_new, stage_setup,
                                        stage_teardown),
        cmocka_unit_test_setup_teardown(test_stop, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_stop_fails_when_somebody_starts_it, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_wait_outlasts_failures, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_wait_ends_with_the_first_that_gave_up, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_wait_for_what_is_down_fails_at_once, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_timeout, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_hanging_up_ends_the_waiting_not_the_work, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
