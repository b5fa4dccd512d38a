/* The supervisor's behaviour over several apps, told as short stories over a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"

static const char CHAIN[] = "[defaults]\nready = notify\n"
                            "[app:db]\ncommand = db\n"
                            "[app:api]\ncommand = api\ndepends_on = db\n"
                            "[app:web]\ncommand = web\ndepends_on = api\n";

/* Fails unless the words stand in the trace in this order. */
static void assert_order(const struct fake_world *world, const char *const *words) {
    const char *at = fake_trace(world);
    for (; *words; words++) {
        const char *found = strstr(at, *words);
        if (!found)
            fail_msg("no `%s` in its place in\n%s", *words, fake_trace(world));
        at = found + strlen(*words);
    }
}
#define ASSERT_ORDER(world, ...) assert_order(world, (const char *const[]){__VA_ARGS__, NULL})

static void starts_in_order_of_dependencies(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 9);
    assert_int_equal(fake_phase(world, "db"), PHASE_STARTING);
    assert_int_equal(fake_phase(world, "api"), PHASE_WAITING);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    ASSERT_ORDER(world, "0:spawn db", "10:spawn api", "20:spawn web");
    assert_string_equal(supervisor_state(fake_supervisor(world)), "ready");
    fake_free(world);
}

static void stops_in_reverse_and_waits(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    fake_script(world, "web", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1, .stop_takes_ms = 500});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    fake_trace_clear(world);
    supervisor_stop(fake_supervisor(world), fake_set(world, ""), fake_actor);
    fake_run(world, 2000);
    ASSERT_ORDER(world, "signal web", "1500:end web", "signal api", "end api", "signal db", "end db");
    assert_int_equal(fake_phase(world, "db"), PHASE_STOPPED);
    assert_int_equal(fake_processes(world), 0);
    assert_false(fake_is_over(world)); /* a stop of everything leaves the supervisor */
    fake_free(world);
}

static void independent_apps_stop_side_by_side(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:a]\ncommand = a\n[app:b]\ncommand = b\n", 1);
    struct fake_script slow = {.exit_after_ms = -1, .stop_takes_ms = 1000};
    fake_script(world, "a", &slow);
    fake_script(world, "b", &slow);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 10);
    supervisor_shutdown(fake_supervisor(world), fake_actor);
    fake_run(world, 60000);
    assert_true(fake_is_over(world));
    assert_int_equal(fake_now_ms(world), 1010);
    fake_free(world);
}

static void restart_of_everything_keeps_the_order(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    fake_trace_clear(world);
    supervisor_restart(fake_supervisor(world), fake_set(world, ""), fake_actor);
    fake_run(world, 1000);
    ASSERT_ORDER(world, "end web", "end api", "end db", "spawn db", "spawn api", "spawn web");
    assert_int_equal(fake_spawns(world, "web"), 2); /* it did not come back before its dependencies were restarted */
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    fake_free(world);
}

static void a_crash_leaves_the_others_alone(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = 20000, .exit_code = 3});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 30000);
    assert_int_equal(fake_spawns(world, "db"), 2);
    assert_int_equal(fake_spawns(world, "web"), 1);
    /* It was ready for longer than min_uptime: it comes back at once. */
    ASSERT_ORDER(world, "20000:end db", "20000:spawn db");
    fake_free(world);
}

static void gives_up_and_blocks_dependants(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = -1, .exit_after_ms = 5, .exit_code = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 10 * 60 * 1000);
    assert_int_equal(fake_phase(world, "db"), PHASE_FAILED);
    assert_int_equal(fake_spawns(world, "db"), 11); /* the first, and max_restarts = 10 */
    assert_int_equal(fake_phase(world, "web"), PHASE_BLOCKED);
    assert_string_equal(supervisor_state(fake_supervisor(world)), "degraded");
    /* Told to start again, all go on. */
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1});
    supervisor_start(fake_supervisor(world), fake_set(world, "db"), fake_actor);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    fake_free(world);
}

static void not_ready_is_a_failure(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:a]\ncommand = a\nready = notify\nready_timeout = 3s\n", 1);
    fake_script(world, "a", &(struct fake_script){.ready_after_ms = -1, .exit_after_ms = -1, .stop_takes_ms = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 3050);
    assert_int_equal(fake_phase(world, "a"), PHASE_BACKOFF);
    assert_string_equal(supervisor_view(fake_supervisor(world), 0).why, "not ready within 3s: nothing yet");
    fake_free(world);
}

static void the_kill_timeout_is_the_trees(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:a]\ncommand = a\nkill_timeout = 2s\n", 1);
    fake_script(world, "a",
                &(struct fake_script){
                    .exit_after_ms = -1, .stop_takes_ms = 100, .leaves_orphan = true, .orphan_ignores = true});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    supervisor_stop(fake_supervisor(world), fake_set(world, ""), fake_actor);
    fake_run(world, 1500);
    assert_int_equal(fake_phase(world, "a"), PHASE_CLEARING);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "a"), PHASE_STOPPED);
    ASSERT_ORDER(world, "1000:signal a", "1100:end a", "1100:signal-tree a", "3000:kill-tree a");
    fake_free(world);
}

static void second_shutdown_kills_at_once(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    struct fake_script deaf = {.ready_after_ms = 1, .exit_after_ms = -1, .ignores_stop_signal = true};
    fake_script(world, "db", &deaf);
    fake_script(world, "web", &deaf);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    supervisor_shutdown(fake_supervisor(world), fake_actor);
    fake_run(world, 100);
    supervisor_shutdown(fake_supervisor(world), fake_actor);
    fake_run(world, 100);
    assert_true(fake_is_over(world));
    assert_int_equal(fake_now_ms(world), 1100);
    assert_int_equal(fake_processes(world), 0);
    fake_free(world);
}

static void stop_works_in_backoff_and_waiting(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = -1, .exit_after_ms = 1, .exit_code = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 500);
    supervisor_stop(fake_supervisor(world), fake_set(world, ""), fake_actor);
    fake_run(world, 1);
    assert_int_equal(fake_phase(world, "db"), PHASE_STOPPED);
    assert_int_equal(fake_phase(world, "web"), PHASE_STOPPED);
    unsigned spawns = fake_spawns(world, "db");
    fake_run(world, 3600 * 1000);
    assert_int_equal(fake_spawns(world, "db"), spawns);
    fake_free(world);
}

static void starting_an_app_starts_what_it_depends_on(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    supervisor_start(fake_supervisor(world), fake_set(world, "api"), fake_actor);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "db"), PHASE_READY);
    assert_int_equal(fake_phase(world, "api"), PHASE_READY);
    assert_int_equal(fake_phase(world, "web"), PHASE_STOPPED);
    fake_free(world);
}

static void a_failed_spawn_is_backed_off(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:a]\ncommand = a\n", 1);
    fake_script(world, "a", &(struct fake_script){.spawn_fails = true});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1);
    assert_int_equal(fake_phase(world, "a"), PHASE_BACKOFF);
    assert_non_null(strstr(supervisor_view(fake_supervisor(world), 0).why, "cannot execute"));
    fake_run(world, 10 * 60 * 1000);
    assert_int_equal(fake_phase(world, "a"), PHASE_FAILED);
    fake_free(world);
}

static void on_failure_exit_ends_with_1(void **state) {
    (void)state;
    struct fake_world *world =
        fake_new("[upkeep]\non_failure = exit\n[app:a]\ncommand = a\nrestart = never\n[app:b]\ncommand = b\n", 1);
    fake_script(world, "a", &(struct fake_script){.exit_after_ms = 100, .exit_code = 7});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 10000);
    assert_true(fake_is_over(world));
    assert_int_equal(supervisor_exit_code(fake_supervisor(world)), 1);
    assert_int_equal(fake_processes(world), 0);
    fake_free(world);
}

static void exit_when_done_ends_with_0(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[upkeep]\nexit_when_done = yes\n"
                                        "[app:migrate]\ncommand = m\ntype = oneshot\n"
                                        "[app:warm]\ncommand = w\ntype = oneshot\ndepends_on = migrate\n",
                                        1);
    struct fake_script quick = {.ready_after_ms = -1, .exit_after_ms = 50};
    fake_script(world, "migrate", &quick);
    fake_script(world, "warm", &quick);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 10000);
    assert_true(fake_is_over(world));
    assert_int_equal(supervisor_exit_code(fake_supervisor(world)), 0);
    ASSERT_ORDER(world, "end migrate", "spawn warm", "end warm");
    fake_free(world);
}

static void days_of_crashes(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:a]\ncommand = a\nready = notify\n", 1);
    fake_script(world, "a", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = 60000, .exit_code = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, INT64_C(7) * 24 * 3600 * 1000);
    /* Ready for min_uptime each time: never given up, once a minute for a week. */
    assert_in_range(fake_spawns(world, "a"), 7 * 24 * 60 - 1, 7 * 24 * 60 + 1);
    fake_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_in_order_of_dependencies),
        cmocka_unit_test(stops_in_reverse_and_waits),
        cmocka_unit_test(independent_apps_stop_side_by_side),
        cmocka_unit_test(restart_of_everything_keeps_the_order),
        cmocka_unit_test(a_crash_leaves_the_others_alone),
        cmocka_unit_test(gives_up_and_blocks_dependants),
        cmocka_unit_test(not_ready_is_a_failure),
        cmocka_unit_test(the_kill_timeout_is_the_trees),
        cmocka_unit_test(second_shutdown_kills_at_once),
        cmocka_unit_test(stop_works_in_backoff_and_waiting),
        cmocka_unit_test(starting_an_app_starts_what_it_depends_on),
        cmocka_unit_test(a_failed_spawn_is_backed_off),
        cmocka_unit_test(on_failure_exit_ends_with_1),
        cmocka_unit_test(exit_when_done_ends_with_0),
        cmocka_unit_test(days_of_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
