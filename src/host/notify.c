#include "host/notify.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/limits.h"
#include "host/rights.h"
#include "host/sock.h"
#include "host/systemd.h"

enum {
    MAX_DESCRIPTORS = 4,   /* taken with one message; the kernel discards what is beyond. A barrier sends one */
    MESSAGES_A_ROUND = 16, /* so that one chatty app does not keep the loop from the others */
};

static bool can_reach(const struct account *account, const char *folder) {
    struct rights rights;
    if (account_is_ours(account))
        return true;
    rights_of(&rights, account);
    return rights_can(&rights, folder, RIGHTS_EXECUTE);
}

/* The socket's own folder can be searched and the socket written to by everyone, because an app may have changed its
 * user before it notifies. -ENAMETOOLONG, -EXDEV (out of the account's reach): an abstract one it must be. */
static int make_path(const char *dir, const char *name, const struct account *account, struct sockaddr_un *address) {
    char folder[PATH_MAX];
    int folder_len = snprintf(folder, sizeof folder, "%s/notify", dir);
    if (folder_len < 0 || (size_t)folder_len + 1 + strlen(name) >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    if (mkdir(folder, 0711) == 0) {
        if (chmod(folder, 0711) < 0)
            return -errno;
    } else if (errno != EEXIST) {
        return -errno;
    }
    if (!can_reach(account, folder))
        return -EXDEV;
    snprintf(address->sun_path, sizeof address->sun_path, "%.*s/%.64s", folder_len, folder, name);
    if (unlink(address->sun_path) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

/* Random, so that nobody can take the name before us. */
static int make_abstract(struct sockaddr_un *address) {
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -EIO;
    char *at = address->sun_path + 1;
    at += sprintf(at, "upkeep/");
    for (size_t i = 0; i < sizeof random; i++)
        at += sprintf(at, "%02x", (unsigned)random[i]);
    return 0;
}

static int bind_to(int fd, const struct sockaddr_un *address) {
    bool abstract = address->sun_path[0] == '\0';
    size_t len = abstract ? 1 + strlen(address->sun_path + 1) : strlen(address->sun_path) + 1;
    if (bind(fd, (const struct sockaddr *)address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return -errno;
    if (!abstract && chmod(address->sun_path, 0777) < 0)
        return -errno;
    return 0;
}

/* The name that goes into NOTIFY_SOCKET. */
static char *address_name(const struct sockaddr_un *address) {
    char *name = NULL;
    if (address->sun_path[0])
        return strdup(address->sun_path);
    return asprintf(&name, "@%s", address->sun_path + 1) < 0 ? NULL : name;
}

int notify_open(struct notify_socket *socket_, const char *dir, const char *name, const struct account *account) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int result = make_path(dir, name, account, &address);
    if (result == -ENAMETOOLONG || result == -EXDEV)
        result = make_abstract(&address);
    if (result < 0)
        return result;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Before bind(), so that no message can come without its sender's credentials. */
    result = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) < 0 ? -errno : bind_to(fd, &address);
    char *made = result < 0 ? NULL : address_name(&address);
    if (!made) {
        close(fd);
        return result < 0 ? result : -ENOMEM;
    }
    *socket_ = (struct notify_socket){.fd = fd, .address = made};
    return 0;
}

static void close_all(const int *fds, size_t count) {
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* Receives one message. False when there is none left. */
static bool receive_one(struct notify_socket *socket_) {
    char bytes[LIMIT_NOTIFY_DATAGRAM];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
    } control;
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t len = recvmsg(socket_->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0)
        return errno == EINTR;

    struct ucred sender = {0};
    int fds[MAX_DESCRIPTORS];
    size_t fd_count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET)
            continue;
        if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN(sizeof sender))
            memcpy(&sender, CMSG_DATA(part), sizeof sender);
        if (part->cmsg_type == SCM_RIGHTS) {
            fd_count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(part), fd_count * sizeof(int));
        }
    }
    if (!(message.msg_flags & MSG_TRUNC))
        socket_->received(socket_, &(struct notify_datagram){bytes, (size_t)len, sender.pid, sender.uid});
    close_all(fds, fd_count);
    return true;
}

static void on_readable(struct loop_io *io, int events) {
    (void)events;
    struct notify_socket *socket_ = LOOP_CONTAINER(io, struct notify_socket, io);
    for (int i = 0; i < MESSAGES_A_ROUND && socket_->address; i++)
        if (!receive_one(socket_))
            return;
}

void notify_listen(struct notify_socket *socket_, struct loop *loop,
                   void (*received)(struct notify_socket *, const struct notify_datagram *)) {
    socket_->loop = loop;
    socket_->received = received;
    loop_io_start(loop, &socket_->io, socket_->fd, LOOP_READ, on_readable);
}

void notify_close(struct notify_socket *socket_) {
    if (!socket_->address)
        return;
    if (socket_->loop)
        loop_io_stop(socket_->loop, &socket_->io);
    close(socket_->fd);
    if (socket_->address[0] != '@')
        unlink(socket_->address);
    free(socket_->address);
    *socket_ = (struct notify_socket){.fd = -1};
}

int notify_manager(const char *state) {
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name)
        return 0;
    /* libsystemd waits while the queue is full: for ever, where nobody reads it. */
    if (sock_is_full(name))
        return -EAGAIN;
    static __typeof__(sd_notify) *function;
    if (!function)
        *(void **)&function = systemd_function("sd_notify");
    return function ? function(0, state) : -ENOSYS;
}

int notify_manager_with(const char *state, int fd) {
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name)
        return 0;
    if (sock_is_full(name))
        return -EAGAIN;
    static __typeof__(sd_pid_notify_with_fds) *function;
    if (!function)
        *(void **)&function = systemd_function("sd_pid_notify_with_fds");
    return function ? function(0, 0, state, &fd, 1) : -ENOSYS;
}

int notify_managerf(const char *format, ...) {
    if (!getenv("NOTIFY_SOCKET"))
        return 0;
    char *state = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&state, format, args);
    va_end(args);
    if (len < 0)
        return -ENOMEM;
    int result = notify_manager(state);
    free(state);
    return result;
}
