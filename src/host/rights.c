#include "host/rights.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool rights_init(struct rights *rights, const struct passwd *user) {
    rights->uid = user->pw_uid;
    rights->group_count = RIGHTS_GROUPS;
    if (getgrouplist(user->pw_name, user->pw_gid, rights->groups, &rights->group_count) < 0)
        rights->group_count = RIGHTS_GROUPS; /* cut, but filled */
    return rights->group_count > 0;
}

static bool is_member(const struct rights *rights, gid_t group) {
    for (int i = 0; i < rights->group_count; i++)
        if (rights->groups[i] == group)
            return true;
    return false;
}

/* bit: S_IROTH, S_IWOTH or S_IXOTH. The first class that fits decides, as in the kernel. */
static bool has_bit(const struct rights *rights, const struct stat *st, unsigned bit) {
    if (rights->uid == 0)
        return true;
    if (st->st_uid == rights->uid)
        return st->st_mode & (bit << 6);
    if (is_member(rights, st->st_gid))
        return st->st_mode & (bit << 3);
    return st->st_mode & bit;
}

/* Cuts the last part off. False at the top. */
static bool to_parent(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash || path[1] == '\0')
        return false;
    slash[slash == path] = '\0';
    return true;
}

/* Whether every folder above path can be entered. Cuts path. */
static bool can_reach(const struct rights *rights, char *path) {
    struct stat st;
    while (to_parent(path))
        if (stat(path, &st) == 0 && !has_bit(rights, &st, S_IXOTH))
            return false;
    return true;
}

bool rights_can(const struct rights *rights, const char *path, enum rights_wish wish) {
    static const unsigned bits[] = {[RIGHTS_READ] = S_IROTH, [RIGHTS_EXECUTE] = S_IXOTH, [RIGHTS_WRITE] = S_IWOTH};
    char *copy = realpath(path, NULL);
    if (!copy)
        copy = strdup(path);
    if (!copy)
        return true;
    struct stat st;
    bool is_there = stat(copy, &st) == 0;
    while (!is_there && errno == ENOENT && wish == RIGHTS_WRITE && to_parent(copy))
        is_there = stat(copy, &st) == 0;
    bool can = !is_there || (has_bit(rights, &st, bits[wish]) && can_reach(rights, copy));
    free(copy);
    return can;
}
