#include "daemon/owner.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/address.h"
#include "host/holder.h"
#include "host/listener.h"
#include "host/probe.h"
#include "host/tree.h"

enum { PLACES_SHOWN = 3 };

/* How near a listening socket is to an address. Of the sockets of a port the kernel gives a connection to the nearest
 * (inet_lookup_listener in net/ipv4/inet_hashtables.c), and those that are equally near share. */
static int nearness(const struct in6_addr *listens, const struct in6_addr *address) {
    if (address_is_equal(listens, address))
        return 3;
    if (!address_is_any(listens))
        return 0;
    if (IN6_IS_ADDR_V4MAPPED(listens) == IN6_IS_ADDR_V4MAPPED(address))
        return 2;
    return IN6_IS_ADDR_V4MAPPED(address) ? 1 : 0;
}

/* The sockets nearest to an address, sorted into ours and others. */
struct census {
    const struct in6_addr *address;
    const struct holder_set *ours;
    int nearness;
    unsigned own_count;
    unsigned strange_count;
    struct listener strange; /* one of them */
};

static bool count_listener(void *context, const struct listener *listener) {
    struct census *census = context;
    int near = nearness(&listener->address, census->address);
    if (near == 0 || near < census->nearness)
        return true;
    if (near > census->nearness) {
        census->nearness = near;
        census->own_count = census->strange_count = 0;
    }
    if (holder_set_has(census->ours, listener->inode)) {
        census->own_count++;
    } else {
        census->strange_count++;
        census->strange = *listener;
    }
    return true;
}

static struct census take_census(const struct in6_addr *address, int port, const struct holder_set *ours) {
    struct census census = {.address = address, .ours = ours};
    (void)listener_visit_tcp(port, count_listener, &census);
    return census;
}

static void add_process(void *context, pid_t pid) {
    holder_set_add(context, pid);
}

/* All of the tree, also what has detached: a look at every process of the machine, so it comes second. */
static void add_tree(const struct owner_tree *tree, struct holder_set *set) {
    if (tree->tag == 0)
        return;
    (void)tree_visit(tree->tag, add_process, set);
    holder_set_add(set, getpid()); /* what listens on an app's behalf (daemon/sockets.h) */
}

static void add_family(const struct owner_tree *tree, struct holder_set *set) {
    if (tree->main_pid > 0)
        holder_set_add_family(set, tree->main_pid);
}

/* A process of ours that may not be looked into (it changed its user, or is not dumpable) hides its sockets, so that
 * its own socket looks like a stranger's. It is taken for ours when it belongs to the user of such a process and nobody
 * else is seen to hold it. */
static bool is_hidden_own(const struct holder_set *ours, uid_t uid) {
    return ours->opaque && ours->opaque_uid == uid;
}

static void print_unseen(uid_t uid, struct text *who) {
    text_str(who, "a process of user ");
    holder_print_user(uid, who);
    text_str(who, " that upkeep may not look into");
}

static enum owner judge_stranger(const struct holder_set *ours, const struct listener *strange, struct text *who) {
    struct holder holder;
    if (holder_find(strange->inode, &holder))
        holder_print(&holder, who);
    else if (is_hidden_own(ours, strange->uid))
        return OWNER_OURS;
    else
        print_unseen(strange->uid, who);
    return OWNER_STRANGER;
}

enum owner owner_of_tcp(const struct owner_tree *tree, const struct in6_addr *address, int port, struct text *who) {
    struct holder_set ours = {0};
    add_family(tree, &ours);
    struct census census = take_census(address, port, &ours);
    if (census.strange_count > 0) {
        add_tree(tree, &ours);
        census = take_census(address, port, &ours);
    }
    enum owner owner = census.own_count > 0 ? OWNER_OURS : OWNER_NOBODY;
    if (census.strange_count > 0)
        owner = judge_stranger(&ours, &census.strange, who);
    holder_set_fini(&ours);
    return owner;
}

/* Whether a socket of the tree listens under this path, though somebody else made it. */
static bool tree_has_path(const struct owner_tree *tree, const char *path) {
    ino_t inode;
    if (listener_on_path(path, &inode) < 0)
        return false;
    struct holder_set ours = {0};
    add_family(tree, &ours);
    add_tree(tree, &ours);
    bool has = holder_set_has(&ours, inode);
    holder_set_fini(&ours);
    return has;
}

enum owner owner_of_unix(const struct owner_tree *tree, const char *path, pid_t peer, uid_t peer_uid,
                         struct text *who) {
    if (tree->tag != 0 && (peer == tree->main_pid || tree_tag_of(peer) == tree->tag || tree_has_path(tree, path)))
        return OWNER_OURS;
    struct holder holder;
    if (holder_describe(peer, &holder))
        holder_print(&holder, who);
    else
        print_unseen(peer_uid, who);
    return OWNER_STRANGER;
}

/* Whether a socket may be bound there beside whatever is: the cheapest way to see that nobody listens. True also where
 * the question makes no sense (no such address family). */
static bool is_bindable(const struct in6_addr *address, int port) {
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(address, port, &name);
    int fd = socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    bool is_bindable = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                       (bind(fd, (const struct sockaddr *)&name, len) == 0 || errno == EADDRNOTAVAIL);
    close(fd);
    return is_bindable;
}

int owner_check_address(const struct owner_tree *tree, const struct in6_addr *address, int port, const char *target,
                        struct text *error) {
    if (is_bindable(address, port))
        return 0;
    TEXT_AUTO struct text who = {0};
    if (owner_of_tcp(tree, address, port, &who) != OWNER_STRANGER)
        return 0;
    text_printf(error, "%s is held by %s", target, text_get(&who));
    return -EADDRINUSE;
}

int owner_check_port(const struct owner_tree *tree, int port, struct text *error) {
    static const char *const loopbacks[] = {"127.0.0.1", "::1"};
    TEXT_AUTO struct text target = {0};
    text_printf(&target, "port %d", port);
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks; i++) {
        struct in6_addr address;
        int result = address_parse(loopbacks[i], &address)
                         ? owner_check_address(tree, &address, port, text_get(&target), error)
                         : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

int owner_check_unix(const struct owner_tree *tree, const char *path, struct text *error) {
    struct probe probe = {0};
    if (probe_unix(&probe, NULL, path) != PROBE_YES)
        return 0;
    TEXT_AUTO struct text who = {0};
    if (owner_of_unix(tree, path, probe.peer, probe.peer_uid, &who) != OWNER_STRANGER)
        return 0;
    text_printf(error, "socket %s is held by %s", path, text_get(&who));
    return -EADDRINUSE;
}

struct places {
    const struct holder_set *ours;
    int port;
    bool found;
    bool has_stranger; /* on the port */
    struct in6_addr address;
    unsigned shown;
    struct text *elsewhere;
};

static bool note_place(void *context, const struct listener *listener) {
    struct places *places = context;
    if (!holder_set_has(places->ours, listener->inode)) {
        places->has_stranger |= listener->port == places->port;
        return true;
    }
    if (listener->port == places->port) {
        places->found = true;
        places->address = listener->address;
        return false;
    }
    if (places->shown < PLACES_SHOWN) {
        text_str(places->elsewhere, places->shown > 0 ? ", " : "");
        address_print(&listener->address, listener->port, places->elsewhere);
        places->shown++;
    }
    return true;
}

/* Whether any of the tree has left its parents, and so its family. */
static bool has_detached(const struct owner_tree *tree) {
    struct tree_tags orphans = {0};
    bool has = tree->tag != 0 && tree_orphans(&orphans) >= 0 && tree_tags_has(&orphans, tree->tag);
    tree_tags_fini(&orphans);
    return has;
}

bool owner_finds_port(const struct owner_tree *tree, int port, struct in6_addr *address_out, struct text *elsewhere) {
    struct holder_set ours = {0};
    add_family(tree, &ours);
    struct places places = {.ours = &ours, .port = port, .elsewhere = elsewhere};
    (void)listener_visit_tcp(0, note_place, &places);
    bool is_settled = places.found || (places.shown > 0 && !places.has_stranger);
    if (!is_settled && has_detached(tree)) {
        add_tree(tree, &ours);
        text_clear(elsewhere);
        places = (struct places){.ours = &ours, .port = port, .elsewhere = elsewhere};
        (void)listener_visit_tcp(0, note_place, &places);
    }
    holder_set_fini(&ours);
    if (places.found)
        *address_out = places.address;
    return places.found;
}
