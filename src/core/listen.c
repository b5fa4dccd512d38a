#include "core/listen.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/value.h"

static const char syntax[] = "ADDRESS:PORT, [ADDRESS]:PORT or /PATH, perhaps with NAME= before it";

/* The length of a name as systemd's FileDescriptorName= would take it, 0 when there is none before a '='. A path may
 * hold a '=' too. */
static size_t name_span(const char *string) {
    size_t len = strspn(string, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return string[len] == '=' ? len : 0;
}

static bool parse_name(const char **string, struct listen_address *out, struct text *error) {
    size_t len = name_span(*string);
    if (len > LIMIT_NAME) {
        text_printf(error, "\"%.*s…\" is too long for a name (at most %d)", 16, *string, LIMIT_NAME);
        return false;
    }
    memcpy(out->name, *string, len);
    out->name[len] = '\0';
    *string += len > 0 ? len + 1 : 0;
    return true;
}

static bool is_number(const char *string) {
    return *string && strspn(string, "0123456789") == strlen(string);
}

static bool refuse_host(const char *string, const char *host, struct text *error) {
    if (strcmp(host, "localhost") == 0)
        text_printf(error, "\"%s\": which localhost is meant? Write 127.0.0.1:PORT or [::1]:PORT", string);
    else if (!*host || strcmp(host, "*") == 0)
        text_printf(error, "\"%s\": write 127.0.0.1:PORT, or 0.0.0.0:PORT to be reached from everywhere", string);
    else
        text_printf(error, "\"%s\": %s is not a numeric address", string, host);
    return false;
}

/* Splits `host:port` and `[host]:port`. */
static bool parse_address(const char *string, struct listen_address *out, struct text *error) {
    const char *colon = strrchr(string, ':');
    if (!colon || !is_number(colon + 1)) {
        text_printf(error, is_number(string) ? "\"%s\" is only a port: write 127.0.0.1:%s" : "\"%s\" is not %s", string,
                    is_number(string) ? string : syntax);
        return false;
    }
    bool has_brackets = string[0] == '[' && colon > string + 1 && colon[-1] == ']';
    const char *host = string + has_brackets;
    size_t len = (size_t)(colon - string) - (has_brackets ? 2 : 0);
    if (len >= sizeof out->host) {
        text_printf(error, "\"%s\" is not %s", string, syntax);
        return false;
    }
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    unsigned char bytes[sizeof(struct in6_addr)];
    bool is_v6 = inet_pton(AF_INET6, out->host, bytes) == 1;
    if (is_v6 && !has_brackets) {
        text_printf(error, "\"%s\": write an IPv6 address in brackets: [%s]:%s", string, out->host, colon + 1);
        return false;
    }
    if (!(has_brackets ? is_v6 : inet_pton(AF_INET, out->host, bytes) == 1))
        return refuse_host(string, out->host, error);
    int64_t port;
    if (!value_parse_int(colon + 1, 1, 65535, &port, error))
        return false;
    out->port = (int)port;
    return true;
}

bool listen_parse(const char *string, struct listen_address *out, struct text *error) {
    struct listen_address address = {0};
    if (!parse_name(&string, &address, error))
        return false;
    address.place = string;
    address.is_path = strchr(string, '/') != NULL;
    if (!address.is_path && !parse_address(string, &address, error))
        return false;
    *out = address;
    return true;
}
