#include "host/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/listen.h"
#include "host/address.h"
#include "host/fs.h"

/* Connections wait while the app restarts: the kernel lowers this to its own limit (net.core.somaxconn). */
enum { BACKLOG = 65535 };

static int close_with(int fd, int status) {
    close(fd);
    return status;
}

int passed_open_tcp(const struct in6_addr *address, int port) {
    struct sockaddr_in6 name;
    socklen_t len = address_to_socket(address, port, &name);
    int fd = socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (const struct sockaddr *)&name, len) < 0 || listen(fd, BACKLOG) < 0)
        return close_with(fd, -errno);
    return fd;
}

static int make_folder_of(const char *path) {
    char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    int status = folder ? 0 : -ENOMEM;
    if (slash && slash != folder) {
        *slash = '\0';
        status = fs_make_dirs(folder, 0755);
    }
    free(folder);
    return status;
}

int passed_open_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    memcpy(name.sun_path, path, strlen(path) + 1);
    int status = make_folder_of(path);
    if (status < 0)
        return status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) < 0)
        return close_with(fd, -errno);
    /* Before listen(): nobody can have connected yet. */
    if (chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0) {
        status = -errno;
        unlink(path);
        return close_with(fd, status);
    }
    return fd;
}

static bool is_listening(int fd) {
    int listens = 0;
    socklen_t len = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
}

bool passed_place(int fd, struct text *out) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } name = {0};
    socklen_t len = sizeof name;
    if (!is_listening(fd) || getsockname(fd, &name.any, &len) < 0)
        return false;
    struct in6_addr address = {0};
    switch (name.any.sa_family) {
    case AF_INET:
        address.s6_addr[10] = address.s6_addr[11] = 0xff;
        memcpy(&address.s6_addr[12], &name.v4.sin_addr, sizeof name.v4.sin_addr);
        address_print(&address, ntohs(name.v4.sin_port), out);
        return true;
    case AF_INET6:
        address_print(&name.v6.sin6_addr, ntohs(name.v6.sin6_port), out);
        return true;
    case AF_UNIX:
        text_append(out, name.un.sun_path, strnlen(name.un.sun_path, sizeof name.un.sun_path));
        return name.un.sun_path[0] != '\0';
    default:
        return false;
    }
}

/* The value as a decimal number, or -1. */
static long number_of(const char *variable) {
    const char *value = getenv(variable);
    char *end = NULL;
    long number = value && *value ? strtol(value, &end, 10) : -1;
    return end && *end == '\0' ? number : -1;
}

/* The next of the names that are separated by colons. */
static char *next_name(const char **names) {
    const char *name = *names ? *names : "";
    size_t len = strcspn(name, ":");
    *names = name[len] ? name + len + 1 : NULL;
    return strndup(len > 0 ? name : "unknown", len > 0 ? len : strlen("unknown"));
}

struct passed *passed_take(size_t *count_out) {
    static bool taken;
    long count = number_of("LISTEN_FDS");
    *count_out = 0;
    if (taken || number_of("LISTEN_PID") != (long)getpid() || count <= 0 || count > 4096)
        return NULL;
    taken = true;
    struct passed *list = calloc((size_t)count, sizeof *list);
    const char *names = getenv("LISTEN_FDNAMES");
    for (long i = 0; list && i < count; i++) {
        char *name = next_name(&names);
        int fd = LISTEN_FIRST_FD + (int)i;
        if (name && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            list[(*count_out)++] = (struct passed){fd, name};
        else
            free(name);
    }
    return list;
}
