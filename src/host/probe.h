/* One try at reaching a service, without blocking: a connection over TCP or to a unix socket, or an HTTP GET. A local
 * address mostly answers within the call. */
#ifndef UPKEEP_HOST_PROBE_H
#define UPKEEP_HOST_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/text.h"
#include "host/loop.h"

enum probe_answer {
    PROBE_PENDING, /* done() will be called, from the loop */
    PROBE_YES,     /* the connection was accepted; http: and answered with a status, whichever */
    PROBE_NO,
};

/* Memory is the caller's, zero-initialised; must not move while pending. What a try left stands until the next. */
struct probe {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer limit;
    void (*done)(struct probe *probe, enum probe_answer answer);
    const char *request; /* http: what is still to be sent; borrowed from the caller */
    size_t request_len;
    size_t received; /* http: bytes of the answer so far */
    int64_t limit_ms;
    int fd; /* meaningful while open */
    bool open;
    bool settled;   /* the answer was given; the rest of an http response is only read off politely */
    bool connected; /* somebody accepted the connection, whatever came of it */
    int error;      /* errno of a NO; -1 when the answer was no HTTP */
    int status;     /* http: the answer's status code, 0 before */
    pid_t peer;     /* unix: who listens, when connected */
    uid_t peer_uid;
    char line[16]; /* http: the beginning of the answer */
};

/* request: NULL to ask for a connection only; else an HTTP request, which must live until the answer. limit_ms: of
 * it all, after which a try that hangs is a NO with ETIMEDOUT. A try under way is given up first. */
enum probe_answer probe_tcp(struct probe *probe, struct loop *loop, const struct in6_addr *address, int port,
                            const char *request, int64_t limit_ms, void (*done)(struct probe *, enum probe_answer));

/* path may be longer than a socket's address can be. Never pending. */
enum probe_answer probe_unix(struct probe *probe, struct loop *loop, const char *path);

/* Gives up the try under way, if any; done() is not called. */
void probe_cancel(struct probe *probe);

/* Appends why a try was a NO, for a sentence about `target`: `connection refused on 127.0.0.1:80`, `TARGET answered
 * 500`. */
void probe_print(const struct probe *probe, const char *target, struct text *out);

/* The request of a GET: host as for a Host: header, target with its slash. */
void probe_print_request(const char *host, const char *target, struct text *out);

/* The status code of an HTTP/1 status line's first len bytes; 0 when there is not enough of it yet, -1 when it is none.
 * Pure. */
int probe_parse_status(const char *bytes, size_t len);

#endif
