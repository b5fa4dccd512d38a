#include "host/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAMILY_DEPTH = 64 }; /* generations looked at below a process */

void holder_set_fini(struct holder_set *set) {
    free(set->inodes);
    *set = (struct holder_set){0};
}

bool holder_set_has(const struct holder_set *set, ino_t inode) {
    for (size_t i = 0; i < set->count; i++)
        if (set->inodes[i] == inode)
            return true;
    return false;
}

static bool add_inode(void *context, ino_t inode) {
    struct holder_set *set = context;
    if (set->count == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 64;
        ino_t *inodes = reallocarray(set->inodes, cap, sizeof *inodes);
        if (!inodes)
            return false;
        set->inodes = inodes;
        set->cap = cap;
    }
    set->inodes[set->count++] = inode;
    return true;
}

/* Calls each for the inode of every socket that the process has open, until it returns false. 0 or -errno. */
static int visit_sockets(pid_t pid, bool (*each)(void *context, ino_t inode), void *context) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder)
        return -errno;
    bool is_closed = false; /* root without CAP_SYS_PTRACE, as in a container, may list but not read them */
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        static const char prefix[] = "socket:[";
        char target[64];
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (len < 0) {
            is_closed = is_closed || errno == EACCES || errno == EPERM;
            continue;
        }
        target[len] = '\0';
        if (strncmp(target, prefix, sizeof prefix - 1) == 0 &&
            !each(context, (ino_t)strtoul(target + sizeof prefix - 1, NULL, 10)))
            break;
    }
    closedir(folder);
    return is_closed ? -EACCES : 0;
}

void holder_set_add(struct holder_set *set, pid_t pid) {
    int result = visit_sockets(pid, add_inode, set);
    struct holder process;
    if ((result == -EACCES || result == -EPERM) && holder_describe(pid, &process)) {
        set->opaque = true;
        set->opaque_uid = process.uid;
    }
}

static void add_family(struct holder_set *set, pid_t pid, int depth) {
    holder_set_add(set, pid);
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = depth > 0 ? fopen(path, "re") : NULL;
    if (!children)
        return;
    char *child = NULL;
    size_t cap = 0;
    while (getdelim(&child, &cap, ' ', children) > 0)
        add_family(set, (pid_t)strtol(child, NULL, 10), depth - 1);
    free(child);
    fclose(children);
}

void holder_set_add_family(struct holder_set *set, pid_t pid) {
    add_family(set, pid, FAMILY_DEPTH);
}

struct sought {
    ino_t inode;
    bool found;
};

static bool is_not_sought(void *context, ino_t inode) {
    struct sought *sought = context;
    sought->found = inode == sought->inode;
    return !sought->found;
}

/* The pid that a folder of /proc is named for, 0 for the others. */
static pid_t entry_pid(const char *name) {
    if (!isdigit((unsigned char)name[0]))
        return 0;
    return (pid_t)strtol(name, NULL, 10);
}

bool holder_find(ino_t inode, struct holder *out) {
    DIR *folder = opendir("/proc");
    if (!folder)
        return false;
    struct sought sought = {inode, false};
    pid_t pid = 0;
    struct dirent *entry;
    while (!sought.found && (entry = readdir(folder))) {
        pid = entry_pid(entry->d_name);
        if (pid > 0)
            (void)visit_sockets(pid, is_not_sought, &sought);
    }
    closedir(folder);
    return sought.found && holder_describe(pid, out);
}

/* The first LINE of /proc/PID/FILE that begins with prefix, without it and the newline. */
static bool read_line(pid_t pid, const char *file, const char *prefix, char *line, size_t size) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *stream = fopen(path, "re");
    if (!stream)
        return false;
    bool found = false;
    while (!found && fgets(line, (int)size, stream))
        found = strncmp(line, prefix, strlen(prefix)) == 0;
    fclose(stream);
    if (!found)
        return false;
    line[strcspn(line, "\n")] = '\0';
    memmove(line, line + strlen(prefix), strlen(line + strlen(prefix)) + 1);
    return true;
}

/* A process names itself as it likes: what it says must not steer a terminal. */
static void copy_printable(const char *from, char *to, size_t size) {
    size_t i = 0;
    for (; from[i] && i + 1 < size; i++)
        to[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
    to[i] = '\0';
}

/* The last part of a control group's path is the unit: 0::/system.slice/nginx.service */
static void find_unit(pid_t pid, struct holder *out) {
    static const char suffix[] = ".service";
    char line[512];
    if (!read_line(pid, "cgroup", "0::", line, sizeof line))
        return;
    const char *slash = strrchr(line, '/');
    size_t len = slash ? strlen(slash + 1) : 0;
    if (len > sizeof suffix - 1 && strcmp(slash + 1 + len - (sizeof suffix - 1), suffix) == 0)
        copy_printable(slash + 1, out->unit, sizeof out->unit);
    out->is_of_users_unit = out->unit[0] && strstr(line, "/user@");
}

static bool is_interpreter(const char *name) {
    static const char *const names[] = {"python", "node", "ruby", "php", "perl", "java", "deno", "bun", "sh", "bash"};
    size_t letters = strcspn(name, "0123456789.");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == letters && strncmp(name, names[i], letters) == 0)
            return true;
    return false;
}

/* What an interpreter runs, from its first arguments: `server.js`, `-m uvicorn`. NULL when it was given on the command
 * line. */
static const char *find_script(const char *arguments, size_t len, bool *is_module) {
    const char *end = arguments + len;
    for (const char *at = arguments + strlen(arguments) + 1; at < end; at += strlen(at) + 1) {
        if (strcmp(at, "-m") == 0 || strcmp(at, "-jar") == 0) {
            *is_module = at[1] == 'm';
            at += strlen(at) + 1;
            return at < end ? at : NULL;
        }
        if (strcmp(at, "-c") == 0 || strcmp(at, "-e") == 0)
            return NULL;
        if (*at != '-' && *at != '\0')
            return at;
    }
    return NULL;
}

/* Appends to the command what the process interprets, when it is an interpreter. */
static void add_script(pid_t pid, char *command, size_t size) {
    char path[32];
    char arguments[1024];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *stream = is_interpreter(command) ? fopen(path, "re") : NULL;
    size_t len = stream ? fread(arguments, 1, sizeof arguments - 1, stream) : 0;
    if (stream)
        fclose(stream);
    arguments[len] = '\0';
    bool is_module = false;
    const char *script = len > 0 ? find_script(arguments, len, &is_module) : NULL;
    if (!script || script[strspn(script, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@+")])
        return;
    const char *slash = strrchr(script, '/');
    size_t used = strlen(command);
    snprintf(command + used, size - used, " %s%s", is_module ? "-m " : "", slash ? slash + 1 : script);
}

bool holder_describe(pid_t pid, struct holder *out) {
    char line[256];
    if (!read_line(pid, "status", "Uid:\t", line, sizeof line))
        return false;
    const char *effective = line + strcspn(line, "\t"); /* after the real one */
    *out = (struct holder){.pid = pid, .uid = (uid_t)strtoul(effective, NULL, 10)};
    if (read_line(pid, "comm", "", line, sizeof line))
        copy_printable(line, out->command, sizeof out->command);
    out->command[strcspn(out->command, "(")] = '\0'; /* `next-server (v1`, cut by the kernel */
    for (size_t len = strlen(out->command); len > 0 && out->command[len - 1] == ' '; len--)
        out->command[len - 1] = '\0';
    add_script(pid, out->command, sizeof out->command);
    find_unit(pid, out);
    return true;
}

bool holder_variable(pid_t pid, const char *name, struct text *value) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    FILE *stream = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0, name_len = strlen(name);
    bool found = false;
    while (stream && !found && getdelim(&line, &cap, '\0', stream) > 0) {
        found = strncmp(line, name, name_len) == 0 && line[name_len] == '=';
        if (found)
            text_str(value, line + name_len + 1);
    }
    if (stream)
        fclose(stream);
    free(line);
    return found;
}

void holder_print_user(uid_t uid, struct text *out) {
    FILE *users = fopen("/etc/passwd", "re");
    struct passwd entry, *found = NULL;
    char buffer[1024];
    while (users && fgetpwent_r(users, &entry, buffer, sizeof buffer, &found) == 0 && entry.pw_uid != uid)
        found = NULL;
    if (users)
        fclose(users);
    if (found)
        text_str(out, found->pw_name);
    else
        text_printf(out, "%u", (unsigned)uid);
}

void holder_print(const struct holder *holder, struct text *out) {
    text_printf(out, "pid %d (%s%suser ", (int)holder->pid, holder->command, holder->command[0] ? ", " : "");
    holder_print_user(holder->uid, out);
    if (holder->unit[0])
        text_printf(out, ", %s", holder->unit);
    text_char(out, ')');
}
