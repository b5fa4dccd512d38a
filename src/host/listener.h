/* Who listens: the kernel's tables of listening sockets. A socket is known by its inode number, which stands in the
 * tables and in /proc/PID/fd alike (holder.h). Reads only. */
#ifndef UPKEEP_HOST_LISTENER_H
#define UPKEEP_HOST_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

/* A TCP socket that listens. */
struct listener {
    ino_t inode;
    uid_t uid;               /* of who made it */
    struct in6_addr address; /* local; see address.h */
    int port;
};

typedef bool listener_visit(void *context, const struct listener *listener);

/* Calls visit for each TCP socket of our network namespace that listens on port (0: any port), until it returns false.
 * Asks sock_diag(7), or reads /proc/net/tcp where that is missing. 0 or -errno. */
int listener_visit_tcp(int port, listener_visit *visit, void *context);

/* The two ways, for tests: the first takes 50 us; the second milliseconds, since the kernel looks through all that
 * could be connected to find the table's end. */
int listener_visit_diag(int port, listener_visit *visit, void *context);
int listener_visit_proc(int port, listener_visit *visit, void *context);

/* The inode of the unix stream socket that listens under exactly this path, as it was given to bind(). 0, or -ENOENT.
 */
int listener_on_path(const char *path, ino_t *inode_out);

#endif
