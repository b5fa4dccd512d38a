/* Users and groups: who a process may be made to be. */
#ifndef UPKEEP_HOST_ACCOUNT_H
#define UPKEEP_HOST_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/text.h"

/* Zero-initialised is nobody: whoever we are. Its strings and groups are its own; it may be moved. */
struct account {
    bool is_given;
    char *name; /* as the user database has it; NULL when that knows only the number, or no user was named */
    char *home; /* likewise */
    char *shell;
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* all, gid included; see account_find_groups() */
    size_t group_count;
    bool keeps_groups; /* the supplementary groups stay ours: no user was named */
};

/* Looks a user and a group up, each a name or a number, or NULL for our own. May block: the name service is asked,
 * which may be a network's. False with a sentence in error (`there is no user www on this machine`); then *out is
 * empty. */
bool account_find(const char *user, const char *group, struct account *out, struct text *error);
void account_fini(struct account *account);

/* Its supplementary groups as well. May block. False with a sentence in error. */
bool account_find_groups(struct account *account, struct text *error);

/* Whose files what runs as it makes. */
uid_t account_uid(const struct account *account);

/* Whether our own processes are of this account anyway. */
bool account_is_ours(const struct account *account);

/* Whether we may start and end processes of this account; false with a sentence in error (`only root may run it as user
 * www, and upkeep runs as anna`). */
bool account_is_allowed(const struct account *account, struct text *error);

/* `user www`, `user 1007`, `group 33`. */
void account_print(const struct account *account, struct text *out);

/* Whether we have a capability of linux/capability.h now. */
bool account_has_capability(int capability);

/* Whether what we start as ourselves has it too: of root's always, else what is ambient (capabilities(7)). */
bool account_passes_capability(int capability);

#endif
