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

void rights_of(struct rights *rights, const struct account *account) {
    rights->uid = account->uid;
    rights->group_count = account->group_count < RIGHTS_GROUPS ? (int)account->group_count : RIGHTS_GROUPS;
    for (int i = 0; i < rights->group_count; i++)
        rights->groups[i] = account->groups[i];
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

static void say_closed(const char *path, const struct stat *st, struct text *why) {
    text_printf(why, "%s is closed to that user (mode %04o)", path, (unsigned)st->st_mode & 07777);
}

/* Whether every folder above path can be entered. Cuts path. */
static bool can_reach(const struct rights *rights, char *path, struct text *why) {
    struct stat st;
    while (to_parent(path)) {
        if (stat(path, &st) == 0 && !has_bit(rights, &st, S_IXOTH)) {
            say_closed(path, &st, why);
            return false;
        }
    }
    return true;
}

/* path: without symbolic links. */
static bool can_use(const struct rights *rights, char *path, enum rights_wish wish, struct text *why) {
    static const unsigned bits[] = {[RIGHTS_READ] = S_IROTH, [RIGHTS_EXECUTE] = S_IXOTH, [RIGHTS_WRITE] = S_IWOTH};
    struct stat st;
    bool is_there = stat(path, &st) == 0;
    while (!is_there && errno == ENOENT && wish == RIGHTS_WRITE && to_parent(path))
        is_there = stat(path, &st) == 0;
    if (!is_there)
        return true;
    if (has_bit(rights, &st, bits[wish]))
        return can_reach(rights, path, why);
    say_closed(path, &st, why);
    return false;
}

/* The way that path names, and the place where it leads by symbolic links. */
bool rights_explain(const struct rights *rights, const char *path, enum rights_wish wish, struct text *why) {
    char *named = strdup(path);
    char *real = realpath(path, NULL);
    if (!real)
        real = strdup(path);
    bool can = !named || !real || (can_reach(rights, named, why) && can_use(rights, real, wish, why));
    free(real);
    free(named);
    return can;
}

bool rights_can(const struct rights *rights, const char *path, enum rights_wish wish) {
    struct text unused TEXT_AUTO = {0};
    return rights_explain(rights, path, wish, &unused);
}
