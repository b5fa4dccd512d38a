#include "cli/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_FILE_STEP = 16 * 1024, LOG_FILE_BACK = 64 * 1024 };

bool log_file_init(struct log_file *file, const char *path, const char *name, unsigned number, bool is_raw) {
    *file = (struct log_file){.path = strdup(path), .name = strdup(name), .number = number, .is_raw = is_raw, .fd = -1};
    return file->path && file->name;
}

static void log_file_close(struct log_file *file) {
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    free(file->buffer);
    file->buffer = NULL;
    file->cap = file->at = file->len = file->head_taken = 0;
    file->offset = 0;
    file->is_torn = false;
}

void log_file_fini(struct log_file *file) {
    log_file_close(file);
    free(file->path);
    free(file->name);
}

int log_file_open(struct log_file *file, const struct log_index *index) {
    log_file_close(file);
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    }
    file->fd = fd;
    file->device = st.st_dev;
    file->inode = st.st_ino;
    log_times_init(&file->times, index, log_index_file(st.st_dev, st.st_ino));
    return 0;
}

bool log_file_is_replaced(const struct log_file *file) {
    struct stat st;
    return stat(file->path, &st) == 0 && (file->fd < 0 || st.st_dev != file->device || st.st_ino != file->inode);
}

size_t log_file_seek_tail(struct log_file *file, size_t lines) {
    struct stat st;
    if (fstat(file->fd, &st) < 0)
        return 0;
    char block[LOG_FILE_BACK];
    off_t at = st.st_size;
    size_t found = 0;
    bool is_end = true; /* a newline that ends the file begins no line */
    file->offset = lines > 0 ? 0 : (uint64_t)st.st_size;
    while (at > 0 && lines > 0) {
        size_t want = at < (off_t)sizeof block ? (size_t)at : sizeof block;
        if (pread(file->fd, block, want, at - (off_t)want) != (ssize_t)want)
            break;
        at -= (off_t)want;
        size_t len = want;
        if (is_end)
            len -= block[len - 1] == '\n';
        is_end = false;
        for (const char *newline; (newline = memrchr(block, '\n', len)); len = (size_t)(newline - block)) {
            if (++found < lines)
                continue;
            file->offset = (uint64_t)at + (uint64_t)(newline - block) + 1;
            return lines;
        }
    }
    return st.st_size > 0 && lines > 0 ? found + 1 : 0;
}

void log_file_notice_truncation(struct log_file *file) {
    struct stat st;
    if (file->fd < 0 || fstat(file->fd, &st) < 0 || (uint64_t)st.st_size >= file->offset)
        return;
    file->at = file->len = file->head_taken = 0;
    file->offset = 0;
    file->is_torn = false;
}

/* More bytes behind those that are there; false when there are none. */
static bool log_file_fill(struct log_file *file) {
    file->len -= file->at;
    if (file->len > 0)
        memmove(file->buffer, file->buffer + file->at, file->len);
    file->at = 0;
    if (file->cap - file->len < LOG_FILE_STEP) {
        char *buffer = realloc(file->buffer, file->len + LOG_FILE_STEP);
        if (!buffer)
            return false;
        file->buffer = buffer;
        file->cap = file->len + LOG_FILE_STEP;
    }
    ssize_t n = pread(file->fd, file->buffer + file->len, file->cap - file->len, (off_t)file->offset);
    if (n <= 0)
        return false;
    file->len += (size_t)n;
    file->offset += (uint64_t)n;
    if (file->is_torn) {
        /* The end of the line that was shown without it. */
        file->at = file->buffer[0] == '\n';
        file->is_torn = false;
    }
    return true;
}

static struct log_time log_file_head_time(struct log_file *file) {
    struct log_time time = {INT64_MIN, 0};
    if (!file->is_raw && lines_entry_time(file->head.data, file->head.len, &time.wall_ms))
        return time;
    uint64_t last = file->offset - (file->len - file->at) + file->head_taken - 1;
    return log_times_at(&file->times, last);
}

static size_t log_file_whole(const struct log_file *file) {
    size_t len = file->len - file->at;
    return len > 0 ? lines_whole(file->buffer + file->at, len, 0) : 0;
}

bool log_file_peek(struct log_file *file, bool ended) {
    if (file->head_taken > 0)
        return true;
    if (file->fd < 0)
        return false;
    size_t whole;
    while (!(whole = log_file_whole(file)) && log_file_fill(file))
        ;
    bool is_rest = whole == 0;
    if (is_rest && !(ended && file->len > file->at))
        return false;
    file->head_taken =
        lines_next(file->buffer + file->at, is_rest ? file->len - file->at : whole, is_rest, &file->head);
    file->head_time = log_file_head_time(file);
    file->is_torn = is_rest;
    return true;
}

void log_file_pop(struct log_file *file) {
    file->at += file->head_taken;
    file->head_taken = 0;
}

bool log_file_has_rest(const struct log_file *file) {
    return file->len > file->at;
}
