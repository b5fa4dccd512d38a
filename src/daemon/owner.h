/* Whose a listening socket is: of an instance's own processes, or of a stranger, who is then named. */
#ifndef UPKEEP_DAEMON_OWNER_H
#define UPKEEP_DAEMON_OWNER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/text.h"

/* An instance's processes. */
struct owner_tree {
    uint32_t tag;   /* 0: nobody's, so that every holder is a stranger */
    pid_t main_pid; /* 0: none runs */
};

enum owner {
    OWNER_NOBODY, /* nothing listens there (any more) */
    OWNER_OURS,
    OWNER_STRANGER,
};

/* Who gets the connections to this address. OURS only when every socket that may get one is of the tree: with a
 * stranger beside it (SO_REUSEPORT) the kernel would deal out requests to both. *who: on STRANGER, `pid 812 (uvicorn,
 * user www)` is appended. */
enum owner owner_of_tcp(const struct owner_tree *tree, const struct in6_addr *address, int port, struct text *who);

/* The same of a unix socket that has just accepted our connection. peer: the process that called listen(), as
 * SO_PEERCRED tells. path: absolute. */
enum owner owner_of_unix(const struct owner_tree *tree, const char *path, pid_t peer, uid_t peer_uid, struct text *who);

/* Before a start: whether the address is free for the tree. 0, or -EADDRINUSE with `TARGET is held by pid 812 (…)` in
 * error. Nobody is connected to. */
int owner_check_address(const struct owner_tree *tree, const struct in6_addr *address, int port, const char *target,
                        struct text *error);

/* The same for a port on the loopback addresses of both families: `port 14200 is held by pid 812 (uvicorn, user www)`.
 */
int owner_check_port(const struct owner_tree *tree, int port, struct text *error);

/* The same for the path of a unix socket. A stale file, which nobody listens on, is no obstacle. Connects to whoever
 * listens there. */
int owner_check_unix(const struct owner_tree *tree, const char *path, struct text *error);

/* Where the tree listens: true when on `port`, with an address of it in *address_out; else elsewhere, empty before,
 * holds the first few places, separated by commas (nothing when there is none). */
bool owner_finds_port(const struct owner_tree *tree, int port, struct in6_addr *address_out, struct text *elsewhere);

#endif
