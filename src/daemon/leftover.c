#include "daemon/leftover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/mono.h"
#include "core/text.h"
#include "host/fs.h"
#include "host/loop.h"
#include "host/tree.h"

enum { LEFTOVER_STATE_MAX = 4096, LEFTOVER_ROUND_MAX = 512 };

static char *leftover_path(const char *runtime_dir) {
    struct text path = {0};
    text_printf(&path, "%s/state", runtime_dir);
    return text_take(&path);
}

/* Tags mean nothing after a reboot. Empty when the kernel does not tell. */
static void leftover_boot_id(struct text *out) {
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read("/proc/sys/kernel/random/boot_id", 128, &bytes, &len) < 0)
        return;
    text_append(out, bytes, strcspn(bytes, "\n"));
    free(bytes);
}

bool leftover_read(const char *runtime_dir, struct tag_range *tags_out) {
    char *path = leftover_path(runtime_dir);
    char *bytes = NULL;
    size_t len = 0;
    int r = path ? fs_read(path, LEFTOVER_STATE_MAX, &bytes, &len) : -ENOMEM;
    free(path);
    if (r < 0)
        return false;
    struct text boot TEXT_AUTO = {0};
    leftover_boot_id(&boot);
    char id[128] = "";
    struct tag_range tags;
    bool ok = sscanf(bytes, "boot=%127s\ntags=%u+%u", id, &tags.base, &tags.count) == 3 &&
              strcmp(id, text_get(&boot)) == 0 && tags.base != 0 && tags.count > 0 &&
              tags.base <= UINT32_MAX - tags.count;
    free(bytes);
    if (ok)
        *tags_out = tags;
    return ok;
}

int leftover_write(const char *runtime_dir, const struct tag_range *tags) {
    char *path = leftover_path(runtime_dir);
    if (!path)
        return -ENOMEM;
    struct text text TEXT_AUTO = {0};
    text_str(&text, "boot=");
    leftover_boot_id(&text);
    text_printf(&text, "\ntags=%u+%u\n", tags->base, tags->count);
    int r = fs_write_atomic(path, text_get(&text), text.len, 0600);
    free(path);
    return r;
}

void leftover_remove(const char *runtime_dir) {
    char *path = leftover_path(runtime_dir);
    if (path)
        (void)unlink(path);
    free(path);
}

struct leftover_round {
    const struct tag_range *tags;
    struct pollfd fds[LEFTOVER_ROUND_MAX];
    nfds_t count;
};

static void leftover_add(void *context, const struct tree_usage *usage) {
    struct leftover_round *round = context;
    if (round->count == LEFTOVER_ROUND_MAX || !tag_is_in(*round->tags, usage->tag))
        return;
    int fd = (int)syscall(SYS_pidfd_open, usage->pid, 0);
    if (fd < 0)
        return;
    if (!tag_is_in(*round->tags, tree_tag_of(usage->pid))) {
        close(fd); /* the pid was another's by the time that we held it */
        return;
    }
    round->fds[round->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void leftover_wait(struct leftover_round *round, struct mono deadline) {
    for (nfds_t i = 0; i < round->count; i++) {
        int64_t left = mono_ms_between(loop_clock(), deadline);
        (void)poll(&round->fds[i], 1, left > 0 ? (int)left : 0);
    }
}

/* One look and one signal. Returns how many there were. */
static int leftover_signal(const struct tag_range *tags, int signal, int timeout_ms) {
    struct leftover_round *round = calloc(1, sizeof *round);
    if (!round)
        return 0;
    round->tags = tags;
    (void)tree_usage(*tags, leftover_add, round);
    for (nfds_t i = 0; i < round->count; i++) {
        (void)syscall(SYS_pidfd_send_signal, round->fds[i].fd, signal, NULL, 0);
        (void)syscall(SYS_pidfd_send_signal, round->fds[i].fd, SIGCONT, NULL, 0);
    }
    leftover_wait(round, mono_add_ms(loop_clock(), timeout_ms));
    int count = (int)round->count;
    for (nfds_t i = 0; i < round->count; i++)
        close(round->fds[i].fd);
    free(round);
    return count;
}

int leftover_clear(const struct tag_range *tags, int timeout_ms) {
    enum { LEFTOVER_KILL_ROUNDS = 20, LEFTOVER_KILL_WAIT_MS = 500 };
    int found = leftover_signal(tags, SIGTERM, timeout_ms);
    for (int round = 0; found > 0 && round < LEFTOVER_KILL_ROUNDS; round++)
        if (leftover_signal(tags, SIGKILL, LEFTOVER_KILL_WAIT_MS) == 0)
            break;
    return found;
}
