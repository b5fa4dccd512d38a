#include "host/account.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/value.h"
#include "host/holder.h"

enum {
    GROUPS_FIRST = 32,  /* room for so many at first */
    GROUPS_MAX = 65536, /* what a process can have */
};

/* All ones is nobody: setresuid() and its like take it for `leave as it is`. */
static const int64_t ID_MAX = UINT32_MAX - 1;

static bool is_number(const char *string) {
    return *string && string[strspn(string, "0123456789")] == '\0';
}

/* What getpwnam() and its like leave in errno for one that they do not have, besides 0. */
static bool is_not_found(int error) {
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

static void say_missing(const char *kind, const char *name, int error, struct text *error_out) {
    if (is_not_found(error))
        text_printf(error_out, "there is no %s %s on this machine", kind, name);
    else
        text_printf(error_out, "cannot look up %s %s: %s", kind, name, strerror(error));
}

/* ---- finding ---- */

static bool take_entry(const struct passwd *entry, struct account *account, struct text *error) {
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    account->name = strdup(entry->pw_name);
    account->home = strdup(entry->pw_dir);
    account->shell = strdup(*entry->pw_shell ? entry->pw_shell : "/bin/sh");
    if (account->name && account->home && account->shell)
        return true;
    text_str(error, strerror(ENOMEM));
    return false;
}

/* A name that consists of digits is a name first, as for chown(1). */
static bool find_user(const char *user, const char *group, struct account *account, struct text *error) {
    int64_t uid;
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    int why = errno;
    if (!entry && is_number(user)) {
        if (!value_parse_int(user, 0, ID_MAX, &uid, error))
            return false;
        errno = 0;
        entry = getpwuid((uid_t)uid);
        why = errno;
        if (!entry && is_not_found(why)) {
            account->uid = (uid_t)uid;
            if (!group)
                text_printf(error, "nothing is known of user %s on this machine: name its group too (group = …)", user);
            return group != NULL;
        }
    }
    if (entry)
        return take_entry(entry, account, error);
    say_missing("user", user, why, error);
    return false;
}

static bool find_group(const char *group, gid_t *gid, struct text *error) {
    int64_t number;
    errno = 0;
    const struct group *entry = getgrnam(group);
    int why = errno;
    if (entry) {
        *gid = entry->gr_gid;
        return true;
    }
    if (!is_number(group)) {
        say_missing("group", group, why, error);
        return false;
    }
    if (!value_parse_int(group, 0, ID_MAX, &number, error))
        return false;
    *gid = (gid_t)number;
    return true;
}

bool account_find(const char *user, const char *group, struct account *out, struct text *error) {
    struct account account = {.uid = geteuid(), .gid = getegid(), .keeps_groups = !user, .is_given = user || group};
    bool is_found =
        (!user || find_user(user, group, &account, error)) && (!group || find_group(group, &account.gid, error));
    if (is_found)
        *out = account;
    else
        account_fini(&account);
    return is_found;
}

void account_fini(struct account *account) {
    free(account->name);
    free(account->home);
    free(account->shell);
    free(account->groups);
    *account = (struct account){0};
}

bool account_find_groups(struct account *account, struct text *error) {
    int room = GROUPS_FIRST;
    for (;;) {
        int count = room;
        gid_t *groups = reallocarray(account->groups, (size_t)room, sizeof *groups);
        if (!groups) {
            text_str(error, strerror(ENOMEM));
            return false;
        }
        account->groups = groups;
        if (account->keeps_groups)
            count = getgroups(room, groups);
        else if (!account->name) /* nobody is a member of anything by number */
            groups[0] = account->gid, count = 1;
        else if (getgrouplist(account->name, account->gid, groups, &count) < 0)
            count = -1;
        if (count >= 0) {
            account->group_count = (size_t)count;
            return true;
        }
        if (room >= GROUPS_MAX) {
            text_str(error, "has more groups than a process can have");
            return false;
        }
        room *= 2;
    }
}

/* ---- rights ---- */

bool account_has_capability(int capability) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    return syscall(SYS_capget, &header, data) == 0 &&
           data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

bool account_passes_capability(int capability) {
    return geteuid() == 0 ? account_has_capability(capability)
                          : prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, (unsigned long)capability, 0L, 0L) == 1;
}

uid_t account_uid(const struct account *account) {
    return account->is_given ? account->uid : geteuid();
}

/* Who has the right to change groups does so, even to become who we are: our groups may be others than the user's. */
bool account_is_ours(const struct account *account) {
    return !account->is_given || (account->uid == geteuid() && account->gid == getegid() &&
                                  (account->keeps_groups || !account_has_capability(CAP_SETGID)));
}

/* Whether an id of ours has a meaning outside of our user namespace, as it must to be somebody's. Each row of a map is:
 * the first id, what that is outside, how many. */
static bool is_mapped(const char *map, unsigned long id) {
    FILE *file = fopen(map, "re");
    char row[128];
    bool is_mapped = !file;
    while (file && !is_mapped && fgets(row, sizeof row, file)) {
        char *rest;
        unsigned long first = strtoul(row, &rest, 10);
        (void)strtoul(rest, &rest, 10);
        is_mapped = id >= first && id - first < strtoul(rest, NULL, 10);
    }
    if (file)
        (void)fclose(file);
    return is_mapped;
}

static void say_lacking(const struct account *account, const char *capability, struct text *error) {
    text_str(error, geteuid() == 0 ? "upkeep may not run it as " : "only root may run it as ");
    account_print(account, error);
    if (geteuid() == 0) {
        text_printf(error, ": this root is without %s", capability);
    } else {
        text_str(error, ", and upkeep runs as ");
        holder_print_user(geteuid(), error);
    }
}

/* CAP_KILL, as we must be able to end it. */
bool account_is_allowed(const struct account *account, struct text *error) {
    static const struct {
        int number;
        const char *name;
    } needed[] = {{CAP_SETGID, "CAP_SETGID"}, {CAP_SETUID, "CAP_SETUID"}, {CAP_KILL, "CAP_KILL"}};
    if (account_is_ours(account))
        return true;
    size_t count = account->uid == geteuid() ? 1 : sizeof needed / sizeof *needed;
    for (size_t i = 0; i < count; i++) {
        if (account_has_capability(needed[i].number))
            continue;
        say_lacking(account, needed[i].name, error);
        return false;
    }
    if (is_mapped("/proc/self/uid_map", account->uid) && is_mapped("/proc/self/gid_map", account->gid))
        return true;
    text_str(error, "cannot run it as ");
    account_print(account, error);
    text_str(error, ", who has no place in this user namespace (rootless container)");
    return false;
}

void account_print(const struct account *account, struct text *out) {
    if (account->keeps_groups)
        text_printf(out, "group %u", (unsigned)account->gid);
    else if (account->name)
        text_printf(out, "user %s", account->name);
    else
        text_printf(out, "user %u", (unsigned)account->uid);
}
