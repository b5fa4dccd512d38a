#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"

/* A stack: db <- migrate <- backend <- frontend, and a mailer that stands alone. */
enum { DB, MIGRATE, BACKEND, FRONTEND, MAILER, APPS };

static const size_t migrate_deps[] = {DB};
static const size_t backend_deps[] = {MIGRATE, DB};
static const size_t frontend_deps[] = {BACKEND};

static void stack_up(struct plan_app apps[APPS]) {
    const struct plan_app up[APPS] = {
        [DB] = {.phase = PHASE_READY, .goal = GOAL_UP},
        [MIGRATE] = {.deps = migrate_deps, .dep_count = 1, .phase = PHASE_DONE, .goal = GOAL_UP},
        [BACKEND] = {.deps = backend_deps, .dep_count = 2, .phase = PHASE_READY, .goal = GOAL_UP},
        [FRONTEND] = {.deps = frontend_deps, .dep_count = 1, .phase = PHASE_READY, .goal = GOAL_UP},
        [MAILER] = {.phase = PHASE_READY, .goal = GOAL_UP},
    };
    memcpy(apps, up, sizeof up);
}

/* ---- gate ---- */

static void gate_is_open_without_dependencies(void **state) {
    (void)state;
    const struct plan_app app = {.phase = PHASE_STOPPED};
    assert_int_equal(plan_gate(&app, 0), GATE_OPEN);
}

static void gate_follows_the_phase_of_the_dependency(void **state) {
    (void)state;
    static const enum gate gates[PHASE_COUNT] = {
        [PHASE_STOPPED] = GATE_CLOSED,  [PHASE_DONE] = GATE_OPEN,           [PHASE_FAILED] = GATE_BROKEN,
        [PHASE_BLOCKED] = GATE_BROKEN,  [PHASE_WAITING] = GATE_CLOSED,      [PHASE_BACKOFF] = GATE_CLOSED,
        [PHASE_SPAWNING] = GATE_CLOSED, [PHASE_PREPARING] = GATE_CLOSED,    [PHASE_STARTING] = GATE_CLOSED,
        [PHASE_READY] = GATE_OPEN,      [PHASE_STOP_COMMAND] = GATE_CLOSED, [PHASE_STOP_TAIL] = GATE_CLOSED,
        [PHASE_STOPPING] = GATE_CLOSED, [PHASE_CLEARING] = GATE_CLOSED,     [PHASE_KILLING] = GATE_CLOSED,
    };
    struct plan_app apps[APPS];
    stack_up(apps);
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        apps[BACKEND].phase = (enum phase)phase;
        assert_int_equal(plan_gate(apps, FRONTEND), gates[phase]);
    }
}

static void gate_is_closed_while_the_dependency_is_about_to_go(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    apps[BACKEND].wish = WISH_RESTART;
    assert_int_equal(plan_gate(apps, FRONTEND), GATE_CLOSED);
    apps[BACKEND].phase = PHASE_FAILED;
    assert_int_equal(plan_gate(apps, FRONTEND), GATE_CLOSED);
}

static void one_failed_dependency_is_worse_than_one_that_is_missing(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    apps[MIGRATE].phase = PHASE_WAITING;
    apps[DB].phase = PHASE_FAILED;
    assert_int_equal(plan_gate(apps, BACKEND), GATE_BROKEN);
    apps[DB].phase = PHASE_READY;
    assert_int_equal(plan_gate(apps, BACKEND), GATE_CLOSED);
}

/* ---- release ---- */

static void assert_released(const struct plan_app apps[APPS], bool parallel, const char *expected) {
    bool release[APPS];
    char found[APPS + 1] = {0};
    plan_release(apps, APPS, parallel, release);
    for (size_t i = 0; i < APPS; i++)
        found[i] = release[i] ? "dmbfx"[i] : '-';
    assert_string_equal(found, expected);
}

static void dependants_go_first(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    assert_released(apps, false, "-----");
    for (size_t i = 0; i < APPS; i++)
        apps[i].wish = WISH_STOP;
    assert_released(apps, false, "---fx");
    assert_released(apps, true, "dmbfx");

    apps[FRONTEND].wish = apps[MAILER].wish = WISH_NONE;
    apps[FRONTEND].phase = apps[MAILER].phase = PHASE_STOPPING;
    assert_released(apps, false, "-----");
    apps[FRONTEND].phase = PHASE_STOPPED;
    assert_released(apps, false, "--b--");
    apps[BACKEND].wish = WISH_NONE;
    apps[BACKEND].phase = PHASE_STOPPED;
    assert_released(apps, false, "-m---");
    apps[MIGRATE].wish = WISH_NONE;
    apps[MIGRATE].phase = PHASE_STOPPED;
    assert_released(apps, false, "d----");
}

/* restart db frontend: the backend between them stays as it is, and the order holds all the same. */
static void order_holds_through_apps_that_stay(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    apps[DB].wish = apps[FRONTEND].wish = WISH_RESTART;
    assert_released(apps, false, "---f-");
    apps[FRONTEND].wish = WISH_NONE;
    apps[FRONTEND].phase = PHASE_WAITING;
    assert_released(apps, false, "d----");
}

static void a_dependant_that_will_stop_when_spawned_is_waited_for(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    apps[BACKEND].wish = WISH_STOP;
    apps[FRONTEND].phase = PHASE_SPAWNING;
    apps[FRONTEND].goal = GOAL_DOWN;
    assert_released(apps, false, "-----");
    apps[FRONTEND].goal = GOAL_UP;
    assert_released(apps, false, "--b--");
}

/* ---- order ---- */

static void order_is_stable_and_dependencies_come_first(void **state) {
    (void)state;
    static const size_t on_two[] = {2};
    static const size_t on_four_and_two[] = {4, 2};
    const struct plan_app apps[] = {{.deps = on_two, .dep_count = 1},
                                    {0},
                                    {0},
                                    {.deps = on_four_and_two, .dep_count = 2},
                                    {.deps = on_two, .dep_count = 1}};
    const size_t expected[] = {2, 0, 1, 4, 3};
    size_t order[5];
    unsigned char scratch[5];
    assert_true(plan_order(apps, 5, order, scratch, NULL, NULL));
    assert_memory_equal(order, expected, sizeof expected);
}

static void cycle_is_told_in_the_order_of_dependence(void **state) {
    (void)state;
    static const size_t on_one[] = {1};
    static const size_t on_three_and_two[] = {3, 2};
    static const size_t on_three[] = {3};
    const struct plan_app apps[] = {{.deps = on_one, .dep_count = 1},
                                    {.deps = on_three_and_two, .dep_count = 2},
                                    {.deps = on_one, .dep_count = 1},
                                    {0}};
    size_t order[4];
    size_t cycle[4] = {9, 9, 9, 9};
    size_t cycle_len = 0;
    unsigned char scratch[4];
    assert_false(plan_order(apps, 4, order, scratch, cycle, &cycle_len));
    assert_int_equal(cycle_len, 2);
    assert_int_equal(cycle[0], 1);
    assert_int_equal(cycle[1], 2);
    assert_false(plan_order(apps, 4, order, scratch, NULL, NULL));

    const struct plan_app self[] = {{0}, {0}, {0}, {.deps = on_three, .dep_count = 1}};
    assert_false(plan_order(self, 4, order, scratch, cycle, &cycle_len));
    assert_int_equal(cycle_len, 1);
    assert_int_equal(cycle[0], 3);
}

/* ---- closure ---- */

static void closure_is_transitive(void **state) {
    (void)state;
    struct plan_app apps[APPS];
    stack_up(apps);
    bool set[APPS] = {[FRONTEND] = true};
    plan_close_over_deps(apps, APPS, set);
    const bool expected[APPS] = {true, true, true, true, false};
    assert_memory_equal(set, expected, sizeof expected);

    apps[FRONTEND].phase = PHASE_STOPPING;
    bool alone[APPS] = {[MAILER] = true};
    plan_close_over_deps(apps, APPS, alone);
    const bool only_mailer[APPS] = {[MAILER] = true};
    assert_memory_equal(alone, only_mailer, sizeof only_mailer);
}

/* ---- size ---- */

enum { MANY = 100000 };

struct chain {
    struct plan_app apps[MANY];
    size_t deps[MANY];
    size_t order[MANY];
    unsigned char scratch[MANY];
    bool marks[MANY];
};

/* Each app depends on the next, or on the one before. Returns the one that nobody depends on. */
static size_t link_chain(struct chain *chain, bool on_the_next) {
    size_t last = on_the_next ? MANY - 1 : 0;
    for (size_t i = 0; i < MANY; i++) {
        chain->deps[i] = on_the_next ? i + 1 : i - 1;
        chain->apps[i] = (struct plan_app){.deps = &chain->deps[i],
                                           .dep_count = i == last ? 0 : 1,
                                           .phase = PHASE_READY,
                                           .goal = GOAL_UP,
                                           .wish = WISH_STOP};
    }
    return MANY - 1 - last;
}

static void long_chains_need_neither_stack_nor_patience(void **state) {
    (void)state;
    struct chain *chain = calloc(1, sizeof *chain);
    assert_non_null(chain);
    for (int direction = 0; direction <= 1; direction++) {
        size_t first = link_chain(chain, direction);
        assert_true(plan_order(chain->apps, MANY, chain->order, chain->scratch, NULL, NULL));
        assert_int_equal(chain->order[MANY - 1], first);

        plan_release(chain->apps, MANY, false, chain->marks);
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(chain->marks[i], i == first);

        plan_close_over_deps(chain->apps, MANY, chain->marks);
        for (size_t i = 0; i < MANY; i++)
            assert_true(chain->marks[i]);
    }
    free(chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate_is_open_without_dependencies),
        cmocka_unit_test(gate_follows_the_phase_of_the_dependency),
        cmocka_unit_test(gate_is_closed_while_the_dependency_is_about_to_go),
        cmocka_unit_test(one_failed_dependency_is_worse_than_one_that_is_missing),
        cmocka_unit_test(dependants_go_first),
        cmocka_unit_test(order_holds_through_apps_that_stay),
        cmocka_unit_test(a_dependant_that_will_stop_when_spawned_is_waited_for),
        cmocka_unit_test(order_is_stable_and_dependencies_come_first),
        cmocka_unit_test(cycle_is_told_in_the_order_of_dependence),
        cmocka_unit_test(closure_is_transitive),
        cmocka_unit_test(long_chains_need_neither_stack_nor_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
