/* Which process holds a socket, and what to call it. Costs a few system calls a process, so it is for moments and not
 * for loops. */
#ifndef UPKEEP_HOST_HOLDER_H
#define UPKEEP_HOST_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/text.h"

/* The sockets that some processes have open. Zero-initialised is empty. */
struct holder_set {
    ino_t *inodes;
    size_t count;
    size_t cap;
    bool opaque;      /* a process would not be looked into: the set may not be whole */
    uid_t opaque_uid; /* of the last such process */
};

void holder_set_fini(struct holder_set *set);
bool holder_set_has(const struct holder_set *set, ino_t inode);

/* Adds the sockets of one process; of it and of all that descend from it. A process that is gone has none. */
void holder_set_add(struct holder_set *set, pid_t pid);
void holder_set_add_family(struct holder_set *set, pid_t pid);

/* A process, as a message names it. */
struct holder {
    pid_t pid;
    uid_t uid;
    char command[64]; /* the kernel's short name, printable, and the script that an interpreter runs: `node server.js`,
                         `python3 -m http.server`; never other arguments, which may be secrets. "": not known */
    char unit[96];    /* the systemd service it is of, or "" */
    bool is_of_users_unit; /* that is one of a user's own manager (systemctl --user) */
};

/* The process (the lowest pid of several) that has the socket open. False when none can be seen to. */
bool holder_find(ino_t inode, struct holder *out);

/* False when there is no such process. */
bool holder_describe(pid_t pid, struct holder *out);

/* `pid 812 (uvicorn, user www)`, `pid 91 (nginx, user root, nginx.service)`. */
void holder_print(const struct holder *holder, struct text *out);

/* A variable that the process was started with, appended to value. False when there is none or it cannot be read. */
bool holder_variable(pid_t pid, const char *name, struct text *value);

/* The name of a user from /etc/passwd, or its number. Never asks a directory service, which could take seconds. */
void holder_print_user(uid_t uid, struct text *out);

#endif
