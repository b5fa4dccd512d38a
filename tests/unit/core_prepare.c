#include "core/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mono at(int64_t ms) {
    return mono_add_ms((struct mono){0}, ms);
}

/* a; b after a; c, which has nothing to do, after b; d after c; e. */
static struct prepare five(void) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct prepare prepare;
    assert_true(prepare_init(&prepare, 5));
    prepare.at_once = 2;
    for (size_t i = 0; i < 5; i++) {
        struct prepare_app *app = &prepare.apps[i];
        app->name = names[i];
        app->is_wanted = true;
        app->step_count = i == 2 ? 0 : 2;
        app->steps = calloc(3, sizeof *app->steps);
        for (size_t step = 0; step < app->step_count; step++)
            app->steps[step] = strdup(step == 0 ? "npm ci" : "npm run build");
        app->after_count = i > 0 && i < 4;
        app->after = calloc(2, sizeof *app->after);
        app->after[0] = i - 1;
    }
    return prepare;
}

static void dependencies_go_first(void **state) {
    (void)state;
    struct prepare prepare = five();
    assert_int_equal(prepare_next(&prepare), 0);
    prepare.apps[0].state = PREPARE_RUNNING;
    assert_int_equal(prepare_next(&prepare), 4); /* beside it */
    prepare.apps[4].state = PREPARE_RUNNING;
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    prepare.apps[4].state = PREPARE_DONE;
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    assert_false(prepare_is_over(&prepare));
    prepare.apps[0].state = PREPARE_SKIPPED;
    assert_int_equal(prepare_next(&prepare), 1);
    prepare.apps[1].state = PREPARE_DONE;
    assert_int_equal(prepare_next(&prepare), 2);
    prepare.apps[2].state = PREPARE_NOTHING;
    assert_int_equal(prepare_next(&prepare), 3);
    prepare.apps[3].state = PREPARE_DONE;
    assert_true(prepare_is_over(&prepare));
    assert_int_equal(prepare_count(&prepare, PREPARE_DONE), 3);
    prepare_fini(&prepare);
}

static void no_more_than_so_many_at_once(void **state) {
    (void)state;
    struct prepare prepare = five();
    prepare.at_once = 1;
    prepare.apps[0].state = PREPARE_CLEARING;
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    prepare_fini(&prepare);
}

static void the_same_work_is_not_done_side_by_side(void **state) {
    (void)state;
    struct prepare prepare = five();
    prepare.apps[4].group = prepare.apps[0].group;
    prepare.apps[0].state = PREPARE_RUNNING;
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    prepare.apps[4].state = PREPARE_CLEARING;
    prepare.apps[0].state = PREPARE_WAITING;
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    prepare.apps[4].state = PREPARE_DONE;
    assert_int_equal(prepare_next(&prepare), 0);
    prepare_fini(&prepare);
}

static void a_failure_ends_it(void **state) {
    (void)state;
    struct prepare prepare = five();
    prepare.apps[0].state = PREPARE_CLEARING;
    prepare.apps[0].verdict = PREPARE_FAILED;
    assert_true(prepare_is_ending(&prepare));
    assert_true(prepare_next(&prepare) == PREPARE_NOBODY);
    assert_false(prepare_is_over(&prepare));
    prepare.apps[0].state = PREPARE_FAILED;
    prepare.apps[0].ended = at(20);
    assert_true(prepare_is_over(&prepare));
    prepare.apps[4].state = PREPARE_FAILED;
    prepare.apps[4].ended = at(10);
    assert_string_equal(prepare_failure(&prepare)->name, "e");
    prepare_fini(&prepare);
}

static void a_signal_ends_it(void **state) {
    (void)state;
    struct prepare prepare = five();
    assert_false(prepare_is_ending(&prepare));
    prepare.signal = 2;
    assert_true(prepare_is_over(&prepare));
    assert_null(prepare_failure(&prepare));
    prepare_fini(&prepare);
}

static void progress_in_one_line(void **state) {
    (void)state;
    struct prepare prepare = five();
    struct text line TEXT_AUTO = {0};
    prepare_print_progress(&prepare, at(0), &line);
    assert_string_equal(text_get(&line), "");
    prepare.apps[0].state = PREPARE_RUNNING;
    prepare.apps[0].begun = at(1000);
    prepare.apps[0].step = 1;
    prepare.apps[0].step_begun = at(3500);
    prepare_print_progress(&prepare, at(4400), &line);
    assert_string_equal(text_get(&line), "0 of 4 done, 3s: a step 2 of 2 (1s)");
    text_clear(&line);
    prepare.apps[3].state = PREPARE_SKIPPED;
    prepare.apps[4].state = PREPARE_CLEARING;
    prepare.apps[4].begun = prepare.apps[4].step_begun = at(2000);
    prepare_print_progress(&prepare, at(75000), &line);
    assert_string_equal(text_get(&line),
                        "1 of 4 done, 1m14s: a step 2 of 2 (1m12s), e ending what is left of it (1m13s)");
    prepare_fini(&prepare);
}

static void expect_app(const struct prepare_app *app, const char *expected) {
    struct text line TEXT_AUTO = {0};
    prepare_print_app(app, &line);
    assert_string_equal(text_get(&line), expected);
}

static void what_has_become_of_an_app(void **state) {
    (void)state;
    struct prepare prepare = five();
    struct prepare_app *app = &prepare.apps[0];
    expect_app(app, "");
    app->state = PREPARE_STOPPED;
    expect_app(app, "a: not begun");
    app->begun = at(0);
    app->step = 1;
    expect_app(app, "a: stopped at step 2 of 2");
    app->ended = at(1500);
    app->state = PREPARE_DONE;
    expect_app(app, "a: prepared in 1.5s");
    app->why = strdup("src/x is new");
    expect_app(app, "a: prepared in 1.5s (src/x is new)");
    app->state = PREPARE_SKIPPED;
    expect_app(app, "a: skipped (src/x is new)");
    struct text cause TEXT_AUTO = {0};
    prepare_print_step(app, &cause);
    text_str(&cause, ", exited with code 1");
    app->cause = text_take(&cause);
    app->state = PREPARE_FAILED;
    expect_app(app, "a: step 2 of 2, npm run build, exited with code 1");
    prepare_fini(&prepare);
}

static void a_manifest_makes_a_run(void **state) {
    (void)state;
    static const char text[] = "[defaults]\nprepare =\n  npm ci\n\n  npm run build ${STAGE}\n"
                               "[app:a]\ncommand = a\ndepends_on = c, b\n"
                               "[app:b]\ncommand = b\ncwd = web\n"
                               "[app:c]\ncommand = c\nprepare =   \n"
                               "[app:d]\ncommand = d\ncwd = web\n"
                               "[app:e]\ncommand = e\nprepare = npm ci\n"
                               "[app:f]\ncommand = f\n";
    struct manifest manifest = {0};
    struct diags diags = {0};
    struct env env = {0};
    struct prepare prepare;
    assert_true(manifest_parse(text, sizeof text - 1, "upkeep.ini", "/srv", NULL, &env, &manifest, &diags));
    assert_true(prepare_plan(&prepare, &manifest, NULL, 0));
    static const struct {
        size_t steps, afters, group;
    } expected[] = {{2, 2, 0}, {2, 0, 1}, {0, 0, 2}, {2, 0, 1}, {1, 0, 4}, {2, 0, 0}};
    for (size_t i = 0; i < 6; i++) {
        const struct prepare_app *app = &prepare.apps[i];
        assert_true(app->is_wanted && app->state == PREPARE_WAITING);
        assert_int_equal(app->step_count, expected[i].steps);
        assert_int_equal(app->after_count, expected[i].afters);
        assert_int_equal(app->group, expected[i].group);
    }
    assert_string_equal(prepare.apps[0].steps[1], "npm run build ${STAGE}");
    assert_int_equal(prepare.apps[0].after[0], 2);
    assert_int_equal(prepare.apps[0].after[1], 1);
    assert_int_equal(prepare_next(&prepare), 1);
    prepare_fini(&prepare);

    char *named[] = {"e"};
    assert_true(prepare_plan(&prepare, &manifest, named, 1));
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(prepare.apps[i].is_wanted, i == 4);
    prepare_fini(&prepare);
    manifest_fini(&manifest);
    diags_fini(&diags);
    env_fini(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_makes_a_run),
        cmocka_unit_test(dependencies_go_first),
        cmocka_unit_test(no_more_than_so_many_at_once),
        cmocka_unit_test(the_same_work_is_not_done_side_by_side),
        cmocka_unit_test(a_failure_ends_it),
        cmocka_unit_test(a_signal_ends_it),
        cmocka_unit_test(progress_in_one_line),
        cmocka_unit_test(what_has_become_of_an_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
