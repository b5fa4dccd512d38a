#include "host/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/text.h"
#include "host/rights.h"

/* ---- reading ---- */

enum { PATIENCE_MS = 1500 };

/* Like read(2), for a descriptor that does not block. What is no regular file may take its time, all in all until
 * *patience_ms is used up. */
static ssize_t read_some(int fd, char *bytes, size_t len, bool is_regular, int *patience_ms) {
    enum { STEP_MS = 10 };
    for (;;) {
        if (!is_regular) {
            struct pollfd readable = {.fd = fd, .events = POLLIN};
            while (poll(&readable, 1, STEP_MS) == 0)
                if ((*patience_ms -= STEP_MS) <= 0)
                    return -ENODATA;
        }
        ssize_t n = read(fd, bytes, len);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

static int read_all(int fd, size_t cap, char **bytes_out, size_t *len_out) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;

    /* The size is a hint: pipes and files in /proc have none, and a file may grow while it is read. */
    size_t room = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
    size_t len = 0;
    int patience_ms = PATIENCE_MS;
    char *bytes = NULL;
    for (;;) {
        if (room > cap + 1)
            room = cap + 1;
        char *grown = realloc(bytes, room + 1);
        if (!grown) {
            free(bytes);
            return -ENOMEM;
        }
        bytes = grown;
        while (len < room) {
            ssize_t n = read_some(fd, bytes + len, room - len, S_ISREG(st.st_mode), &patience_ms);
            if (n < 0) {
                free(bytes);
                return (int)n;
            }
            if (n == 0) {
                bytes[len] = '\0';
                *bytes_out = bytes;
                *len_out = len;
                return 0;
            }
            len += (size_t)n;
        }
        if (len > cap) {
            free(bytes);
            return -EFBIG;
        }
        room *= 2;
    }
}

int fs_read(const char *path, size_t cap, char **bytes_out, size_t *len_out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int status = read_all(fd, cap, bytes_out, len_out);
    close(fd);
    return status;
}

int fs_read_start(const char *path, size_t len_max, char **bytes_out, size_t *len_out) {
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    char *bytes = calloc(1, len_max + 1);
    int fd = bytes ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, len_max);
    int error = len < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (len < 0) {
        free(bytes);
        return error;
    }
    *bytes_out = bytes;
    *len_out = (size_t)len;
    return 0;
}

int64_t fs_read_number(const char *path, int64_t fallback) {
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read_start(path, 32, &bytes, &len) < 0 || !bytes)
        return fallback;
    int64_t number = strtoll(bytes, NULL, 10);
    free(bytes);
    return number;
}

int fs_read_file(void *context, const char *path, char **bytes_out, size_t *len_out) {
    (void)context;
    return fs_read(path, LIMIT_MANIFEST_FILE, bytes_out, len_out);
}

/* ---- folders ---- */

static int make_dir(const char *path, mode_t mode) {
    if (mkdir(path, mode) == 0)
        return 0;
    int error = errno;
    /* EEXIST, but also EROFS or EACCES of a parent that we may not write to: what counts is that the folder is there.
     */
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    return -error;
}

int fs_make_dirs(const char *path, mode_t mode) {
    if (!*path)
        return -ENOENT;
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    int status = 0;
    for (char *end = copy + strspn(copy, "/"); *end && status == 0;) {
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        status = make_dir(copy, mode);
        *end = kept;
        end += strspn(end, "/");
    }
    free(copy);
    return status;
}

/* ---- writing ---- */

static int write_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Synchronised before the rename, so that a crash of the machine leaves the old content or the new, never an empty
 * file. */
static int write_and_rename(int fd, const char *temporary, const char *path, const char *bytes, size_t len,
                            mode_t mode) {
    int status = write_all(fd, bytes, len);
    if (status == 0 && fchmod(fd, mode) < 0)
        status = -errno;
    if (status == 0 && fdatasync(fd) < 0)
        status = -errno;
    if (status == 0 && rename(temporary, path) < 0)
        status = -errno;
    return status;
}

int fs_write_atomic(const char *path, const char *bytes, size_t len, mode_t mode) {
    struct text temporary TEXT_AUTO = {0};
    text_printf(&temporary, "%s.XXXXXX", path);
    if (temporary.failed)
        return -ENOMEM;
    int fd = mkostemp(temporary.data, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = write_and_rename(fd, temporary.data, path, bytes, len, mode);
    if (status < 0)
        unlink(temporary.data);
    close(fd);
    return status;
}

/* ---- locking ---- */

/* The holder may have removed the file between our open and our lock: then what we hold is a file that nobody else will
 * ever find. */
static bool is_still_at(int fd, const char *path) {
    struct stat ours;
    struct stat there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

int fs_lock(const char *path) {
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        if (is_still_at(fd, path))
            return fd;
        close(fd);
    }
}

/* ---- paths ---- */

bool fs_are_two(const char *a, const char *b) {
    struct stat one;
    struct stat other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && (one.st_dev != other.st_dev || one.st_ino != other.st_ino);
}

int64_t fs_mtime_ms(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        return -1;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

char *fs_real_path(const char *path) {
    return realpath(path, NULL);
}

/* 0, or why path is not a program that may be executed. */
static int check_program(const struct rights *rights, const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    if (rights)
        return st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) && rights_can(rights, path, RIGHTS_EXECUTE) ? 0 : -EACCES;
    /* The effective user's rights, as execve has it. */
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* folder/name, where folder itself is relative to cwd. An empty folder is cwd, as in PATH. */
static int join_and_check(const struct rights *rights, const char *cwd, const char *folder, size_t folder_len,
                          const char *name, char **out) {
    struct text path TEXT_AUTO = {0};
    if (folder_len == 0 || *folder != '/')
        text_printf(&path, "%s/", cwd);
    text_append(&path, folder, folder_len);
    if (folder_len > 0)
        text_char(&path, '/');
    text_str(&path, name);
    if (path.failed)
        return -ENOMEM;
    int status = check_program(rights, path.data);
    if (status == 0)
        *out = text_take(&path);
    return status;
}

static int find_by_path(const struct rights *rights, const char *name, const char *cwd, char **out) {
    if (*name != '/')
        return join_and_check(rights, cwd, "", 0, name, out);
    int status = check_program(rights, name);
    if (status < 0)
        return status;
    char *path = strdup(name);
    if (!path)
        return -ENOMEM;
    *out = path;
    return 0;
}

/* What glibc's execvp looks through without a PATH. */
static const char PATH_UNSET[] = "/bin:/usr/bin";

int fs_find_program(const char *name, const char *cwd, const char *path_list, char **out) {
    return fs_find_program_for(NULL, name, cwd, path_list, out);
}

int fs_find_program_for(const struct rights *rights, const char *name, const char *cwd, const char *path_list,
                        char **out) {
    if (!*name)
        return -ENOENT;
    if (strchr(name, '/'))
        return find_by_path(rights, name, cwd, out);

    /* As execvp: a folder that is missing or closed does not end the search, but is remembered: "permission denied"
     * is said only when nothing better was found. */
    bool denied = false;
    for (const char *folder = path_list ? path_list : PATH_UNSET; folder;) {
        size_t len = strcspn(folder, ":");
        int status = join_and_check(rights, cwd, folder, len, name, out);
        if (status == 0 || status == -ENOMEM)
            return status;
        denied = denied || status == -EACCES;
        folder = folder[len] ? folder + len + 1 : NULL;
    }
    return denied ? -EACCES : -ENOENT;
}
