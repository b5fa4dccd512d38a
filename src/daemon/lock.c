#include "daemon/lock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/digest.h"
#include "host/fs.h"
#include "host/sock.h"

enum { LOCK_BYTES = 256, LOCK_NAME_LOOKS = 20, LOCK_NAME_LOOK_MS = 5 };

int lock_make_place(const struct manifest *manifest, struct text *error) {
    struct stat st;
    const char *root = manifest->supervisor.root;
    const char *runtime_dir = manifest->supervisor.runtime_dir;
    int why = stat(root, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    if (why != 0) {
        text_printf(error, "%s: cannot enter root %s: %s", manifest->file, root, strerror(why));
        return -why;
    }
    int r = fs_make_dirs(runtime_dir, 0700);
    if (r < 0)
        text_printf(error, "cannot make the runtime dir %s: %s", runtime_dir, strerror(-r));
    return r;
}

/* Who has only just taken a lock is about to write its pid; who held it before may stand there still. */
static void lock_await_name(const char *runtime_dir, const char *name) {
    for (int i = 0; i < LOCK_NAME_LOOKS; i++) {
        pid_t pid = lock_holder(runtime_dir, name, NULL);
        if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
            return;
        (void)poll(NULL, 0, LOCK_NAME_LOOK_MS);
    }
}

int lock_take(const char *runtime_dir, const char *name, const char *words, struct text *error) {
    struct text path TEXT_AUTO = {0};
    struct text line TEXT_AUTO = {0};
    text_printf(&path, "%s/%s", runtime_dir, name);
    text_printf(&line, "%ld%s%s\n", (long)getpid(), *words ? " " : "", words);
    int fd = path.failed || line.failed ? -ENOMEM : fs_lock(text_get(&path));
    if (fd == -EWOULDBLOCK)
        lock_await_name(runtime_dir, name);
    if (fd < 0 && fd != -EWOULDBLOCK)
        text_printf(error, "cannot lock %s: %s", text_get(&path), strerror(-fd));
    if (fd < 0)
        return fd;
    /* On a full disk the lock is held all the same: who is refused is told without a name then. */
    (void)!ftruncate(fd, 0);
    (void)!pwrite(fd, line.data, line.len, 0);
    return fd;
}

/* What identifies a manifest: the folder itself and a name in it. A path alone would not do, as containers that share a
 * network see the same path with another file behind it. */
static int lock_identify(const struct manifest *manifest, struct text *out) {
    struct stat st = {0};
    char *path = fs_real_path(manifest->file);
    char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return -errno;
    *slash = '\0';
    int error = stat(slash == path ? "/" : path, &st) < 0 ? -errno : 0;
    text_printf(out, "%ju:%ju/%s", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, slash + 1);
    free(path);
    return error;
}

int lock_manifest(const struct manifest *manifest, pid_t *holder_out) {
    struct text identity TEXT_AUTO = {0};
    int error = lock_identify(manifest, &identity);
    if (error < 0)
        return error;
    struct digest digest;
    unsigned char sum[DIGEST_BYTES];
    digest_begin(&digest);
    digest_add(&digest, text_get(&identity));
    digest_add(&digest, manifest->profile ? manifest->profile : "");
    digest_end(&digest, sum);
    struct text name TEXT_AUTO = {0};
    text_str(&name, "upkeep/");
    for (size_t i = 0; i < sizeof sum; i++)
        text_printf(&name, "%02x", sum[i]);
    struct sock_peer holder = {0};
    int fd = sock_claim(text_get(&name), &holder);
    if (fd != -EADDRINUSE)
        return fd;
    /* Anybody can take any name; a stranger who has ours keeps nobody from starting. */
    *holder_out = holder.pid;
    return holder.pid != 0 && holder.uid != 0 && holder.uid != geteuid() ? -EADDRINUSE : -EWOULDBLOCK;
}

pid_t lock_holder(const char *runtime_dir, const char *name, struct text *words) {
    struct text path TEXT_AUTO = {0};
    char *bytes = NULL;
    size_t len = 0;
    text_printf(&path, "%s/%s", runtime_dir, name);
    if (path.failed || fs_read(text_get(&path), LOCK_BYTES, &bytes, &len) < 0)
        return 0;
    char *end = bytes;
    long pid = strtol(bytes, &end, 10);
    end += *end == ' ';
    if (words)
        text_append(words, end, strcspn(end, "\n"));
    free(bytes);
    return pid > 0 ? (pid_t)pid : 0;
}
