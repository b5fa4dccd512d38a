/* One prepare or deploy at a time. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/value.h"
#include "daemon/lock.h"
#include "local/local.h"

/* What stands in the lock file: `PID SECONDS COMMAND`, the time being wall time. */
struct prepare_holder {
    pid_t pid;
    long long since;
    struct text command;
};

/* False when the file does not say, or says something of a process that is no more. */
static bool prepare_find_holder(const char *runtime_dir, struct prepare_holder *out) {
    struct text words TEXT_AUTO = {0};
    out->pid = lock_holder(runtime_dir, LOCK_PREPARE, &words);
    char *end = NULL;
    out->since = strtoll(text_get(&words), &end, 10);
    text_str(&out->command, end + (*end == ' '));
    return out->pid > 0 && out->since > 0 && out->command.len > 0 && (kill(out->pid, 0) == 0 || errno == EPERM);
}

static void prepare_say_holder(const struct manifest *manifest, struct text *error) {
    const char *runtime_dir = manifest->supervisor.runtime_dir;
    struct prepare_holder holder = {0};
    if (prepare_find_holder(runtime_dir, &holder)) {
        long long seconds = (long long)time(NULL) - holder.since;
        text_printf(error, "%s: upkeep %s is at work already (pid %ld), for ", manifest->file,
                    text_get(&holder.command), (long)holder.pid);
        value_print_duration(seconds > 0 ? seconds * 1000 : 0, error);
        text_str(error, "; try again when it has ended");
    } else {
        text_printf(error, "%s: another upkeep prepare or deploy is at work (it holds %s/%s)", manifest->file,
                    runtime_dir, LOCK_PREPARE);
    }
    text_fini(&holder.command);
}

/* What another user's stack is prepared from by us would be of no use to it, or in its way: logs that it cannot write.
 */
static bool prepare_is_of_user(const struct manifest *manifest, const char *command, struct text *error) {
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

int local_prepare_lock(const struct manifest *manifest, const char *command, struct text *error) {
    int r = lock_make_place(manifest, error);
    if (r < 0)
        return r;
    if (!prepare_is_of_user(manifest, command, error))
        return -EPERM;
    struct text words TEXT_AUTO = {0};
    text_printf(&words, "%lld %s", (long long)time(NULL), command);
    int fd = lock_take(manifest->supervisor.runtime_dir, LOCK_PREPARE, text_get(&words), error);
    if (fd == -EWOULDBLOCK)
        prepare_say_holder(manifest, error);
    return fd;
}
