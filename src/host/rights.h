/* What another user may do with a path, by owner, group and mode bits (access control lists are not looked at). */
#ifndef UPKEEP_HOST_RIGHTS_H
#define UPKEEP_HOST_RIGHTS_H

#include <pwd.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/text.h"
#include "host/account.h"

enum { RIGHTS_GROUPS = 64 }; /* of a user; more are not looked at */

enum rights_wish {
    RIGHTS_READ,
    RIGHTS_EXECUTE, /* a file; or to enter a folder */
    RIGHTS_WRITE,   /* in a folder; where it is missing, to make it */
};

struct rights {
    uid_t uid;
    gid_t groups[RIGHTS_GROUPS];
    int group_count;
};

/* May block: the groups come from the name service. False when they cannot be had. */
bool rights_init(struct rights *rights, const struct passwd *user);

/* Of an account whose groups were found. */
void rights_of(struct rights *rights, const struct account *account);

/* path is absolute. What cannot be looked at counts as allowed: this is for warnings. */
bool rights_can(const struct rights *rights, const char *path, enum rights_wish wish);

/* The same; when not, says where it ends: `/home/anna is closed to that user (mode 0700)`. */
bool rights_explain(const struct rights *rights, const char *path, enum rights_wish wish, struct text *why);

#endif
