/* The other end of a control connection, in the same loop as the supervisor's. */
#ifndef UPKEEP_TESTS_PEER_H
#define UPKEEP_TESTS_PEER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/text.h"
#include "host/loop.h"

enum { PEER_LIMIT_MS = 30000 };

struct peer {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer limit;
    int fd;
    struct text in;
    bool has_ended; /* the other side has hung up */
    bool waits_for_end;
};

/* Connects to runtime_dir/control.sock. */
void peer_open(struct peer *peer, struct loop *loop, const char *runtime_dir);
void peer_close(struct peer *peer);

/* Sends the bytes, with a NUL after them. Fails the test when the kernel does not take them at once. */
void peer_say(struct peer *peer, const char *message);
void peer_say_bytes(struct peer *peer, const char *bytes, size_t len);

/* Runs the loop until a message is there: a new reference. NULL when the other side has hung up instead. */
json_t *peer_hear(struct peer *peer);

/* Says and hears. */
json_t *peer_call(struct peer *peer, const char *message);

/* Runs the loop until the other side has hung up. */
void peer_wait_for_end(struct peer *peer);

/* Runs the loop until all that is posted or can be read now is dealt with. */
void peer_settle(struct loop *loop);

#endif
