/* What a caller can make the supervisor hold or do has an end. */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/limits.h"

static void assert_hung_up_on(struct stage *stage, const char *bytes, size_t len) {
    struct peer peer;
    peer_open(&peer, stage->loop, stage->dir);
    peer_say_bytes(&peer, bytes, len);
    assert_null(peer_hear(&peer));
    peer_close(&peer);
}

static void test_hangs_up_on_garbage(void **state) {
    struct stage *stage = *state;
    assert_hung_up_on(stage, "", 1);
    assert_hung_up_on(stage, "GET / HTTP/1.1\r\n\r\n\0", 19);
    assert_hung_up_on(stage, "{\"method\":\"\xff\"}", 15);
    assert_hung_up_on(stage, "[1,2,3]", 8);
    char deep[1001];
    memset(deep, '[', 1000);
    deep[1000] = '\0';
    assert_hung_up_on(stage, deep, sizeof deep);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
}

/* As fast as the supervisor takes it, until it hangs up. Returns how much it took. */
static size_t pour(struct stage *stage, struct peer *peer, const char *bytes, size_t len) {
    size_t sent = 0;
    for (unsigned idle = 0; idle < 100;) {
        ssize_t n = send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            break;
        idle = n < 0 ? idle + 1 : 0;
        sent += n > 0 ? (size_t)n : 0;
        peer_settle(stage->loop);
        if (sent > 64U << 20)
            break;
    }
    return sent;
}

static void test_a_message_has_an_end(void **state) {
    struct stage *stage = *state;
    char *bytes = malloc(64 * 1024);
    memset(bytes, 'x', 64 * 1024);
    size_t sent = pour(stage, &stage->peer, bytes, 64 * 1024);
    assert_in_range(sent, LIMIT_MESSAGE, LIMIT_MESSAGE + (1 << 20));
    peer_wait_for_end(&stage->peer);
    free(bytes);
}

/* Behind a call that goes on, no more is taken than one message may be long; nor does the supervisor hang up. */
static void test_what_is_queued_behind_a_call_has_an_end(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    peer_say(&stage->peer, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    char *bytes = calloc(1, 64 * 1024);
    memset(bytes, 'x', 64 * 1024 - 1);
    size_t sent = pour(stage, &stage->peer, bytes, 64 * 1024);
    assert_in_range(sent, LIMIT_MESSAGE, LIMIT_MESSAGE + (1 << 20));
    assert_int_equal(fake_watches(stage->fake), 1);
    free(bytes);
}

/* A caller who asks and asks and takes no answer. */
static void test_answers_are_not_heaped_up(void **state) {
    struct stage *stage = *state;
    static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
    struct text calls TEXT_AUTO = {0};
    for (unsigned i = 0; i < 1000; i++)
        text_append(&calls, call, sizeof call);
    size_t sent = pour(stage, &stage->peer, calls.data, calls.len);
    assert_true(sent < (size_t)LIMIT_MESSAGE * 3);
}

static void test_a_slow_reader_of_events_is_cut_off(void **state) {
    struct stage *stage = *state;
    char *detail = calloc(1, 64 * 1024);
    memset(detail, 'y', 64 * 1024 - 1);
    peer_say(&stage->peer, "{" STAGE_METHOD("Events") ",\"more\":true,\"parameters\":{\"follow\":true}}");
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 1);
    size_t events = 0;
    for (; fake_watches(stage->fake) > 0 && events < 1000; events++) {
        fake_change(stage->fake, WEB, PHASE_READY, CAUSE_READY, detail);
        peer_settle(stage->loop);
    }
    assert_in_range(events, LIMIT_CLIENT_BACKLOG / (64 * 1024), 200);
    free(detail);
}

/* As many connections as one user may have, beside the stage's own: limit - 1. */
static struct peer *open_all(struct stage *stage, size_t limit) {
    struct peer *peers = calloc(limit, sizeof *peers);
    for (size_t i = 1; i < limit; i++)
        peer_open(&peers[i], stage->loop, stage->dir);
    peer_settle(stage->loop);
    return peers;
}

static size_t clients_limit(void) {
    return geteuid() == 0 ? LIMIT_CLIENTS : LIMIT_CLIENTS_PER_UID;
}

static void test_the_idlest_gives_way(void **state) {
    struct stage *stage = *state;
    size_t limit = clients_limit();
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
    struct peer *peers = open_all(stage, limit);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
    peer_open(&peers[0], stage->loop, stage->dir);
    json_decref(peer_call(&peers[0], "{" STAGE_METHOD("Status") "}"));
    assert_null(peer_hear(&peers[1]));
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
    for (size_t i = 0; i < limit; i++)
        peer_close(&peers[i]);
    free(peers);
}

static void test_clients_are_counted(void **state) {
    struct stage *stage = *state;
    size_t limit = clients_limit();
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    struct peer *peers = open_all(stage, limit);
    peers[0] = stage->peer;
    for (size_t i = 0; i < limit; i++)
        peer_say(&peers[i], "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), limit);
    struct peer one_more;
    peer_open(&one_more, stage->loop, stage->dir);
    stage_assert_error(peer_hear(&one_more), "io.upkeep.Supervisor.TooManyClients", NULL, NULL);
    assert_null(peer_hear(&one_more));
    peer_close(&one_more);
    for (size_t i = 1; i < limit; i++)
        peer_close(&peers[i]);
    peer_settle(stage->loop);
    peer_open(&peers[1], stage->loop, stage->dir);
    json_decref(peer_call(&peers[1], "{" STAGE_METHOD("Status") "}"));
    peer_close(&peers[1]);
    free(peers);
}

static void test_thousands_come_and_go(void **state) {
    struct stage *stage = *state;
    for (unsigned i = 0; i < 3000; i++) {
        struct peer peer;
        peer_open(&peer, stage->loop, stage->dir);
        peer_close(&peer);
        if (i % 50 == 0)
            peer_settle(stage->loop);
    }
    for (unsigned i = 0; i < 20; i++)
        peer_settle(stage->loop);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
}

static int highest_fd(void) {
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    close(fd);
    return fd;
}

/* Without a descriptor for it, a caller is turned away, and nobody else is kept waiting. */
static void test_no_descriptors_left(void **state) {
    struct stage *stage = *state;
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
    struct peer peers[3];
    for (size_t i = 0; i < 3; i++)
        peer_open(&peers[i], stage->loop, stage->dir);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit none_left = {(rlim_t)highest_fd(), before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none_left);
    for (size_t i = 0; i < 3; i++) {
        stage_assert_error(peer_hear(&peers[i]), "io.upkeep.Supervisor.TooManyClients", NULL, NULL);
        peer_close(&peers[i]);
        none_left.rlim_cur = (rlim_t)highest_fd();
        setrlimit(RLIMIT_NOFILE, &none_left);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
}

/* A stranger, in a process of its own: 0 when it was refused as it should be. */
static int be_refused(const struct stage *stage, uid_t uid) {
    if (setgroups(0, NULL) < 0 || setgid((gid_t)uid) < 0 || setuid(uid) < 0)
        return 1;
    struct peer peer;
    peer_open(&peer, stage->loop, stage->dir);
    char bytes[128] = {0};
    return recv(peer.fd, bytes, sizeof bytes - 1, 0) > 0 && strstr(bytes, "PermissionDenied") ? 0 : 2;
}

static void test_strangers_are_refused(void **state) {
    struct stage *stage = *state;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(be_refused(stage, 65534));
    int status = 0;
    for (pid_t ended = 0; ended == 0; ended = waitpid(pid, &status, WNOHANG))
        peer_settle(stage->loop);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hangs_up_on_garbage, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_a_message_has_an_end, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_queued_behind_a_call_has_an_end, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_answers_are_not_heaped_up, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_of_events_is_cut_off, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_the_idlest_gives_way, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_clients_are_counted, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_thousands_come_and_go, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptors_left, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_strangers_are_refused, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
