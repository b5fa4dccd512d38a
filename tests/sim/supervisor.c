/* The supervisor's behaviour over several apps, told as short stories over a virtual clock. */
#include <malloc.h>
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

static const char CHECKED[] = "[defaults]\nready = notify\n"
                              "[app:a]\ncommand = a\nhealth = tcp:127.0.0.1:1\n"
                              "[app:b]\ncommand = b\ndepends_on = a\n";

static void the_sick_come_back(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHECKED, 1);
    fake_script(
        world, "a",
        &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1, .stop_takes_ms = 5, .sick_after_ms = 25000});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 50006);
    ASSERT_ORDER(world, "10010:pass a", "20010:pass a", "30010:miss a", "40010:miss a");
    assert_null(strstr(fake_trace(world), "signal a"));
    fake_run(world, 20);
    ASSERT_ORDER(world, "50010:miss a", "50010:signal a", "50015:end a", "50015:spawn a");
    assert_int_equal(fake_spawns(world, "b"), 1);
    fake_run(world, 4 * 3600 * 1000);
    assert_in_range(fake_spawns(world, "a"), 200, 300);
    struct instance_view view = supervisor_view(fake_supervisor(world), 0);
    bool is_told = false;
    for (unsigned i = 0; i < view.history->count; i++) {
        const struct change *change = history_at(view.history, i);
        is_told = is_told || (change->why.cause == CAUSE_UNHEALTHY && change->to == PHASE_SPAWNING && change->detail &&
                              strcmp(change->detail, "unhealthy 3 times in a row: it said no") == 0);
    }
    assert_true(is_told);
    fake_free(world);
}

static void the_sick_are_given_up(void **state) {
    (void)state;
    struct fake_world *world =
        fake_new("[app:a]\ncommand = a\nready = notify\nhealth = tcp:127.0.0.1:1\nhealth_retries = 1\n", 1);
    fake_script(
        world, "a",
        &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1, .stop_takes_ms = 5, .sick_after_ms = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 3600 * 1000);
    assert_int_equal(fake_phase(world, "a"), PHASE_FAILED);
    assert_int_equal(fake_spawns(world, "a"), 11);
    struct instance_view view = supervisor_view(fake_supervisor(world), 0);
    assert_string_equal(view.why, "unhealthy: it said no");
    assert_false(view.health.is_watched);
    fake_free(world);
}

static void a_pass_forgives_the_misses(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHECKED, 1);
    fake_script(world, "a",
                &(struct fake_script){.ready_after_ms = 10,
                                      .exit_after_ms = -1,
                                      .stop_takes_ms = 5,
                                      .sick_after_ms = 15000,
                                      .sick_for_ms = 20000});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 31000);
    assert_int_equal(supervisor_view(fake_supervisor(world), 0).health.misses, 2);
    fake_run(world, 10000);
    ASSERT_ORDER(world, "20010:miss a", "30010:miss a", "40010:pass a");
    struct health_view health = supervisor_view(fake_supervisor(world), 0).health;
    assert_true(health.is_healthy);
    assert_int_equal(health.misses, 0);
    assert_int_equal(fake_spawns(world, "a"), 1);
    fake_free(world);
}

static void health_rules_are_live(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHECKED, 1);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 11000);
    fake_take(world,
              "[defaults]\nready = notify\n"
              "[app:a]\ncommand = a\nhealth = tcp:127.0.0.1:1\nhealth_interval = 2s\n"
              "[app:b]\ncommand = b\ndepends_on = a\nhealth = tcp:127.0.0.1:2\n",
              "");
    fake_run(world, 12000);
    ASSERT_ORDER(world, "10010:pass a", "12010:pass a", "14010:pass a", "20010:pass a", "21000:pass b", "22010:pass a");
    fake_take(world, CHECKED, "");
    fake_trace_clear(world);
    fake_run(world, 60000);
    assert_null(strstr(fake_trace(world), "pass b"));
    ASSERT_ORDER(world, "32010:pass a", "42010:pass a");
    assert_int_equal(fake_spawns(world, "a"), 1);
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

/* What a start that is taken back leaves in the line of those that have something to say. */
static void asks_that_cancel_each_other(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    for (unsigned i = 0; i < 3; i++) {
        supervisor_start(fake_supervisor(world), fake_set(world, ""), fake_actor);
        supervisor_stop(fake_supervisor(world), fake_set(world, ""), fake_actor);
    }
    supervisor_start(fake_supervisor(world), fake_set(world, "web"), fake_actor);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    assert_int_equal(fake_spawns(world, "web"), 1);
    fake_free(world);
}

/* ---- another manifest -------------------------------------------------------------------------------------------- */

static struct fake_world *running(const char *manifest) {
    struct fake_world *world = fake_new(manifest, 1);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    fake_trace_clear(world);
    return world;
}

static void the_same_manifest_touches_nothing(void **state) {
    (void)state;
    struct fake_world *world = running(CHAIN);
    for (unsigned i = 0; i < 3; i++) {
        fake_take(world, CHAIN, "");
        fake_run(world, 1000);
    }
    assert_string_equal(fake_trace(world), "");
    assert_int_equal(supervisor_count(fake_supervisor(world)), 3);
    fake_free(world);
}

static void apps_come_and_go(void **state) {
    (void)state;
    struct fake_world *world = running(CHAIN);
    fake_take(world, "[defaults]\nready = notify\n[app:new]\ncommand = n\ndepends_on = db\n[app:db]\ncommand = db\n",
              "");
    assert_int_equal(supervisor_count(fake_supervisor(world)), 4); /* the gone ones are there until they are down */
    fake_run(world, 1000);
    ASSERT_ORDER(world, "signal web", "end web", "signal api", "end api", "spawn new");
    assert_null(strstr(fake_trace(world), " db"));
    assert_int_equal(supervisor_count(fake_supervisor(world)), 2);
    assert_int_equal(fake_phase(world, "new"), PHASE_READY);
    fake_take(world, CHAIN, "");
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    assert_int_equal(fake_spawns(world, "web"), 1); /* another instance by that name */
    assert_int_equal(supervisor_count(fake_supervisor(world)), 3);
    fake_free(world);
}

static void changed_apps_restart_in_order(void **state) {
    (void)state;
    struct fake_world *world = running(CHAIN);
    fake_take(world, CHAIN, "db api");
    fake_run(world, 1000);
    ASSERT_ORDER(world, "end api", "signal db", "end db", "spawn db", "spawn api");
    assert_null(strstr(fake_trace(world), " web"));
    fake_free(world);
}

static void a_renamed_app_starts_when_the_old_one_is_down(void **state) {
    (void)state;
    struct fake_world *world = running("[app:old]\ncommand = a\nport = 80\n[app:b]\ncommand = b\n");
    fake_script(world, "old",
                &(struct fake_script){.exit_after_ms = -1, .stop_takes_ms = 5, .ignores_stop_signal = true});
    fake_take(world, "[app:new]\ncommand = a\nport = 80\n[app:b]\ncommand = b\n", "");
    fake_run(world, 5000);
    assert_int_equal(fake_phase(world, "new"), PHASE_WAITING);
    assert_string_equal(supervisor_view(fake_supervisor(world), 0).why, "waiting for old");
    fake_run(world, 6000);
    ASSERT_ORDER(world, "signal old", "11000:kill old", "11000:end old", "11000:spawn new");
    assert_null(strstr(fake_trace(world), " b"));
    fake_free(world);
}

static void ports_can_be_swapped(void **state) {
    (void)state;
    struct fake_world *world = running("[app:a]\ncommand = a\nport = 1\n[app:b]\ncommand = b\nport = 2\n");
    fake_script(world, "b", &(struct fake_script){.ready_after_ms = 1, .exit_after_ms = -1, .stop_takes_ms = 500});
    fake_script(world, "a", &(struct fake_script){.ready_after_ms = 1, .exit_after_ms = -1, .stop_takes_ms = 5});
    fake_take(world, "[app:a]\ncommand = a\nport = 2\n[app:b]\ncommand = b\nport = 1\n", "a b");
    fake_run(world, 1000);
    ASSERT_ORDER(world, "1005:end a", "1500:end b", "1500:spawn a");
    assert_int_equal(fake_phase(world, "a"), PHASE_READY);
    assert_int_equal(fake_phase(world, "b"), PHASE_READY);
    fake_free(world);
}

/* What it depended on stays up until it is down, though its next start does not depend on it. */
static void a_dropped_dependency_goes_last(void **state) {
    (void)state;
    struct fake_world *world = running("[app:db]\ncommand = d\n[app:web]\ncommand = w\ndepends_on = db\n");
    fake_take(world, "[app:web]\ncommand = other\n", "web");
    fake_run(world, 1000);
    ASSERT_ORDER(world, "signal web", "end web", "signal db");
    fake_free(world);
}

static void a_dependency_can_be_turned_round(void **state) {
    (void)state;
    struct fake_world *world = running("[app:a]\ncommand = a\n[app:b]\ncommand = b\ndepends_on = a\n");
    fake_take(world, "[app:a]\ncommand = a\ndepends_on = b\n[app:b]\ncommand = b\n", "a b");
    fake_run(world, 1000);
    ASSERT_ORDER(world, "end a", "end b", "spawn b", "spawn a");
    fake_free(world);
}

static void live_keys_take_effect_without_a_start(void **state) {
    (void)state;
    struct fake_world *world = running("[app:a]\ncommand = a\n");
    fake_script(world, "a", &(struct fake_script){.exit_after_ms = -1, .ignores_stop_signal = true});
    fake_take(world, "[app:a]\ncommand = a\nkill_timeout = 1s\n", "");
    supervisor_restart(fake_supervisor(world), fake_set(world, "a"), fake_actor);
    fake_run(world, 20000);
    ASSERT_ORDER(world, "1000:signal a", "2000:kill a", "2000:spawn a");
    fake_free(world);
}

static void one_that_is_back_before_it_is_down_comes_up_anew(void **state) {
    (void)state;
    struct fake_world *world = running(CHAIN);
    fake_script(world, "web", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1, .stop_takes_ms = 500});
    fake_take(world, "[app:db]\ncommand = db\nready = notify\n", "");
    fake_run(world, 100);
    fake_take(world, CHAIN, "");
    fake_run(world, 2000);
    ASSERT_ORDER(world, "signal web", "end web", "spawn web");
    assert_int_equal(fake_spawns(world, "web"), 2);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    assert_int_equal(supervisor_count(fake_supervisor(world)), 3);
    fake_free(world);
}

static void what_has_failed_is_tried_again(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = -1, .exit_after_ms = 5, .exit_code = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 10 * 60 * 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_BLOCKED);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1});
    fake_take(world, CHAIN, "db");
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    fake_free(world);
}

static void a_dependency_that_is_dropped_blocks_no_more(void **state) {
    (void)state;
    struct fake_world *world = fake_new("[app:db]\ncommand = d\nrestart = never\nready = notify\n"
                                        "[app:web]\ncommand = w\ndepends_on = db\n",
                                        1);
    fake_script(world, "db", &(struct fake_script){.ready_after_ms = -1, .exit_after_ms = 5, .exit_code = 1});
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_BLOCKED);
    fake_take(world, "[app:web]\ncommand = w\n", "");
    fake_run(world, 1000);
    assert_int_equal(fake_phase(world, "web"), PHASE_READY);
    fake_free(world);
}

static void manifests_of_the_past_are_forgotten(void **state) {
    (void)state;
    struct fake_world *world = fake_new(CHAIN, 1);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, 1000);
    size_t before = 0;
    for (int i = 0; i < 100; i++) {
        fake_take(world, CHAIN, "");
        fake_run(world, 1000);
        if (i == 0)
            before = mallinfo2().uordblks;
    }
    assert_in_range(mallinfo2().uordblks, 0, before + 1024);
    fake_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_in_order_of_dependencies),
        cmocka_unit_test(stops_in_reverse_and_waits),
        cmocka_unit_test(independent_apps_stop_side_by_side),
        cmocka_unit_test(restart_of_everything_keeps_the_order),
        cmocka_unit_test(the_sick_come_back),
        cmocka_unit_test(the_sick_are_given_up),
        cmocka_unit_test(a_pass_forgives_the_misses),
        cmocka_unit_test(health_rules_are_live),
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
        cmocka_unit_test(asks_that_cancel_each_other),
        cmocka_unit_test(the_same_manifest_touches_nothing),
        cmocka_unit_test(apps_come_and_go),
        cmocka_unit_test(changed_apps_restart_in_order),
        cmocka_unit_test(a_renamed_app_starts_when_the_old_one_is_down),
        cmocka_unit_test(ports_can_be_swapped),
        cmocka_unit_test(a_dropped_dependency_goes_last),
        cmocka_unit_test(a_dependency_can_be_turned_round),
        cmocka_unit_test(live_keys_take_effect_without_a_start),
        cmocka_unit_test(one_that_is_back_before_it_is_down_comes_up_anew),
        cmocka_unit_test(what_has_failed_is_tried_again),
        cmocka_unit_test(a_dependency_that_is_dropped_blocks_no_more),
        cmocka_unit_test(manifests_of_the_past_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
