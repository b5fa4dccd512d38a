#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t is_ending;

static void end(int signal) {
    (void)signal;
    is_ending = 1;
}

static struct sockaddr_in local(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Reads until the end of a head ("\r\n\r\n"), of the stream, or of the room. */
static size_t read_head(int fd, char *head, size_t room) {
    size_t len = 0;
    head[0] = '\0';
    while (len + 1 < room && !strstr(head, "\r\n\r\n")) {
        ssize_t n = read(fd, head + len, room - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        head[len] = '\0';
    }
    return len;
}

static void answer(const char *name, int fd, http_handler *handler) {
    char head[2048];
    char path[1024] = "";
    if (read_head(fd, head, sizeof head) == 0 || sscanf(head, "GET %1023s", path) != 1)
        return;
    char body[HTTP_BODY_MAX] = "";
    int status = handler(path, body);
    printf("%s: GET %s %d\n", name, path, status);
    dprintf(fd,
            "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
            "Connection: close\r\n\r\n%s",
            status, status == 200 ? "OK" : "Error", strlen(body), body);
}

int http_serve(const char *name, int port, http_handler *handler) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* No SA_RESTART: the signal takes accept() out of its wait. */
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = local(port);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0) {
        fprintf(stderr, "%s: cannot listen on 127.0.0.1:%d: %s\n", name, port, strerror(errno));
        return 1;
    }
    printf("%s: listening on http://127.0.0.1:%d/\n", name, port);
    while (!is_ending) {
        int client = accept(fd, NULL, NULL);
        if (client < 0)
            continue;
        answer(name, client, handler);
        close(client);
    }
    close(fd);
    printf("%s: goodbye\n", name);
    return 0;
}

int http_get(int port, const char *path, char *body) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = local(port);
    int status = -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        dprintf(fd, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", path, port);
        char answer[HTTP_BODY_MAX + 1024];
        size_t len = 0;
        ssize_t n;
        while (len + 1 < sizeof answer && (n = read(fd, answer + len, sizeof answer - 1 - len)) > 0)
            len += (size_t)n;
        answer[len] = '\0';
        const char *text = strstr(answer, "\r\n\r\n");
        if (text && sscanf(answer, "HTTP/1.1 %d", &status) == 1)
            snprintf(body, HTTP_BODY_MAX, "%s", text + 4);
    }
    if (fd >= 0)
        close(fd);
    return status;
}
