#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/loop.h"

enum { LIMIT_MS = 10000 };

static struct loop *loop;
static struct loop_timer limit;

static void give_up(struct loop_timer *timer) {
    (void)timer;
    fail_msg("waited too long");
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    limit = (struct loop_timer){0};
    return loop ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

static void run(void) {
    loop_timer_at(loop, &limit, mono_add_ms(loop_clock(), LIMIT_MS), give_up);
    loop_run(loop);
    loop_timer_stop(loop, &limit);
}

/* ---- timers ---- */

enum { TIMERS = 300 };
static struct loop_timer timers[TIMERS];
static struct mono last_due;
static size_t due_count;

static void in_order(struct loop_timer *timer) {
    assert_false(timer->active);
    assert_true(mono_reached(timer->at, loop_clock()));
    assert_false(mono_before(timer->at, last_due));
    last_due = timer->at;
    due_count++;
}

static void stop_loop(struct loop_timer *timer) {
    (void)timer;
    loop_break(loop);
}

static void timers_come_in_order_whatever_was_stopped_and_moved(void **state) {
    (void)state;
    srand(1);
    struct mono base = loop_clock();
    last_due = MONO_UNSET;
    due_count = 0;
    for (size_t i = 0; i < TIMERS; i++)
        loop_timer_at(loop, &timers[i], (struct mono){base.ns + rand() % 20000000}, in_order);
    size_t expected = TIMERS;
    for (size_t i = 0; i < TIMERS; i += 3) { /* a third moved, a ninth stopped */
        loop_timer_at(loop, &timers[i], (struct mono){base.ns + rand() % 20000000}, in_order);
        if (i % 9 == 0) {
            loop_timer_at(loop, &timers[i], MONO_NEVER, in_order);
            expected--;
        }
    }
    struct loop_timer end = {0};
    loop_timer_at(loop, &end, mono_add_ms(base, 25), stop_loop);
    run();
    assert_int_equal(due_count, expected);
}

static void a_timer_is_never_early_and_not_late(void **state) {
    (void)state;
    int64_t best = INT64_MAX;
    for (int i = 0; i < 20; i++) { /* the best of several: the machine may be busy */
        struct loop_timer timer = {0};
        struct mono at = {loop_clock().ns + 300000 + i * 137000};
        loop_timer_at(loop, &timer, at, stop_loop);
        run();
        int64_t late = loop_clock().ns - at.ns;
        assert_true(late >= 0);
        best = late < best ? late : best;
    }
    assert_true(best < 500000);
}

static void a_timer_in_the_past_is_due_at_once(void **state) {
    (void)state;
    struct loop_timer timer = {0};
    loop_timer_at(loop, &timer, MONO_UNSET, stop_loop);
    run();
    loop_timer_at(loop, &timer, (struct mono){0}, stop_loop);
    run();
}

static int rounds;

static void again_at_once(struct loop_timer *timer) {
    rounds++;
    loop_timer_at(loop, timer, MONO_UNSET, again_at_once);
}

static void break_on_readable(struct loop_io *io, int events) {
    (void)io;
    assert_int_equal(events, LOOP_READ);
    loop_break(loop);
}

static void a_timer_that_is_always_due_starves_nobody(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    struct loop_timer timer = {0};
    struct loop_io io = {0};
    loop_timer_at(loop, &timer, MONO_UNSET, again_at_once);
    loop_io_start(loop, &io, fds[0], LOOP_READ, break_on_readable);
    run();
    loop_io_stop(loop, &io);
    loop_timer_stop(loop, &timer);
    close(fds[0]);
    close(fds[1]);
}

static struct loop_timer triplets[3];

static void stop_the_others(struct loop_timer *timer) {
    for (size_t i = 0; i < 3; i++)
        if (&triplets[i] != timer)
            loop_timer_stop(loop, &triplets[i]);
    rounds++;
}

static void a_due_timer_can_be_stopped_by_another_that_is_due(void **state) {
    (void)state;
    rounds = 0;
    struct mono at = loop_clock();
    for (size_t i = 0; i < 3; i++)
        loop_timer_at(loop, &triplets[i], at, stop_the_others);
    struct loop_timer end = {0};
    loop_timer_at(loop, &end, mono_add_ms(at, 5), stop_loop);
    run();
    assert_int_equal(rounds, 1);
}

/* ---- posts ---- */

static struct loop_post posts[4];
static char trace[8];

static void note(struct loop_post *post) {
    char name[2] = {(char)('a' + (post - posts)), '\0'};
    strcat(trace, name);
    assert_false(post->posted);
    if (strlen(trace) >= 3)
        loop_break(loop);
}

static void note_and_cancel_d(struct loop_post *post) {
    note(post);
    loop_post_cancel(loop, &posts[3]);
    loop_post(loop, &posts[0], note);
}

static void posts_run_once_in_order_and_can_be_cancelled(void **state) {
    (void)state;
    memset(posts, 0, sizeof posts);
    *trace = '\0';
    loop_post(loop, &posts[1], note_and_cancel_d);
    loop_post(loop, &posts[0], note);
    loop_post(loop, &posts[1], note_and_cancel_d);
    loop_post(loop, &posts[3], note);
    loop_post(loop, &posts[2], note);
    run();
    assert_string_equal(trace, "bac");
}

static void post_anew(struct loop_post *post) {
    rounds++;
    loop_post(loop, post, post_anew);
}

static void a_post_that_posts_itself_starves_nobody(void **state) {
    (void)state;
    rounds = 0;
    struct loop_post post = {0};
    struct loop_timer timer = {0};
    loop_post(loop, &post, post_anew);
    loop_timer_at(loop, &timer, mono_add_ms(loop_clock(), 5), stop_loop);
    run();
    assert_true(rounds > 1);
    loop_post_cancel(loop, &post);
}

static struct mono seen[2];

static void see_now(struct loop_post *post) {
    size_t i = (size_t)(post - posts);
    seen[i] = loop_now(loop);
    while (loop_clock().ns < seen[i].ns + 1000000) {
    }
    if (i == 1)
        loop_break(loop);
}

static void now_is_one_instant_for_a_round(void **state) {
    (void)state;
    memset(posts, 0, sizeof posts);
    loop_post(loop, &posts[0], see_now);
    loop_post(loop, &posts[1], see_now);
    run();
    assert_int_equal(seen[0].ns, seen[1].ns);
    loop_post(loop, &posts[1], see_now);
    run();
    assert_true(mono_before(seen[0], seen[1]));
}

/* ---- signals and ending ---- */

static int arrivals[_NSIG];

static void count_arrival(void *context, int signal) {
    assert_ptr_equal(context, arrivals);
    arrivals[signal]++;
    if (arrivals[SIGUSR1] && arrivals[SIGUSR2])
        loop_break(loop);
}

static void signals_come_through_the_loop(void **state) {
    (void)state;
    loop_on_signal(loop, SIGUSR1, count_arrival, arrivals);
    loop_on_signal(loop, SIGUSR2, count_arrival, arrivals);
    raise(SIGUSR1);
    raise(SIGUSR2);
    run();
    assert_int_equal(arrivals[SIGUSR1], 1);
    assert_int_equal(arrivals[SIGUSR2], 1);
}

static void a_break_before_the_run_counts(void **state) {
    (void)state;
    loop_break(loop);
    run();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_come_in_order_whatever_was_stopped_and_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_is_never_early_and_not_late, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_in_the_past_is_due_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_is_always_due_starves_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(a_due_timer_can_be_stopped_by_another_that_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(posts_run_once_in_order_and_can_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(a_post_that_posts_itself_starves_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(now_is_one_instant_for_a_round, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_come_through_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(a_break_before_the_run_counts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
