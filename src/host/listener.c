#include "host/listener.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FLAG_ACCEPTING = 0x00010000, /* __SO_ACCEPTCON, as /proc/net/unix prints it */
    ROW = 512,                   /* bytes of a line of such a table; a unix path is at most 108 */
    READ_BUFFER = 8192,
};

struct tcp_search {
    int port;
    listener_visit *visit;
    void *context;
    bool ended; /* the visitor wants no more */
};

/* ---- sock_diag(7) ---- */

static void take_diag(struct tcp_search *search, const struct inet_diag_msg *row) {
    struct listener listener = {.inode = row->idiag_inode, .uid = row->idiag_uid, .port = ntohs(row->id.idiag_sport)};
    unsigned char *address = listener.address.s6_addr;
    if (row->idiag_family == AF_INET6) {
        memcpy(address, row->id.idiag_src, sizeof listener.address);
    } else {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, row->id.idiag_src, sizeof(struct in_addr));
    }
    if (!search->ended && (search->port == 0 || search->port == listener.port))
        search->ended = !search->visit(search->context, &listener);
}

/* Takes one datagram of the answer. 1: more will come; 0: that was all; or -errno. */
static int take_answer(struct tcp_search *search, const char *bytes, size_t len) {
    for (const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)bytes; NLMSG_OK(message, len);
         message = NLMSG_NEXT(message, len)) {
        if (message->nlmsg_type == NLMSG_DONE)
            return 0;
        if (message->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
        if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
            take_diag(search, NLMSG_DATA(message));
    }
    return 1;
}

static int ask_diag(int fd, int family, struct tcp_search *search) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } ask = {
        .header = {.nlmsg_len = sizeof ask,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (unsigned char)family,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = 1U << TCP_LISTEN,
                    .id.idiag_sport = htons((in_port_t)search->port)},
    };
    if (send(fd, &ask, sizeof ask, 0) < 0)
        return -errno;
    _Alignas(struct nlmsghdr) char answer[READ_BUFFER];
    int result;
    do {
        ssize_t len = recv(fd, answer, sizeof answer, 0);
        result = len < 0 ? -errno : take_answer(search, answer, (size_t)len);
    } while (result > 0);
    return result;
}

int listener_visit_diag(int port, listener_visit *visit, void *context) {
    struct tcp_search search = {port, visit, context, false};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    int result = ask_diag(fd, AF_INET, &search);
    if (result == 0 && !search.ended)
        result = ask_diag(fd, AF_INET6, &search);
    close(fd);
    return result;
}

/* ---- /proc/net/tcp ---- */

/* The n-th of the fields of a row that are separated by blanks, or its end. */
static const char *field(const char *row, unsigned n) {
    row += strspn(row, " ");
    for (; n > 0; n--) {
        row += strcspn(row, " ");
        row += strspn(row, " ");
    }
    return row;
}

/* ADDRESS:PORT, the address as the kernel prints it: each group of four bytes as one number of the machine's byte
 * order.
 */
static bool parse_address(const char *text, struct listener *out) {
    enum { DIGITS = 8 };
    size_t digits = strspn(text, "0123456789ABCDEF");
    bool is_v4 = digits == DIGITS;
    if (text[digits] != ':' || (!is_v4 && digits != 4UL * DIGITS))
        return false;
    uint32_t groups[4] = {0, 0, htonl(0xffff), 0};
    for (size_t i = is_v4 ? 3 : 0; i < 4; i++, text += DIGITS) {
        char group[DIGITS + 1] = "";
        memcpy(group, text, DIGITS);
        groups[i] = (uint32_t)strtoul(group, NULL, 16);
    }
    memcpy(&out->address, groups, sizeof groups);
    out->port = (int)strtoul(text + 1, NULL, 16);
    return true;
}

/* False for a row that is no listening socket. The format is that of the kernel's
 * Documentation/networking/proc_net_tcp.
 */
static bool parse_tcp_row(const char *row, struct listener *out) {
    enum { LOCAL_ADDRESS = 1, STATE = 3, UID = 7, INODE = 9 };
    if (strtoul(field(row, STATE), NULL, 16) != TCP_LISTEN || !parse_address(field(row, LOCAL_ADDRESS), out))
        return false;
    out->uid = (uid_t)strtoul(field(row, UID), NULL, 10);
    out->inode = (ino_t)strtoul(field(row, INODE), NULL, 10);
    return true;
}

/* The kernel prints the sockets that listen before all others, so a busy machine's connections are never read. */
static int search_table(const char *path, struct tcp_search *search) {
    FILE *table = fopen(path, "re");
    if (!table)
        return -errno;
    char buffer[READ_BUFFER];
    setvbuf(table, buffer, _IOFBF, sizeof buffer);
    char row[ROW];
    struct listener listener;
    bool more = fgets(row, sizeof row, table) != NULL; /* the headings */
    while (more && !search->ended && fgets(row, sizeof row, table)) {
        more = parse_tcp_row(row, &listener);
        if (more && (search->port == 0 || search->port == listener.port))
            search->ended = !search->visit(search->context, &listener);
    }
    fclose(table);
    return 0;
}

int listener_visit_proc(int port, listener_visit *visit, void *context) {
    struct tcp_search search = {port, visit, context, false};
    int result = search_table("/proc/net/tcp", &search);
    if (result < 0 || search.ended)
        return result;
    result = search_table("/proc/net/tcp6", &search);
    return result == -ENOENT ? 0 : result; /* a kernel without IPv6 */
}

int listener_visit_tcp(int port, listener_visit *visit, void *context) {
    static bool no_diag; /* a kernel without the module, or a sandbox that knows no such socket */
    int result = no_diag ? -ENOENT : listener_visit_diag(port, visit, context);
    no_diag = result < 0 && result != -EMFILE && result != -ENFILE && result != -ENOBUFS && result != -ENOMEM;
    return result < 0 ? listener_visit_proc(port, visit, context) : 0;
}

/* ---- unix ---- */

int listener_on_path(const char *path, ino_t *inode_out) {
    FILE *table = fopen("/proc/net/unix", "re");
    if (!table)
        return -errno;
    char buffer[READ_BUFFER];
    setvbuf(table, buffer, _IOFBF, sizeof buffer);
    enum { FLAGS = 3, INODE = 6, PATH = 7 };
    char row[ROW];
    int result = -ENOENT;
    while (result < 0 && fgets(row, sizeof row, table)) {
        row[strcspn(row, "\n")] = '\0';
        if ((strtoul(field(row, FLAGS), NULL, 16) & FLAG_ACCEPTING) && strcmp(field(row, PATH), path) == 0) {
            *inode_out = (ino_t)strtoul(field(row, INODE), NULL, 10);
            result = 0;
        }
    }
    fclose(table);
    return result;
}
