#include "host/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEPTH = 6 };

/* Folders so deep that no sun_path could name a socket in them. */
struct place {
    char top[32];
    char dir[600];
};

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    *state = place;
    strcpy(place->top, "/tmp/upkeep-sock-XXXXXX");
    if (!mkdtemp(place->top))
        return -1;
    strcpy(place->dir, place->top);
    for (unsigned i = 0; i < DEPTH; i++) {
        size_t len = strlen(place->dir);
        (void)snprintf(place->dir + len, sizeof place->dir - len, "/%040u", i);
        if (mkdir(place->dir, 0700) < 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state) {
    struct place *place = *state;
    while (strlen(place->dir) > strlen(place->top)) {
        rmdir(place->dir);
        *strrchr(place->dir, '/') = '\0';
    }
    int failed = rmdir(place->top);
    free(place);
    return failed;
}

static int connect_in(const char *dir, const char *name) {
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    close(dir_fd);
    if (error < 0)
        close(fd);
    return error < 0 ? error : fd;
}

static void remove_in(const struct place *place, const char *name) {
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", place->dir, name);
    assert_int_equal(unlink(path), 0);
}

static void test_listens_in_a_deep_folder(void **state) {
    struct place *place = *state;
    int listener = sock_listen(place->dir, "a.sock", 0600, (gid_t)-1);
    assert_true(listener >= 0);
    assert_int_equal(sock_accept(listener), -EAGAIN);
    int client = connect_in(place->dir, "a.sock");
    assert_true(client >= 0);
    int server = sock_accept(listener);
    assert_true(server >= 0);
    assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);

    struct sock_peer peer;
    assert_int_equal(sock_peer(server, &peer), 0);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());

    assert_false(sock_has_hung_up(server));
    shutdown(client, SHUT_WR);
    assert_false(sock_has_hung_up(server));
    close(client);
    assert_true(sock_has_hung_up(server));
    close(server);
    close(listener);
    remove_in(place, "a.sock");
}

static void test_replaces_what_is_there(void **state) {
    struct place *place = *state;
    close(sock_listen(place->dir, "a.sock", 0600, (gid_t)-1));
    assert_int_equal(connect_in(place->dir, "a.sock"), -ECONNREFUSED);
    int listener = sock_listen(place->dir, "a.sock", 0600, (gid_t)-1);
    assert_true(listener >= 0);
    int client = connect_in(place->dir, "a.sock");
    assert_true(client >= 0);
    close(client);
    close(listener);
    remove_in(place, "a.sock");
}

static void test_has_the_mode_asked_for(void **state) {
    struct place *place = *state;
    static const mode_t modes[] = {0600, 0660, 0666};
    mode_t before = umask(077);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        close(sock_listen(place->dir, "a.sock", modes[i], getegid()));
        char path[700];
        (void)snprintf(path, sizeof path, "%s/a.sock", place->dir);
        struct stat found;
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 07777, modes[i]);
        assert_int_equal(found.st_gid, getegid());
    }
    umask(before);
    remove_in(place, "a.sock");
}

static void test_fails_where_it_cannot(void **state) {
    struct place *place = *state;
    assert_int_equal(sock_listen("/nowhere/at/all", "a.sock", 0600, (gid_t)-1), -ENOENT);
    assert_int_equal(sock_listen("/dev/null", "a.sock", 0600, (gid_t)-1), -ENOTDIR);
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(sock_listen(place->dir, name, 0600, (gid_t)-1), -ENAMETOOLONG);
}

static void test_knows_groups(void **state) {
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    gid_t groups[256];
    int count = getgroups(256, groups);
    for (int i = 0; i < count; i++)
        assert_true(sock_peer_has_group(pair[0], groups[i]));
    assert_false(sock_peer_has_group(pair[0], 4294967000U));
    close(pair[0]);
    close(pair[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_listens_in_a_deep_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replaces_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_has_the_mode_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fails_where_it_cannot, setup, teardown),
        cmocka_unit_test(test_knows_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
