/* Who keeps the supervisor waiting is hung up on; who waits for it is not. All at once, since it takes its time. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/limits.h"
#include "host/sock.h"

static void say_often(struct peer *peer, const char *message, unsigned times) {
    struct text bytes TEXT_AUTO = {0};
    for (unsigned i = 0; i < times; i++)
        text_append(&bytes, message, strlen(message) + 1);
    peer_say_bytes(peer, bytes.data, bytes.len);
}

/* Without reading, which would be a sign of life. */
static void wait_for_hang_up(struct stage *stage, int fd) {
    struct mono limit = mono_add_ms(loop_clock(), PEER_LIMIT_MS);
    while (!sock_has_hung_up(fd) && mono_before(loop_clock(), limit))
        peer_settle(stage->loop);
}

static void test_deadlines(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);

    struct peer silent, halting, deaf, waiting, gone;
    peer_open(&silent, stage->loop, stage->dir);
    peer_open(&halting, stage->loop, stage->dir);
    peer_say_bytes(&halting, "{\"meth", 6);
    peer_open(&deaf, stage->loop, stage->dir);
    say_often(&deaf, "{" STAGE_METHOD("Status") "}", 1000); /* more answers than the kernel's buffer holds */
    peer_open(&waiting, stage->loop, stage->dir);
    peer_say(&waiting, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    /* Half closed, then gone altogether while nothing is read of it any more. */
    peer_open(&gone, stage->loop, stage->dir);
    peer_say(&gone, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    shutdown(gone.fd, SHUT_WR);
    struct mono begin = loop_clock();
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 2);
    (void)close(gone.fd);

    peer_wait_for_end(&silent);
    peer_wait_for_end(&halting);
    wait_for_hang_up(stage, deaf.fd);
    assert_in_range(mono_ms_between(begin, loop_clock()), LIMIT_CLIENT_IDLE_MS - 500, LIMIT_CLIENT_IDLE_MS * 2);
    while (fake_watches(stage->fake) > 1 && mono_ms_between(begin, loop_clock()) < PEER_LIMIT_MS)
        peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 1);

    fake_change(stage->fake, DB, PHASE_READY, CAUSE_READY, NULL);
    fake_round(stage->fake);
    json_t *reply = peer_hear(&waiting);
    stage_parameters(reply);
    json_decref(reply);
    peer_close(&silent);
    peer_close(&halting);
    peer_close(&deaf);
    peer_close(&waiting);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deadlines, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
