/* sd_notify(3), both ways: the socket that an app notifies us on, and our own messages to the service manager above us.
 * The latter go through libsystemd (docs/adr/0003). */
#ifndef UPKEEP_HOST_NOTIFY_H
#define UPKEEP_HOST_NOTIFY_H

#include <stddef.h>
#include <sys/types.h>

#include "host/account.h"
#include "host/loop.h"

/* One message as it came. Valid within the callback only; descriptors that came along are closed after it (which is
 * what a BARRIER=1 waits for). */
struct notify_datagram {
    const char *bytes;
    size_t len; /* at most LIMIT_NOTIFY_DATAGRAM; a longer message is dropped whole */
    pid_t pid;  /* of the sender, as the kernel says; 0 when it is not in our pid namespace */
    uid_t uid;  /* meaningless when pid is 0 */
};

/* An app's notify socket. Memory is the caller's, zero-initialised; must not move while open. */
struct notify_socket {
    struct loop *loop; /* NULL: not listening yet */
    struct loop_io io;
    char *address; /* as NOTIFY_SOCKET has it: a path, or `@name` for an abstract socket. NULL: not open */
    int fd;
    void (*received)(struct notify_socket *socket, const struct notify_datagram *datagram);
};

/* Makes the socket DIR/notify/NAME, in place of a stale one; where that path would be longer than a socket's address
 * can be, or the app's account (its groups found) cannot reach it, an abstract one of a random name (docs/adr/0018).
 * Anybody may send who can reach it: the receiver is to check senders. dir is absolute. 0 or -errno. */
int notify_open(struct notify_socket *socket, const char *dir, const char *name, const struct account *account);

/* received may close the socket. */
void notify_listen(struct notify_socket *socket, struct loop *loop,
                   void (*received)(struct notify_socket *, const struct notify_datagram *));

/* Removes the socket and what was not read. Does nothing when it is not open. */
void notify_close(struct notify_socket *socket);

/* Tells the service manager that started us: newline-separated assignments (`READY=1\nSTATUS=…`). Above 0: told; 0: no
 * NOTIFY_SOCKET, nobody to tell; -errno: -EAGAIN while the manager's queue is full, -ENOSYS when libsystemd cannot be
 * loaded. Does not block. The environment is left as it is. */
int notify_manager(const char *state);

/* The same, with a descriptor that goes along (FDSTORE=1). */
int notify_manager_with(const char *state, int fd);

int notify_managerf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
