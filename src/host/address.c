#include "host/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool address_parse(const char *string, struct in6_addr *out) {
    struct in_addr v4;
    if (inet_pton(AF_INET, string, &v4) == 1) {
        *out = (struct in6_addr){0};
        out->s6_addr[10] = out->s6_addr[11] = 0xff;
        memcpy(out->s6_addr + 12, &v4, sizeof v4);
        return true;
    }
    return inet_pton(AF_INET6, string, out) == 1;
}

socklen_t address_to_socket(const struct in6_addr *address, int port, struct sockaddr_in6 *out) {
    if (!IN6_IS_ADDR_V4MAPPED(address)) {
        *out =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port), .sin6_addr = *address};
        return sizeof *out;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    memcpy(&v4.sin_addr, address->s6_addr + 12, sizeof v4.sin_addr);
    memcpy(out, &v4, sizeof v4);
    return sizeof v4;
}

bool address_is_any(const struct in6_addr *address) {
    static const unsigned char mapped_any[16] = {[10] = 0xff, [11] = 0xff};
    return IN6_IS_ADDR_UNSPECIFIED(address) || memcmp(address->s6_addr, mapped_any, sizeof mapped_any) == 0;
}

bool address_is_equal(const struct in6_addr *a, const struct in6_addr *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

bool address_is_local(const struct in6_addr *address) {
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(address, 0, &name);
    int fd = socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_local = bind(fd, (const struct sockaddr *)&name, len) == 0;
    close(fd);
    return is_local;
}

void address_print(const struct in6_addr *address, int port, struct text *out) {
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(address);
    char string[INET6_ADDRSTRLEN] = "?";
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? address->s6_addr + 12 : address->s6_addr, string, sizeof string);
    text_printf(out, is_v4 ? "%s:%d" : "[%s]:%d", string, port);
}
