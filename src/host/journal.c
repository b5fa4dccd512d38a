#include "host/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION /* the place is the one that speaks, not this file */
#include <systemd/sd-journal.h>

#include "host/sock.h"
#include "host/systemd.h"

bool journal_is_stream(int fd) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(fd, &st) < 0)
        return false;
    char *inode = NULL;
    if (strtoull(stream, &inode, 10) != st.st_dev || *inode != ':')
        return false;
    char *end = NULL;
    return strtoull(inode + 1, &end, 10) == st.st_ino && *end == '\0';
}

bool journal_is_kernel_log(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 11);
}

static const char journal_socket[] = "/run/systemd/journal/socket";

bool journal_is_running(void) {
    return access(journal_socket, W_OK) == 0;
}

int journal_stream_open(const char *identifier, int priority) {
    static __typeof__(sd_journal_stream_fd) *function;
    if (!function)
        *(void **)&function = systemd_function("sd_journal_stream_fd");
    return function ? function(identifier, priority, true) : -ENOSYS;
}

void journal_stream_name(int fd, struct text *out) {
    struct stat st;
    if (fstat(fd, &st) == 0)
        text_printf(out, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

int journal_send(const struct iovec *fields, size_t count) {
    static __typeof__(sd_journal_sendv) *function;
    if (!function)
        *(void **)&function = systemd_function("sd_journal_sendv");
    /* libsystemd waits while the queue is full: for as long as journald hangs. */
    if (sock_is_full(journal_socket))
        return -EAGAIN;
    return function ? function(fields, (int)count) : -ENOSYS;
}
