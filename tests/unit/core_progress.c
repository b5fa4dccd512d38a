#include "core/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { APPS = 4, READY_TIMEOUT_MS = 30000, KILL_TIMEOUT_MS = 10000 };

static const int64_t START_MS = 1000000;

/* A few apps, looked at as often as a test likes. */
static struct lifecycle lives[APPS];
static struct progress_app apps[APPS];
static struct mono now;

static int setup(void **state) {
    (void)state;
    static const char *const names[APPS] = {"db", "backend", "web", "mail"};
    now = (struct mono){START_MS * 1000000};
    for (size_t i = 0; i < APPS; i++) {
        lives[i] = lifecycle_init(now);
        lives[i].phase = PHASE_READY;
        lives[i].begun = 1;
        apps[i] = (struct progress_app){names[i], "", &lives[i], true};
    }
    return 0;
}

/* The app has been in this phase for so long; limit_ms after that began is its deadline, 0: none. */
static void is_in(size_t i, enum phase phase, int64_t for_ms, int64_t limit_ms) {
    lives[i].phase = phase;
    lives[i].since = (struct mono){now.ns - for_ms * 1000000};
    lives[i].limit_ms = limit_ms;
    lives[i].deadline = limit_ms > 0 ? mono_add_ms(lives[i].since, limit_ms) : MONO_NEVER;
}

static struct progress look(enum progress_stage stage) {
    struct progress progress;
    progress_init(&progress, stage, now);
    for (size_t i = 0; i < APPS; i++)
        progress_add(&progress, &apps[i]);
    return progress;
}

static void assert_line(enum progress_stage stage, const char *expected) {
    struct progress progress = look(stage);
    struct text line TEXT_AUTO = {0};
    progress_print(&progress, &line);
    assert_string_equal(text_get(&line), expected);
}

static int64_t extension(enum progress_stage stage) {
    struct progress progress = look(stage);
    return progress_extension_ms(&progress);
}

static int64_t next_ms(enum progress_stage stage) {
    struct progress progress = look(stage);
    struct mono next = progress_next(&progress);
    return mono_is_never(next) ? -1 : mono_ms_between(now, next);
}

/* ---- the line ---- */

static void counts_what_is_up(void **state) {
    (void)state;
    lives[0].phase = PHASE_DONE;
    assert_line(PROGRESS_STARTING, "4/4 ready");
    is_in(3, PHASE_STOPPED, 0, 0);
    apps[3].is_wanted = false;
    assert_line(PROGRESS_RUNNING, "3/3 ready");
    lives[0].phase = PHASE_STOPPED;
    assert_line(PROGRESS_RUNNING, "2/3 ready"); /* wanted, and its start not told to the lifecycle yet */
}

static void tells_the_time_of_a_start(void **state) {
    (void)state;
    is_in(1, PHASE_STARTING, 4321, READY_TIMEOUT_MS);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (4s of 30s)");
    is_in(1, PHASE_PREPARING, 0, READY_TIMEOUT_MS);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (0s of 30s)");
    lives[1].limit_ms += 60000; /* it has asked for more time */
    lives[1].deadline = mono_add_ms(lives[1].deadline, 60000);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (0s of 1m30s)");
    is_in(1, PHASE_SPAWNING, 0, 0);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting");
    is_in(1, PHASE_STARTING, 59999, 0);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (59s)");
    is_in(1, PHASE_STARTING, 79999, 0);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (1m10s)");
    is_in(1, PHASE_STARTING, 3725000, 0);
    assert_line(PROGRESS_STARTING, "3/4 ready, backend starting (1h2m)");
}

static void names_the_most_telling(void **state) {
    (void)state;
    is_in(3, PHASE_WAITING, 0, 0);
    apps[3].why = "waiting for web";
    assert_line(PROGRESS_STARTING, "3/4 ready, mail waiting for web");
    is_in(2, PHASE_STARTING, 1000, READY_TIMEOUT_MS);
    assert_line(PROGRESS_STARTING, "2/4 ready, web starting (1s of 30s)");
    is_in(1, PHASE_BACKOFF, 100, 2000);
    apps[1].why = "exited with code 3 after 1.2s";
    assert_line(PROGRESS_STARTING, "1/4 ready, backend backoff: exited with code 3 after 1.2s");
    is_in(3, PHASE_FAILED, 100, 0);
    apps[3].why = "cannot enter web-ui: No such file or directory";
    assert_line(PROGRESS_RUNNING, "1/4 ready, mail failed: cannot enter web-ui: No such file or directory");
    is_in(2, PHASE_FAILED, 0, 0); /* of two alike the first */
    apps[2].why = "b";
    assert_line(PROGRESS_RUNNING, "1/4 ready, web failed: b");
}

static void tells_the_time_of_a_stop(void **state) {
    (void)state;
    is_in(0, PHASE_STOPPED, 0, 0);
    /* It was signalled 1 s ago, when its stop_command had taken 2 s. */
    is_in(2, PHASE_STOPPING, 3000, KILL_TIMEOUT_MS);
    lives[2].since = (struct mono){now.ns - 1000000000};
    assert_line(PROGRESS_STOPPING, "stopping, 3 left, web (3s of 10s)");
    apps[2].is_wanted = false;
    assert_line(PROGRESS_RUNNING, "2/3 ready, web stopping (3s of 10s)");
    is_in(2, PHASE_KILLING, 2000, 3000);
    assert_line(PROGRESS_STOPPING, "stopping, 3 left, web being killed (2s)");
}

static void is_one_clean_line(void **state) {
    (void)state;
    is_in(1, PHASE_FAILED, 0, 0);
    apps[1].why = "said\nREADY=1\xff";
    assert_line(PROGRESS_STARTING, "3/4 ready, backend failed: said?READY=1\xef\xbf\xbd");
    char why[1000];
    memset(why, 'x', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    apps[1].why = why;
    struct progress progress = look(PROGRESS_STARTING);
    struct text line TEXT_AUTO = {0};
    progress_print(&progress, &line);
    assert_true(line.len < 220);
}

/* ---- the time that is asked for ---- */

static void asks_for_what_is_left(void **state) {
    (void)state;
    assert_int_equal(extension(PROGRESS_STARTING), 0);
    is_in(1, PHASE_STARTING, 4000, READY_TIMEOUT_MS);
    assert_int_equal(extension(PROGRESS_STARTING), 26000 + 5000);
    is_in(2, PHASE_PREPARING, 100, READY_TIMEOUT_MS);
    assert_int_equal(extension(PROGRESS_STARTING), 29900 + 5000);
    /* Never for longer than it takes to find a supervisor that hangs. */
    is_in(2, PHASE_STARTING, 100, 3600000);
    assert_int_equal(extension(PROGRESS_STARTING), 30000 + 5000);
    is_in(2, PHASE_STARTING, 3600000, 0); /* a oneshot */
    assert_int_equal(extension(PROGRESS_STARTING), 30000 + 5000);
    assert_int_equal(extension(PROGRESS_RUNNING), 0);
}

static void asks_for_nothing_beyond_a_limit(void **state) {
    (void)state;
    is_in(1, PHASE_STARTING, READY_TIMEOUT_MS, READY_TIMEOUT_MS);
    assert_int_equal(extension(PROGRESS_STARTING), 0);
    is_in(1, PHASE_STOPPING, 10, KILL_TIMEOUT_MS);
    lives[1].takedown = CAUSE_NOT_READY_IN_TIME;
    assert_int_equal(extension(PROGRESS_STARTING), 0);
    is_in(1, PHASE_BACKOFF, 10, 200);
    assert_int_equal(extension(PROGRESS_STARTING), 0);
    is_in(1, PHASE_STARTING, 10, READY_TIMEOUT_MS);
    lives[1].begun = 2; /* a second attempt */
    assert_int_equal(extension(PROGRESS_STARTING), 0);
    is_in(1, PHASE_WAITING, 10, 0);
    assert_int_equal(extension(PROGRESS_STARTING), 0);
}

static void asks_for_a_stop_within_its_limit(void **state) {
    (void)state;
    assert_int_equal(extension(PROGRESS_STOPPING), 0); /* its turn comes at once */
    is_in(1, PHASE_STOPPING, 4000, KILL_TIMEOUT_MS);
    assert_int_equal(extension(PROGRESS_STOPPING), 6000 + 5000);
    is_in(1, PHASE_KILLING, 0, 1000);
    assert_int_equal(extension(PROGRESS_STOPPING), 0);
    /* Somebody asked for a restart while the rest is still being started. */
    is_in(1, PHASE_CLEARING, 4000, KILL_TIMEOUT_MS);
    lives[1].takedown = CAUSE_ASKED_RESTART;
    assert_int_equal(extension(PROGRESS_STARTING), 6000 + 5000);
    assert_int_equal(extension(PROGRESS_RUNNING), 0);
}

/* ---- when to look again ---- */

static void looks_again_when_the_line_changes(void **state) {
    (void)state;
    assert_int_equal(next_ms(PROGRESS_STARTING), -1);
    is_in(1, PHASE_STARTING, 4321, READY_TIMEOUT_MS);
    assert_int_equal(next_ms(PROGRESS_STARTING), 679);
    assert_int_equal(next_ms(PROGRESS_RUNNING), 679);
    is_in(1, PHASE_STARTING, 64000, 0);
    assert_int_equal(next_ms(PROGRESS_RUNNING), 6000);
    is_in(1, PHASE_STARTING, 601000, 0);
    assert_int_equal(next_ms(PROGRESS_RUNNING), 59000);
    assert_int_equal(next_ms(PROGRESS_STARTING), 10000); /* in time to ask for more */
    /* What does not tell the time does not change by itself. */
    is_in(1, PHASE_BACKOFF, 100, 2000);
    assert_int_equal(next_ms(PROGRESS_STARTING), -1);
    is_in(1, PHASE_FAILED, 100, 0);
    assert_int_equal(next_ms(PROGRESS_STARTING), -1);
}

/* ---- what can never come true ---- */

static bool can_be_ready(enum ready_when when) {
    struct progress progress = look(PROGRESS_STARTING);
    return progress_can_be_ready(&progress, when);
}

static void knows_when_it_is_hopeless(void **state) {
    (void)state;
    for (size_t i = 0; i < APPS; i++)
        is_in(i, PHASE_BACKOFF, 0, 100);
    assert_true(can_be_ready(READY_WHEN_ALL));
    is_in(1, PHASE_FAILED, 0, 0);
    assert_false(can_be_ready(READY_WHEN_ALL));
    assert_false(can_be_ready(READY_WHEN_STARTED));
    assert_true(can_be_ready(READY_WHEN_ANY));
    is_in(0, PHASE_BLOCKED, 0, 0);
    is_in(2, PHASE_BLOCKED, 0, 0);
    assert_true(can_be_ready(READY_WHEN_ANY));
    is_in(3, PHASE_FAILED, 0, 0);
    assert_false(can_be_ready(READY_WHEN_ANY));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_what_is_up, setup),
        cmocka_unit_test_setup(tells_the_time_of_a_start, setup),
        cmocka_unit_test_setup(names_the_most_telling, setup),
        cmocka_unit_test_setup(tells_the_time_of_a_stop, setup),
        cmocka_unit_test_setup(is_one_clean_line, setup),
        cmocka_unit_test_setup(asks_for_what_is_left, setup),
        cmocka_unit_test_setup(asks_for_nothing_beyond_a_limit, setup),
        cmocka_unit_test_setup(asks_for_a_stop_within_its_limit, setup),
        cmocka_unit_test_setup(looks_again_when_the_line_changes, setup),
        cmocka_unit_test_setup(knows_when_it_is_hopeless, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
