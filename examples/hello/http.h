/* Just enough HTTP/1.1 for two example servers: one request a connection, one connection at a time. */
#ifndef HELLO_HTTP_H
#define HELLO_HTTP_H

#include <stddef.h>

enum { HTTP_BODY_MAX = 4096 };

/* Answers one request: fills body (HTTP_BODY_MAX bytes, NUL-terminated) for a path and returns the status. */
typedef int http_handler(const char *path, char *body);

/* Serves on 127.0.0.1:port until SIGTERM or SIGINT; the request that is being answered is finished first. Returns an
 * exit code. */
int http_serve(const char *name, int port, http_handler *handler);

/* GET http://127.0.0.1:port/path. Fills body and returns the status, or -1. */
int http_get(int port, const char *path, char *body);

#endif
