#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/restart.h"

static const struct mono start = {1000 * (int64_t)1000000000};

static const struct restart_rules defaults = {
    .when = RESTART_WHEN_ALWAYS,
    .delay_ms = 100,
    .delay_max_ms = 30000,
    .min_uptime_ms = 10000,
    .window_ms = 300000,
    .max_restarts = 10,
};

static struct mono at_ms(int64_t ms) {
    return mono_add_ms(start, ms);
}

/* An end that never was ready, without jitter. */
static struct restart_decision fall(struct restart_record record, const struct restart_rules *rules, int64_t now_ms) {
    return restart_decide(record, rules, at_ms(now_ms), false, -1, 0);
}

static void policy_decides_first(void **state) {
    (void)state;
    static const struct {
        enum restart_when when;
        bool success;
        enum restart_verdict verdict;
    } rows[] = {
        {RESTART_WHEN_ALWAYS, true, RESTART_LATER},     {RESTART_WHEN_ALWAYS, false, RESTART_LATER},
        {RESTART_WHEN_FAILED, true, RESTART_SUCCEEDED}, {RESTART_WHEN_FAILED, false, RESTART_LATER},
        {RESTART_WHEN_NEVER, true, RESTART_SUCCEEDED},  {RESTART_WHEN_NEVER, false, RESTART_NOT_WANTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct restart_rules rules = defaults;
        rules.when = rows[i].when;
        struct restart_decision decision =
            restart_decide(restart_record_clean(), &rules, start, rows[i].success, -1, 0);
        assert_int_equal(decision.verdict, rows[i].verdict);
    }
}

static void delay_doubles_up_to_its_maximum(void **state) {
    (void)state;
    static const int64_t delays_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    struct restart_rules rules = defaults;
    rules.max_restarts = 0;
    struct restart_record record = restart_record_clean();
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        struct restart_decision decision = fall(record, &rules, 0);
        assert_int_equal(decision.verdict, RESTART_LATER);
        assert_int_equal(mono_ms_between(start, decision.at), delays_ms[i]);
        record = decision.record;
    }
}

static void delay_never_overflows(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.max_restarts = 0;
    rules.delay_max_ms = INT64_MAX;
    struct restart_record record = restart_record_clean();
    record.failures = UINT32_MAX;
    struct restart_decision decision = restart_decide(record, &rules, start, false, -1, UINT32_MAX);
    assert_int_equal(decision.verdict, RESTART_LATER);
    assert_true(mono_is_never(decision.at));
    assert_int_equal(decision.record.failures, UINT32_MAX);
}

static void jitter_is_at_most_a_tenth_and_never_above_the_maximum(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.delay_ms = 1000;
    rules.delay_max_ms = 1050;
    const struct restart_record clean = restart_record_clean();
    assert_int_equal(restart_decide(clean, &rules, start, false, -1, 0).at.ns - start.ns, 1000000000);
    assert_int_equal(restart_decide(clean, &rules, start, false, -1, 1U << 30).at.ns - start.ns, 1025000000);
    assert_int_equal(restart_decide(clean, &rules, start, false, -1, UINT32_MAX).at.ns - start.ns, 1050000000);
    rules.delay_max_ms = 30000;
    int64_t most = restart_decide(clean, &rules, start, false, -1, UINT32_MAX).at.ns - start.ns;
    assert_in_range(most, 1099000000, 1100000000);
    rules.delay_ms = 1;
    most = restart_decide(clean, &rules, start, false, -1, UINT32_MAX).at.ns - start.ns;
    assert_in_range(most, 1090000, 1100000);
}

static void delay_above_the_maximum_is_the_maximum(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.delay_ms = 60000;
    struct restart_decision decision = restart_decide(restart_record_clean(), &rules, start, false, -1, 77);
    assert_int_equal(mono_ms_between(start, decision.at), 30000);
}

static void no_delay_stays_none_but_is_counted(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.delay_ms = 0;
    rules.max_restarts = 3;
    struct restart_record record = restart_record_clean();
    for (int i = 0; i < 3; i++) {
        struct restart_decision decision = restart_decide(record, &rules, start, false, -1, UINT32_MAX);
        assert_int_equal(decision.verdict, RESTART_NOW);
        record = decision.record;
    }
    assert_int_equal(fall(record, &rules, 0).verdict, RESTART_GIVE_UP);
}

static void min_uptime_of_readiness_forgives(void **state) {
    (void)state;
    struct restart_record record = restart_record_clean();
    record = fall(record, &defaults, 0).record;
    record = fall(record, &defaults, 1000).record;
    assert_int_equal(record.failures, 2);

    struct restart_decision young = restart_decide(record, &defaults, at_ms(20000), false, 9999, 0);
    assert_int_equal(young.verdict, RESTART_LATER);
    assert_int_equal(mono_ms_between(at_ms(20000), young.at), 400);

    struct restart_decision proved = restart_decide(record, &defaults, at_ms(20000), false, 10000, 0);
    assert_int_equal(proved.verdict, RESTART_NOW);
    assert_int_equal(proved.record.failures, 0);
    assert_int_equal(proved.record.ends, 3);

    struct restart_decision next = fall(proved.record, &defaults, 20001);
    assert_int_equal(mono_ms_between(at_ms(20001), next.at), 100);
}

static void window_limits_what_min_uptime_forgives(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.max_restarts = 2;
    struct restart_record record = restart_record_clean();
    for (int i = 0; i < 2; i++) {
        struct restart_decision decision = restart_decide(record, &rules, at_ms(INT64_C(20000) * i), false, 20000, 0);
        assert_int_equal(decision.verdict, RESTART_NOW);
        record = decision.record;
    }
    assert_int_equal(restart_decide(record, &rules, at_ms(60000), false, 20000, 0).verdict, RESTART_GIVE_UP);
}

static void more_than_max_restarts_within_the_window_gives_up(void **state) {
    (void)state;
    struct restart_record record = restart_record_clean();
    for (int i = 0; i < 10; i++) {
        struct restart_decision decision = fall(record, &defaults, INT64_C(1000) * i);
        assert_int_equal(decision.verdict, RESTART_LATER);
        record = decision.record;
    }
    assert_int_equal(fall(record, &defaults, 299999).verdict, RESTART_GIVE_UP);

    struct restart_decision anew = fall(record, &defaults, 300000);
    assert_int_equal(anew.verdict, RESTART_LATER);
    assert_int_equal(anew.record.ends, 1);
    assert_int_equal(anew.record.window.ns, at_ms(300000).ns);
    assert_int_equal(anew.record.failures, 11);
}

static void zero_max_restarts_never_gives_up(void **state) {
    (void)state;
    struct restart_rules rules = defaults;
    rules.max_restarts = 0;
    struct restart_record record = restart_record_clean();
    for (int i = 0; i < 1000; i++) {
        struct restart_decision decision = fall(record, &rules, i);
        assert_int_equal(decision.verdict, RESTART_LATER);
        record = decision.record;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_decides_first),
        cmocka_unit_test(delay_doubles_up_to_its_maximum),
        cmocka_unit_test(delay_never_overflows),
        cmocka_unit_test(jitter_is_at_most_a_tenth_and_never_above_the_maximum),
        cmocka_unit_test(delay_above_the_maximum_is_the_maximum),
        cmocka_unit_test(no_delay_stays_none_but_is_counted),
        cmocka_unit_test(min_uptime_of_readiness_forgives),
        cmocka_unit_test(window_limits_what_min_uptime_forgives),
        cmocka_unit_test(more_than_max_restarts_within_the_window_gives_up),
        cmocka_unit_test(zero_max_restarts_never_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
