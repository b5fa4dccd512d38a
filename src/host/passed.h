/* Sockets that listen for somebody else: opened to be handed on, and those that a service manager has passed to us
 * (sd_listen_fds(3)). All are close-on-exec and block. */
#ifndef UPKEEP_HOST_PASSED_H
#define UPKEEP_HOST_PASSED_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

/* Listens on an address. The descriptor, or -errno: -EADDRINUSE when somebody else does. */
int passed_open_tcp(const struct in6_addr *address, int port);

/* Listens on a path, in folders made when they are missing, for everybody who can reach it (as systemd's sockets do).
 * A socket that nobody listens on any more is to be unlinked before. The descriptor, or -errno. */
int passed_open_unix(const char *path);

/* What a listening stream socket is bound to, as address_print() words it, or the path. False for any other descriptor.
 */
bool passed_place(int fd, struct text *out);

struct passed {
    int fd;
    char *name; /* as LISTEN_FDNAMES has it; heap */
};

/* What the service manager has passed to this very process, heap; NULL when it is nothing. Only the first call gets it.
 */
struct passed *passed_take(size_t *count_out);

#endif
