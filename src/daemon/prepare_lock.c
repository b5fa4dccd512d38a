/* One prepare or deploy at a time. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/value.h"
#include "daemon/daemon.h"
#include "host/fs.h"

enum { LOCK_BYTES = 256 };

/* What stands in the lock file: `PID SECONDS COMMAND`, the time being wall time. */
struct lock_holder {
    long pid;
    long long since;
    char command[LOCK_BYTES];
};

/* False when the file does not say, or says something of a process that is no more. */
static bool lock_read(const char *path, struct lock_holder *out) {
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read(path, LOCK_BYTES - 1, &bytes, &len) < 0)
        return false;
    char *end = bytes;
    struct lock_holder holder = {.pid = strtol(bytes, &end, 10)};
    holder.since = strtoll(end, &end, 10);
    end += *end == ' ';
    (void)snprintf(holder.command, sizeof holder.command, "%.*s", (int)strcspn(end, "\n"), end);
    free(bytes);
    bool ok =
        holder.pid > 0 && holder.since > 0 && holder.command[0] && (kill((pid_t)holder.pid, 0) == 0 || errno == EPERM);
    if (ok)
        *out = holder;
    return ok;
}

static void lock_say_holder(const struct manifest *manifest, const char *path, struct text *error) {
    struct lock_holder holder;
    if (!lock_read(path, &holder)) {
        text_printf(error, "%s: another upkeep prepare or deploy is at work (it holds %s)", manifest->file, path);
        return;
    }
    long long seconds = (long long)time(NULL) - holder.since;
    text_printf(error, "%s: upkeep %s is at work already (pid %ld), for ", manifest->file, holder.command, holder.pid);
    value_print_duration(seconds > 0 ? seconds * 1000 : 0, error);
    text_str(error, "; try again when it has ended");
}

static bool lock_has_root(const struct manifest *manifest, struct text *error) {
    struct stat st;
    const char *root = manifest->supervisor.root;
    int why = stat(root, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    if (why != 0)
        text_printf(error, "%s: cannot enter root %s: %s", manifest->file, root, strerror(why));
    return why == 0;
}

/* What another user's stack is prepared from by us would be of no use to it, or in its way: logs that it cannot write.
 */
static bool lock_is_of_user(const struct manifest *manifest, const char *command, struct text *error) {
    struct stat st;
    if (stat(manifest->supervisor.runtime_dir, &st) < 0 || st.st_uid == geteuid())
        return true;
    const struct passwd *owner = getpwuid(st.st_uid);
    text_printf(error, "%s: its runtime dir belongs to %s (uid %u): run upkeep %s as that user", manifest->file,
                owner ? owner->pw_name : "another user", (unsigned)st.st_uid, command);
    if (owner)
        text_printf(error, " (sudo -u %s)", owner->pw_name);
    return false;
}

int daemon_prepare_lock(const struct manifest *manifest, const char *command, struct text *error) {
    const char *runtime_dir = manifest->supervisor.runtime_dir;
    if (!lock_has_root(manifest, error))
        return -ENOENT;
    int r = fs_make_dirs(runtime_dir, 0700);
    if (r < 0) {
        text_printf(error, "cannot make the runtime dir %s: %s", runtime_dir, strerror(-r));
        return r;
    }
    if (!lock_is_of_user(manifest, command, error))
        return -EPERM;
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/prepare.lock", runtime_dir);
    int fd = fs_lock(text_get(&path));
    if (fd == -EWOULDBLOCK)
        lock_say_holder(manifest, text_get(&path), error);
    else if (fd < 0)
        text_printf(error, "cannot lock %s: %s", text_get(&path), strerror(-fd));
    if (fd < 0)
        return fd;
    char line[LOCK_BYTES];
    int len = snprintf(line, sizeof line, "%ld %lld %s\n", (long)getpid(), (long long)time(NULL), command);
    /* Who cannot read it is told without a name. */
    (void)!ftruncate(fd, 0);
    (void)!pwrite(fd, line, (size_t)len, 0);
    return fd;
}
