/* Unix sockets and who is at their other end. A socket is named by a folder's descriptor and its name in it, so
 * that a folder of any depth works (sun_path holds 107 bytes). Nothing here blocks beyond a file system's answer. */
#ifndef UPKEEP_HOST_SOCK_H
#define UPKEEP_HOST_SOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* Listens at dir/name with exactly this mode and group ((gid_t)-1: as it comes), replacing whatever is there in one
 * step: there is no moment without a socket, nor one that more people may use. The non-blocking descriptor, or -errno.
 */
int sock_listen(const char *dir, const char *name, mode_t mode, gid_t group);

/* Accepts one connection, non-blocking. The descriptor, or -errno; -EAGAIN when there is none. */
int sock_accept(int listener);

/* Who connected, as the kernel knew them at that moment. */
struct sock_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* 0 or -errno. */
int sock_peer(int fd, struct sock_peer *peer_out);

/* Takes a name in the abstract namespace (unix(7)), which one process alone has for as long as the descriptor is open.
 * The descriptor; -EADDRINUSE when somebody else has it, with who that is in *holder_out (pid 0: not known); else
 * -errno. */
int sock_claim(const char *name, struct sock_peer *holder_out);

/* Whether the group is one of the supplementary groups that the peer had when it connected. */
bool sock_peer_has_group(int fd, gid_t group);

/* Whether the other end is closed altogether, not only for writing. */
bool sock_has_hung_up(int fd);

/* Whether a datagram socket of somebody else, named as in NOTIFY_SOCKET (a path, or `@name`), has no room for another
 * message now. False as well where that cannot be known: another kind of address, no such socket, no permission. */
bool sock_is_full(const char *name);

#endif
