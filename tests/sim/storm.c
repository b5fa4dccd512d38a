/* Random stacks, random children, random commands, random manifests that are taken while all that goes on, for as long
 * as the virtual clock likes: whatever happens, the promises of the fake host are kept (it fails the test otherwise),
 * nothing starts before what it depends on, only what is ready is asked whether it is well, and a stop always ends in
 * stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/text.h"
#include "fake_host.h"

enum { STORM_SEEDS = 1000, STORM_APPS = 6, STORM_COMMANDS = 60 };

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static uint32_t below(uint32_t *seed, uint32_t limit) {
    return next(seed) % limit;
}

/* Of the apps, those whose bit is in `apps`. */
static void write_manifest(uint32_t *seed, unsigned apps, struct text *out) {
    static const char *const modes[] = {"tree", "group", "tree"};
    static const char *const policies[] = {"always", "on-failure", "never"};
    text_str(out, "[defaults]\nkill_timeout = 2s\nready_timeout = 5s\nmax_restarts = 3\n");
    for (unsigned i = 0; i < STORM_APPS; i++) {
        if (!(apps >> i & 1))
            continue;
        bool is_oneshot = below(seed, 5) == 0;
        text_printf(out, "[app:a%u]\ncommand = a\nkill_mode = %s\nrestart = %s\n", i, modes[below(seed, 3)],
                    policies[below(seed, 3)]);
        text_str(out, is_oneshot ? "type = oneshot\n" : below(seed, 3) ? "ready = notify\n" : "");
        text_str(out, below(seed, 4) ? "" : "pre_start =\n  first\n  second\n");
        text_str(out, below(seed, 3) ? "" : "stop_command = end it\n");
        if (!is_oneshot && below(seed, 2))
            text_printf(out, "health = tcp:127.0.0.1:%u\nhealth_interval = %ums\nhealth_retries = %u\n",
                        1 + below(seed, 2), 1 + below(seed, 2000), 1 + below(seed, 3));
        text_printf(out, "port = %u\n", 1 + below(seed, STORM_APPS));
        unsigned dep = i > 0 ? below(seed, i) : 0;
        if (i > 0 && (apps >> dep & 1) && below(seed, 2))
            text_printf(out, "depends_on = a%u\n", dep);
    }
}

static void script_app(struct fake_world *world, uint32_t *seed, const char *name) {
    struct fake_script script = {
        .spawn_fails = below(seed, 12) == 0,
        .ready_after_ms = below(seed, 6) ? (int)below(seed, 3000) : -1,
        .exit_after_ms = below(seed, 2) ? (int)below(seed, 20000) : -1,
        .exit_code = below(seed, 2) ? 0 : 1,
        .ignores_stop_signal = below(seed, 5) == 0,
        .stop_takes_ms = (int)below(seed, 3000),
        .leaves_orphan = below(seed, 4) == 0,
        .orphan_ignores = below(seed, 3) == 0,
        .helper_takes_ms = below(seed, 4) ? (int)below(seed, 3000) : -1,
        .sick_after_ms = below(seed, 2) ? (int)below(seed, 10000) : 0,
        .sick_for_ms = below(seed, 2) ? (int)below(seed, 5000) : 0,
    };
    fake_script(world, name, &script);
}

/* Another manifest, in which any app may be another, gone, or back. */
static void take(struct fake_world *world, uint32_t *seed) {
    struct text manifest TEXT_AUTO = {0};
    struct text restarted TEXT_AUTO = {0};
    write_manifest(seed, 1 + below(seed, (1U << STORM_APPS) - 1), &manifest);
    for (unsigned i = 0; i < STORM_APPS; i++)
        if (below(seed, 3) == 0)
            text_printf(&restarted, "a%u ", i);
    fake_take(world, text_get(&manifest), text_get(&restarted));
}

static void command(struct fake_world *world, uint32_t *seed) {
    struct supervisor *supervisor = fake_supervisor(world);
    size_t count = supervisor_count(supervisor);
    bool set[2 * STORM_APPS];
    for (size_t i = 0; i < count; i++)
        set[i] = below(seed, 3) == 0;
    switch (below(seed, 6)) {
    case 0:
        supervisor_stop(supervisor, set, fake_actor);
        return;
    case 1:
        supervisor_restart(supervisor, set, fake_actor);
        return;
    case 2:
        supervisor_start(supervisor, set, fake_actor);
        return;
    case 3:
        take(world, seed);
        return;
    default:
        for (size_t i = 0; i < count; i++)
            if (set[i])
                script_app(world, seed, supervisor_view(supervisor, i).name);
        return;
    }
}

static void assert_all_stopped(const struct fake_world *world, uint32_t seed) {
    struct supervisor *supervisor = fake_supervisor((struct fake_world *)world);
    for (size_t i = 0; i < supervisor_count(supervisor); i++) {
        enum phase phase = supervisor_view(supervisor, i).life->phase;
        if (phase != PHASE_STOPPED && phase != PHASE_DONE && phase != PHASE_FAILED)
            fail_msg("seed %u: app %zu is %s after a stop of everything\n%s", seed, i, phase_name(phase),
                     fake_trace(world));
    }
    assert_int_equal(fake_processes(world), 0);
}

static void storm(uint32_t first_seed) {
    uint32_t seed = first_seed;
    struct text manifest TEXT_AUTO = {0};
    write_manifest(&seed, (1U << STORM_APPS) - 1, &manifest);
    struct fake_world *world = fake_new(text_get(&manifest), seed);
    for (unsigned i = 0; i < STORM_APPS; i++)
        script_app(world, &seed, supervisor_view(fake_supervisor(world), i).name);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    for (unsigned i = 0; i < STORM_COMMANDS; i++) {
        fake_run(world, below(&seed, 4) ? below(&seed, 2000) : below(&seed, 60000));
        command(world, &seed);
    }
    supervisor_stop(fake_supervisor(world), fake_set(world, ""), fake_actor);
    fake_run(world, 60000);
    assert_all_stopped(world, first_seed);
    supervisor_start_auto(fake_supervisor(world), fake_actor);
    fake_run(world, below(&seed, 5000));
    supervisor_shutdown(fake_supervisor(world), fake_actor);
    fake_run(world, 120000);
    assert_true(fake_is_over(world));
    assert_int_equal(fake_processes(world), 0);
    fake_free(world);
}

static void storms(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= STORM_SEEDS; seed++)
        storm(seed);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        storm((uint32_t)strtoul(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(storms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
