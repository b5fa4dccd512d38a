/* The frontend of examples/hello: a page that holds what the backend says. */
#include <stdio.h>
#include <stdlib.h>

#include "http.h"

static int backend_port;

static int handle(const char *path, char *body) {
    char greeting[HTTP_BODY_MAX] = "";
    if (http_get(backend_port, "/greeting", greeting) != 200) {
        snprintf(body, HTTP_BODY_MAX, "the backend does not answer\n");
        return 502;
    }
    snprintf(body, HTTP_BODY_MAX, "The backend says: %.2000s (you asked for %.500s)\n", greeting, path);
    return 200;
}

int main(void) {
    const char *port = getenv("PORT");
    const char *backend = getenv("BACKEND_PORT");
    if (!port || !backend) {
        fprintf(stderr, "frontend: PORT and BACKEND_PORT must be set\n");
        return 1;
    }
    backend_port = atoi(backend);
    return http_serve("frontend", atoi(port), handle);
}
