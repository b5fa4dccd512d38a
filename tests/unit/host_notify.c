#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/text.h"
#include "host/notify.h"

enum { LIMIT_MS = 10000 };

static const struct account ours;
static struct loop *loop;
static struct loop_timer limit;
static struct notify_socket notify;
static char folder[512];
static struct text heard;
static struct notify_datagram last;

static void give_up(struct loop_timer *timer) {
    (void)timer;
    fail_msg("waited too long");
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    limit = (struct loop_timer){0};
    notify = (struct notify_socket){0};
    strcpy(folder, "/tmp/upkeep-notify-XXXXXX");
    return loop && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    notify_close(&notify);
    loop_free(loop);
    text_fini(&heard);
    char below[600];
    snprintf(below, sizeof below, "%s/notify", folder);
    rmdir(below);
    return rmdir(folder);
}

static void on_message(struct notify_socket *socket, const struct notify_datagram *datagram) {
    assert_ptr_equal(socket, &notify);
    text_append(&heard, datagram->bytes, datagram->len);
    last = *datagram;
    loop_break(loop);
}

static void run(void) {
    loop_timer_at(loop, &limit, mono_add_ms(loop_clock(), LIMIT_MS), give_up);
    loop_run(loop);
    loop_timer_stop(loop, &limit);
}

/* As sd_notify() does it, with a descriptor where fd is not -1. */
static void send_to(const char *address, const char *bytes, size_t len, int fd) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, address);
    if (address[0] == '@')
        name.sun_path[0] = '\0';
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address)),
                             .msg_iov = &iov,
                             .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_return_code(sender, errno);
    assert_int_equal(sendmsg(sender, &message, 0), (int)len);
    close(sender);
}

static void open_and_listen(const char *dir) {
    assert_int_equal(notify_open(&notify, dir, "web.1", &ours), 0);
    notify_listen(&notify, loop, on_message);
}

static void hears_who_sent(void **state) {
    (void)state;
    open_and_listen(folder);
    send_to(notify.address, "READY=1", 7, -1);
    run();
    assert_string_equal(text_get(&heard), "READY=1");
    assert_int_equal(last.pid, getpid());
    assert_int_equal(last.uid, getuid());
    pid_t child = fork();
    if (child == 0) {
        send_to(notify.address, "STATUS=x", 8, -1);
        _exit(0);
    }
    run();
    assert_int_equal(last.pid, child);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void can_be_reached_by_every_user(void **state) {
    (void)state;
    open_and_listen(folder);
    struct stat stat_;
    assert_return_code(stat(notify.address, &stat_), errno);
    assert_int_equal(stat_.st_mode & 0777, 0777);
    char below[600];
    snprintf(below, sizeof below, "%s/notify", folder);
    assert_return_code(stat(below, &stat_), errno);
    assert_int_equal(stat_.st_mode & 0777, 0711);
}

static void takes_the_place_of_a_stale_socket(void **state) {
    (void)state;
    struct notify_socket stale = {0};
    assert_int_equal(notify_open(&stale, folder, "web.1", &ours), 0);
    open_and_listen(folder);
    assert_string_equal(stale.address, notify.address);
    send_to(notify.address, "READY=1", 7, -1);
    run();
    free(stale.address);
    close(stale.fd);
}

static void uses_an_abstract_name_where_the_path_is_too_long(void **state) {
    (void)state;
    size_t base = strlen(folder);
    memset(folder + base, 'x', 120);
    folder[base] = '/';
    folder[base + 120] = '\0';
    assert_return_code(mkdir(folder, 0700), errno);
    open_and_listen(folder);
    assert_memory_equal(notify.address, "@upkeep/", 8);
    send_to(notify.address, "READY=1", 7, -1);
    run();
    assert_int_equal(last.pid, getpid());
    assert_return_code(rmdir(folder), errno);
    folder[base] = '\0';
}

/* sd_notify_barrier(): the sender waits until the other end of its pipe is closed. */
static void closes_what_came_along_after_the_message(void **state) {
    (void)state;
    open_and_listen(folder);
    int fds[2];
    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    send_to(notify.address, "BARRIER=1", 9, fds[1]);
    close(fds[1]);
    struct pollfd barrier = {.fd = fds[0]};
    assert_int_equal(poll(&barrier, 1, 0), 0);
    run();
    assert_int_equal(poll(&barrier, 1, 0), 1);
    assert_true(barrier.revents & POLLHUP);
    close(fds[0]);
}

static void drops_a_message_that_is_too_long(void **state) {
    (void)state;
    open_and_listen(folder);
    static char bytes[LIMIT_NOTIFY_DATAGRAM + 1] = "READY=1\n";
    int fds[2];
    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    send_to(notify.address, bytes, sizeof bytes, fds[1]);
    close(fds[1]);
    send_to(notify.address, "STATUS=", 7, -1);
    run();
    assert_string_equal(text_get(&heard), "STATUS=");
    struct pollfd end = {.fd = fds[0]};
    assert_int_equal(poll(&end, 1, 0), 1);
    close(fds[0]);
}

static void leaves_nothing_behind(void **state) {
    (void)state;
    open_and_listen(folder);
    char *address = strdup(notify.address);
    notify_close(&notify);
    notify_close(&notify);
    assert_int_equal(access(address, F_OK), -1);
    free(address);
}

/* ---- upward ---- */

static void tells_nobody_when_there_is_nobody(void **state) {
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_manager("READY=1"), 0);
    assert_int_equal(notify_managerf("STATUS=%d", 1), 0);
}

static void tells_the_service_manager(void **state) {
    (void)state;
    open_and_listen(folder);
    setenv("NOTIFY_SOCKET", notify.address, 1);
    int result = notify_managerf("READY=1\nSTATUS=%d/%d ready", 2, 3);
    unsetenv("NOTIFY_SOCKET");
    if (result == -ENOSYS)
        skip(); /* no libsystemd here */
    assert_true(result > 0);
    run();
    assert_string_equal(text_get(&heard), "READY=1\nSTATUS=2/3 ready");
}

static void does_not_wait_for_a_manager_that_does_not_read(void **state) {
    (void)state;
    open_and_listen(folder);
    setenv("NOTIFY_SOCKET", notify.address, 1);
    int result = 1;
    for (int i = 0; i < 100000 && result > 0; i++)
        result = notify_manager("STATUS=again");
    unsetenv("NOTIFY_SOCKET");
    if (result == -ENOSYS)
        skip(); /* no libsystemd here */
    assert_int_equal(result, -EAGAIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hears_who_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(can_be_reached_by_every_user, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_the_place_of_a_stale_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(uses_an_abstract_name_where_the_path_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(closes_what_came_along_after_the_message, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_a_message_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_nothing_behind, setup, teardown),
        cmocka_unit_test(tells_nobody_when_there_is_nobody),
        cmocka_unit_test_setup_teardown(tells_the_service_manager, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_wait_for_a_manager_that_does_not_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
