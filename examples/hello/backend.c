/* The backend of examples/hello: answers with the GREETING of its environment, which comes from .env. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

static int handle(const char *path, char *body) {
    if (strcmp(path, "/health") == 0) {
        snprintf(body, HTTP_BODY_MAX, "ok\n");
        return 200;
    }
    if (strcmp(path, "/greeting") == 0) {
        snprintf(body, HTTP_BODY_MAX, "%s", getenv("GREETING"));
        return 200;
    }
    snprintf(body, HTTP_BODY_MAX, "there is nothing at %s\n", path);
    return 404;
}

int main(void) {
    const char *port = getenv("PORT");
    if (!port || !getenv("GREETING")) {
        fprintf(stderr, "backend: PORT and GREETING must be set\n");
        return 1;
    }
    return http_serve("backend", atoi(port), handle);
}
