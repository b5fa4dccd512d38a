#include "host/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fs.h"

enum { LOGFILE_MODE = 0640, LOGFILE_FOLDER_MODE = 0755 };

int logfile_make_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return -ENOENT;
    char *folder = strndup(path, (size_t)(slash - path) + 1);
    if (!folder)
        return -ENOMEM;
    int r = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
    if (r == -ENOENT)
        r = fs_make_dirs(folder, LOGFILE_FOLDER_MODE);
    free(folder);
    return r;
}

/* Our own descriptor only writes. One that may not be read passes for finished. */
static bool logfile_lacks_newline(const char *path, off_t size) {
    if (size == 0)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    char last = '\n';
    ssize_t n = pread(fd, &last, 1, size - 1);
    close(fd);
    return n == 1 && last != '\n';
}

int logfile_open(const char *path, bool may_make, struct logfile *out) {
    /* O_NONBLOCK means nothing for regular files, and that nothing else can hold the supervisor up. */
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags | (may_make ? O_CREAT : 0), LOGFILE_MODE);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    bool is_regular = S_ISREG(st.st_mode);
    *out = (struct logfile){
        .fd = fd,
        .is_regular = is_regular,
        .is_unfinished = is_regular && logfile_lacks_newline(path, st.st_size),
        .device = st.st_dev,
        .inode = st.st_ino,
    };
    return 0;
}

void logfile_close(struct logfile *file) {
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

int logfile_write(struct logfile *file, const char *bytes, size_t len, size_t *written_out) {
    size_t written = 0;
    int error = 0;
    while (written < len) {
        ssize_t n = write(file->fd, bytes + written, len - written);
        if (n > 0) {
            written += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            error = errno;
            break;
        }
    }
    if (written > 0)
        file->is_unfinished = bytes[written - 1] != '\n';
    *written_out = written;
    return -error;
}

uint64_t logfile_end(const struct logfile *file) {
    /* With O_APPEND the offset is moved to the end of what was written, whatever others did to the file. */
    off_t end = file->is_regular ? lseek(file->fd, 0, SEEK_CUR) : 0;
    return end > 0 ? (uint64_t)end : 0;
}

bool logfile_is_at(const struct logfile *file, const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}
