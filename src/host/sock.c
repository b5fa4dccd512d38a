#include "host/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Of connections that wait to be accepted; the kernel cuts it to net.core.somaxconn. */
enum { SOCK_BACKLOG = 1024 };

static int sock_address(int dir_fd, const char *name, struct sockaddr_un *out) {
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
    return len < 0 || (size_t)len >= sizeof out->sun_path ? -ENAMETOOLONG : 0;
}

/* The mode that a socket has before it is bound, less the umask, is that of its file: nobody gets in before its group
 * is set. */
static int sock_bind(int fd, int dir_fd, const char *name, mode_t mode, gid_t group) {
    struct sockaddr_un address;
    int error = sock_address(dir_fd, name, &address);
    if (error < 0)
        return error;
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        return -errno;
    if (fchmod(fd, mode & S_IRWXU) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if (group != (gid_t)-1 && fchownat(dir_fd, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return fchmodat(dir_fd, name, mode, 0) < 0 ? -errno : 0;
}

/* Bound beside the final name and renamed over it: a rename keeps a bound socket reachable. */
static int sock_publish(int fd, int dir_fd, const char *name, mode_t mode, gid_t group) {
    char beside[64];
    int len = snprintf(beside, sizeof beside, "%s.new", name);
    if (len < 0 || (size_t)len >= sizeof beside)
        return -ENAMETOOLONG;
    int error = sock_bind(fd, dir_fd, beside, mode, group);
    if (error == 0 && listen(fd, SOCK_BACKLOG) < 0)
        error = -errno;
    if (error == 0 && renameat(dir_fd, beside, dir_fd, name) < 0)
        error = -errno;
    if (error < 0)
        (void)unlinkat(dir_fd, beside, 0);
    return error;
}

int sock_listen(const char *dir, const char *name, mode_t mode, gid_t group) {
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? -errno : sock_publish(fd, dir_fd, name, mode, group);
    (void)close(dir_fd);
    if (error < 0 && fd >= 0)
        (void)close(fd);
    return error < 0 ? error : fd;
}

int sock_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int sock_peer(int fd, struct sock_peer *peer_out) {
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
        return -errno;
    *peer_out = (struct sock_peer){credentials.pid, credentials.uid, credentials.gid};
    return 0;
}

/* Who listens there, as the kernel knew them when they began to. */
static void sock_ask_holder(const struct sockaddr_un *address, socklen_t size, struct sock_peer *holder_out) {
    *holder_out = (struct sock_peer){0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, size) == 0)
        (void)sock_peer(fd, holder_out);
    (void)close(fd);
}

int sock_claim(const char *name, struct sock_peer *holder_out) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if (len >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path + 1, name, len);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = bind(fd, (const struct sockaddr *)&address, size) < 0 || listen(fd, SOCK_BACKLOG) < 0 ? -errno : 0;
    if (error == -EADDRINUSE)
        sock_ask_holder(&address, size, holder_out);
    if (error < 0)
        (void)close(fd);
    return error < 0 ? error : fd;
}

bool sock_peer_has_group(int fd, gid_t group) {
    gid_t few[64];
    gid_t *groups = few;
    socklen_t size = sizeof few;
    int failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
    if (failed && errno == ERANGE && (groups = malloc(size))) /* size is now what it takes */
        failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
    bool has = false;
    for (size_t i = 0; !failed && i < size / sizeof *groups && !has; i++)
        has = groups[i] == group;
    if (groups != few)
        free(groups);
    return has;
}

bool sock_has_hung_up(int fd) {
    struct pollfd poll_fd = {.fd = fd};
    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR));
}

/* A socket of our own that is connected there can be asked. */
bool sock_is_full(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    struct pollfd queue = {.fd = fd, .events = POLLOUT};
    bool is_full = connect(fd, (const struct sockaddr *)&address, size) == 0 && poll(&queue, 1, 0) == 0;
    close(fd);
    return is_full;
}
