/* One entry of the key `listen`: where the supervisor listens on an app's behalf. */
#ifndef UPKEEP_CORE_LISTEN_H
#define UPKEEP_CORE_LISTEN_H

#include <stdbool.h>

#include "core/limits.h"
#include "core/text.h"

enum { LISTEN_FIRST_FD = 3 }; /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

/* `127.0.0.1:14200`, `[::1]:80`, `/path.sock`, each with `NAME=` before it or without. */
struct listen_address {
    char name[LIMIT_NAME + 1]; /* "" when none is written */
    const char *place;         /* what stands behind the name; within the string that was parsed */
    bool is_path;              /* place is the path of a unix socket, as written */
    char host[64];             /* else a numeric address without brackets */
    int port;
};

/* False with the reason in `error`, worded to follow the key's name. Borrows string. */
bool listen_parse(const char *string, struct listen_address *out, struct text *error);

#endif
