#include "host/terminal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/text.h"

struct world {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer limit;
    int master;
    int slave;
    struct text seen;
    size_t wanted; /* bytes */
    bool has_caught_up;
};

static void note_caught_up(void *context) {
    ((struct world *)context)->has_caught_up = true;
}

static int setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->loop = loop_new();
    assert_non_null(world->loop);
    world->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(world->master >= 0);
    assert_int_equal(grantpt(world->master), 0);
    assert_int_equal(unlockpt(world->master), 0);
    world->slave = open(ptsname(world->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(world->slave >= 0);
    struct termios raw;
    assert_int_equal(tcgetattr(world->slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(world->slave, TCSANOW, &raw), 0);
    *state = world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    loop_io_stop(world->loop, &world->io);
    loop_timer_stop(world->loop, &world->limit);
    loop_free(world->loop);
    if (world->master >= 0)
        close(world->master);
    close(world->slave);
    text_fini(&world->seen);
    free(world);
    return 0;
}

static void read_master(struct loop_io *io, int events) {
    (void)events;
    struct world *world = LOOP_CONTAINER(io, struct world, io);
    char block[4096];
    ssize_t n = read(world->master, block, sizeof block);
    if (n > 0)
        text_append(&world->seen, block, (size_t)n);
    if (world->seen.len >= world->wanted)
        loop_break(world->loop);
}

static void too_late(struct loop_timer *timer) {
    loop_break(LOOP_CONTAINER(timer, struct world, limit)->loop);
}

/* Shows what is written until there are this many bytes. */
static void run_until(struct world *world, size_t bytes) {
    world->wanted = bytes;
    loop_io_start(world->loop, &world->io, world->master, LOOP_READ, read_master);
    loop_timer_at(world->loop, &world->limit, mono_add_ms(loop_clock(), 20000), too_late);
    loop_run(world->loop);
    assert_true(world->seen.len >= bytes);
}

static void what_is_written_is_shown(void **state) {
    struct world *world = *state;
    struct terminal *terminal = terminal_new(world->loop, world->slave, note_caught_up, world);
    terminal_write(terminal, "hello\n", 6);
    run_until(world, 6);
    assert_string_equal(text_get(&world->seen), "hello\n");
    assert_false(fcntl(world->slave, F_GETFL) & O_NONBLOCK);
    terminal_free(terminal);
}

/* Ctrl-S: nobody waits, all of it comes with Ctrl-Q. */
static void a_stopped_terminal_holds_nobody_up(void **state) {
    struct world *world = *state;
    struct terminal *terminal = terminal_new(world->loop, world->slave, note_caught_up, world);
    char block[1000];
    memset(block, 'x', sizeof block);
    block[999] = '\n';
    assert_int_equal(tcflow(world->slave, TCOOFF), 0);
    for (int i = 0; i < 100; i++)
        terminal_write(terminal, block, sizeof block);
    assert_false(terminal_is_choked(terminal));
    assert_int_equal(tcflow(world->slave, TCOON), 0);
    run_until(world, 100 * sizeof block);
    assert_int_equal(world->seen.len, 100 * sizeof block);
    assert_false(world->has_caught_up);
    terminal_free(terminal);
}

static void too_much_chokes_it_until_it_has_caught_up(void **state) {
    struct world *world = *state;
    struct terminal *terminal = terminal_new(world->loop, world->slave, note_caught_up, world);
    char block[1000];
    memset(block, 'x', sizeof block);
    size_t written = 0;
    for (; !terminal_is_choked(terminal); written += sizeof block)
        terminal_write(terminal, block, sizeof block);
    assert_true(written > LIMIT_TERMINAL_BACKLOG);
    assert_true(written < 2 * LIMIT_TERMINAL_BACKLOG);
    terminal_write(terminal, "not this", 8);
    run_until(world, written);
    assert_int_equal(world->seen.len, written);
    terminal_write(terminal, "again", 5);
    run_until(world, written + 5);
    assert_true(world->has_caught_up);
    assert_string_equal(world->seen.data + written, "again");
    terminal_free(terminal);
}

static void a_terminal_that_is_gone_is_no_trouble(void **state) {
    struct world *world = *state;
    struct terminal *terminal = terminal_new(world->loop, world->slave, note_caught_up, world);
    close(world->master);
    world->master = -1;
    for (int i = 0; i < 10; i++)
        terminal_write(terminal, "hello\n", 6);
    assert_false(terminal_is_choked(terminal));
    terminal_free(terminal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_terminal_holds_nobody_up, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_chokes_it_until_it_has_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_terminal_that_is_gone_is_no_trouble, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
