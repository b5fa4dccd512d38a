#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/address.h"
#include "host/holder.h"
#include "host/listener.h"

static struct in6_addr address_of(const char *numeric) {
    struct in6_addr address;
    assert_true(address_parse(numeric, &address));
    return address;
}

static int protocol; /* of the sockets that listen_on makes */

/* A socket that listens there, on a port of the kernel's choice. -1 where the machine has no such address. */
static int listen_on(const char *numeric, int *port_out) {
    struct in6_addr address = address_of(numeric);
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(&address, 0, &name);
    int fd = socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) < 0 || listen(fd, 8) < 0)
        return -1;
    assert_return_code(getsockname(fd, (struct sockaddr *)&name, &len), errno);
    *port_out = ntohs(name.sin6_port); /* at the same place in both families */
    return fd;
}

static ino_t inode_of(int fd) {
    struct stat stat;
    assert_return_code(fstat(fd, &stat), errno);
    return stat.st_ino;
}

struct seen {
    unsigned count;
    struct listener last;
};

static bool see(void *context, const struct listener *listener) {
    struct seen *seen = context;
    seen->count++;
    seen->last = *listener;
    return true;
}

static int (*visit_tcp)(int port, listener_visit *visit, void *context) = listener_visit_tcp;

static void check_address(const char *numeric) {
    int port;
    int fd = listen_on(numeric, &port);
    if (fd < 0)
        return;
    struct seen seen = {0};
    assert_int_equal(visit_tcp(port, see, &seen), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.inode, inode_of(fd));
    assert_int_equal(seen.last.uid, geteuid());
    assert_int_equal(seen.last.port, port);
    struct in6_addr address = address_of(numeric);
    assert_true(address_is_equal(&seen.last.address, &address));
    close(fd);
    seen.count = 0;
    assert_int_equal(visit_tcp(port, see, &seen), 0);
    assert_int_equal(seen.count, 0);
}

static void finds_sockets_of_both_families(void **state) {
    (void)state;
    check_address("127.0.0.1");
    check_address("0.0.0.0");
    check_address("127.1.2.3");
    check_address("::1");
    check_address("::");
}

static void finds_them_both_ways(void **state) {
    (void)state;
    if (listener_visit_diag(0, see, &(struct seen){0}) == 0) {
        visit_tcp = listener_visit_diag;
        finds_sockets_of_both_families(state);
    }
    visit_tcp = listener_visit_proc;
    finds_sockets_of_both_families(state);
    visit_tcp = listener_visit_tcp;
}

/* Go programs listen with multipath TCP by default. */
static void finds_multipath_sockets(void **state) {
    (void)state;
    protocol = IPPROTO_MPTCP;
    finds_them_both_ways(state);
    protocol = 0;
}

static void does_not_take_a_connection_for_a_listener(void **state) {
    (void)state;
    int port;
    int fd = listen_on("127.0.0.1", &port);
    struct in6_addr address = address_of("127.0.0.1");
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(&address, port, &name);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(connect(client, (struct sockaddr *)&name, len), errno);
    close(fd);
    struct seen seen = {0};
    assert_int_equal(listener_visit_tcp(port, see, &seen), 0);
    assert_int_equal(seen.count, 0);
    close(client);
}

static void names_the_holder(void **state) {
    (void)state;
    int port;
    int fd = listen_on("127.0.0.1", &port);
    struct holder holder;
    assert_true(holder_find(inode_of(fd), &holder));
    assert_int_equal(holder.pid, getpid());
    assert_int_equal(holder.uid, geteuid());
    TEXT_AUTO struct text text = {0};
    holder_print(&holder, &text);
    TEXT_AUTO struct text user = {0};
    holder_print_user(geteuid(), &user);
    char expected[128];
    snprintf(expected, sizeof expected, "pid %d (%.15s, user %s", (int)getpid(), program_invocation_short_name,
             text_get(&user)); /* the kernel keeps 15 bytes of a program's name */
    assert_memory_equal(text_get(&text), expected, strlen(expected));
    close(fd);
    assert_false(holder_find((ino_t)-2, &holder));
    assert_false(holder_describe(0x7ffffffe, &holder));
}

/* Of the arguments only the script is shown. */
static void names_what_an_interpreter_runs(void **state) {
    (void)state;
    char folder[] = "/tmp/upkeep-holder-XXXXXX";
    char script[64];
    assert_non_null(mkdtemp(folder));
    snprintf(script, sizeof script, "%s/serve.sh", folder);
    int file = open(script, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    static const char text[] = "echo; read x\n";
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    int in[2], out[2];
    assert_return_code(pipe(in), errno);
    assert_return_code(pipe(out), errno);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        setenv("UPKEEP_TEST", "a value", 1);
        execl("/bin/sh", "sh", "-u", script, "--password=s3cr3t", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(read(out[0], &(char){0}, 1), 1); /* it runs */
    struct holder holder;
    assert_true(holder_describe(child, &holder));
    assert_string_equal(holder.command, "sh serve.sh");
    TEXT_AUTO struct text value = {0};
    assert_true(holder_variable(child, "UPKEEP_TEST", &value));
    assert_string_equal(text_get(&value), "a value");
    assert_false(holder_variable(child, "UPKEEP", &value));
    close(in[1]);
    close(in[0]);
    close(out[0]);
    close(out[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    unlink(script);
    rmdir(folder);
}

static void shows_a_user_without_a_name_as_a_number(void **state) {
    (void)state;
    TEXT_AUTO struct text text = {0};
    holder_print_user(4123456789, &text);
    assert_string_equal(text_get(&text), "4123456789");
    text_clear(&text);
    holder_print_user(0, &text);
    assert_string_equal(text_get(&text), "root");
}

/* A child, and its child, each with a listening socket of its own; both end when the pipe closes. */
static void finds_the_sockets_of_descendants(void **state) {
    (void)state;
    int report[2], hold[2];
    assert_return_code(pipe(report), errno);
    assert_return_code(pipe(hold), errno);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        close(hold[1]);
        pid_t grandchild = fork();
        int port;
        ino_t inode = inode_of(listen_on("127.0.0.1", &port));
        (void)!write(report[1], &inode, sizeof inode);
        (void)!read(hold[0], &(char){0}, 1);
        if (grandchild > 0)
            waitpid(grandchild, NULL, 0);
        _exit(0);
    }
    ino_t inodes[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(read(report[0], &inodes[i], sizeof inodes[i]), sizeof inodes[i]);
    struct holder_set set = {0};
    holder_set_add(&set, child);
    assert_int_equal(holder_set_has(&set, inodes[0]) + holder_set_has(&set, inodes[1]), 1);
    holder_set_fini(&set);
    holder_set_add_family(&set, child);
    assert_true(holder_set_has(&set, inodes[0]) && holder_set_has(&set, inodes[1]));
    assert_false(set.opaque);
    holder_set_fini(&set);
    close(hold[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    holder_set_add_family(&set, child);
    assert_int_equal(set.count, 0);
    holder_set_fini(&set);
    close(hold[0]);
    close(report[0]);
    close(report[1]);
}

static void finds_a_unix_socket_by_its_path(void **state) {
    (void)state;
    char folder[] = "/tmp/upkeep-listener-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s/a b.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(fd, (struct sockaddr *)&name, sizeof name), errno);
    ino_t inode;
    assert_int_equal(listener_on_path(name.sun_path, &inode), -ENOENT);
    assert_return_code(listen(fd, 8), errno);
    assert_int_equal(listener_on_path(name.sun_path, &inode), 0);
    assert_int_equal(inode, inode_of(fd));
    close(fd);
    assert_int_equal(listener_on_path(name.sun_path, &inode), -ENOENT);
    unlink(name.sun_path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_sockets_of_both_families),
        cmocka_unit_test(finds_them_both_ways),
        cmocka_unit_test(finds_multipath_sockets),
        cmocka_unit_test(does_not_take_a_connection_for_a_listener),
        cmocka_unit_test(names_the_holder),
        cmocka_unit_test(names_what_an_interpreter_runs),
        cmocka_unit_test(shows_a_user_without_a_name_as_a_number),
        cmocka_unit_test(finds_the_sockets_of_descendants),
        cmocka_unit_test(finds_a_unix_socket_by_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
