/* An internet address as one value: 16 bytes, an IPv4 address in its mapped form (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
#ifndef UPKEEP_HOST_ADDRESS_H
#define UPKEEP_HOST_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "core/text.h"

/* A numeric address without brackets. False for anything else: no name is ever looked up, as that could block. */
bool address_parse(const char *string, struct in6_addr *out);

/* Fills out for connect() or bind(): of family AF_INET for a mapped address. Returns its length. */
socklen_t address_to_socket(const struct in6_addr *address, int port, struct sockaddr_in6 *out);

/* 0.0.0.0 or :: */
bool address_is_any(const struct in6_addr *address);
bool address_is_equal(const struct in6_addr *a, const struct in6_addr *b);

/* Whether this machine has the address. Asks the kernel by binding a socket to it, with no port. */
bool address_is_local(const struct in6_addr *address);

/* `10.0.0.5:14200`, `[::1]:14200`. */
void address_print(const struct in6_addr *address, int port, struct text *out);

#endif
