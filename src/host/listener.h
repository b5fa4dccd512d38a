/* Who listens: the kernel's tables of listening sockets, and which process holds one. A socket is known by its inode
 * number, which stands in the tables and in /proc/PID/fd alike. Reads only; costs a few system calls a table and a few
 * a process, so it is for moments and not for loops. */
#ifndef UPKEEP_HOST_LISTENER_H
#define UPKEEP_HOST_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/text.h"

/* A TCP socket that listens. */
struct listener {
    ino_t inode;
    uid_t uid;               /* of who made it */
    struct in6_addr address; /* local; see address.h */
    int port;
};

/* Calls visit for each TCP socket of our network namespace that listens on port (0: any port), until it returns false.
 * 0 or -errno. */
int listener_visit_tcp(int port, bool (*visit)(void *context, const struct listener *listener), void *context);

/* The inode of the unix stream socket that listens under exactly this path, as it was given to bind(). 0, or -ENOENT.
 */
int listener_on_path(const char *path, ino_t *inode_out);

/* The sockets that some processes have open. Zero-initialised is empty. */
struct listener_set {
    ino_t *inodes;
    size_t count;
    size_t cap;
    bool opaque;      /* a process would not be looked into: the set may not be whole */
    uid_t opaque_uid; /* of the last such process */
};

void listener_set_fini(struct listener_set *set);
bool listener_set_has(const struct listener_set *set, ino_t inode);

/* Adds the sockets of one process; of it and of all that descend from it. A process that is gone has none. */
void listener_set_add(struct listener_set *set, pid_t pid);
void listener_set_add_family(struct listener_set *set, pid_t pid);

/* A process, as a message names it. */
struct listener_holder {
    pid_t pid;
    uid_t uid;
    char command[32]; /* the kernel's short name, printable; "" when it is not known */
    char unit[96];    /* the systemd service it is of, or "" */
};

/* The process (the lowest pid of several) that has the socket open. False when none can be seen to. */
bool listener_find_holder(ino_t inode, struct listener_holder *out);

/* False when there is no such process. */
bool listener_describe(pid_t pid, struct listener_holder *out);

/* `pid 812 (uvicorn, user www)`, `pid 91 (nginx, user root, nginx.service)`. */
void listener_print_holder(const struct listener_holder *holder, struct text *out);

/* The name of a user from /etc/passwd, or its number. Never asks a directory service, which could take seconds. */
void listener_print_user(uid_t uid, struct text *out);

#endif
