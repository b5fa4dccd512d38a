#include "daemon/output_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/say.h"

enum {
    RETRY_MS = 1000,    /* a disk that is full */
    RETRY_SOON_MS = 20, /* a FIFO or terminal that is */
    /* Files of apps that write nothing are made when nothing has been started for a while, a few at a time. */
    MAKE_MS = 200,
    MAKE_AGAIN_MS = 10,
    MAKE_AT_A_TIME = 16,
};

/* FNV-1a */
static uint32_t path_hash(const char *path) {
    uint32_t hash = 2166136261;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619;
    return hash;
}

static struct output_file *output_files_find(struct output_files *files, const char *path) {
    uint32_t hash = path_hash(path);
    for (struct output_file *file = files->list; file; file = file->next)
        if (file->path_hash == hash && strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

static int output_file_open(struct output_file *file, bool may_make) {
    struct logfile log;
    int r = logfile_open(file->path, may_make, &log);
    if (r < 0)
        return r;
    logfile_close(&file->log);
    file->log = log;
    file->writer = 0;
    file->is_unmade = false;
    return 0;
}

/* A folder that was removed as well is made again. */
static int output_file_make(struct output_file *file) {
    int r = output_file_open(file, true);
    if (r != -ENOENT)
        return r;
    r = logfile_make_folder(file->path);
    return r < 0 ? r : output_file_open(file, true);
}

static void output_files_make(struct loop_timer *timer) {
    struct output_files *files = LOOP_CONTAINER(timer, struct output_files, make);
    int made = 0;
    for (struct output_file *file = files->list; file; file = file->next) {
        if (!file->is_unmade || file->error)
            continue;
        if (made++ == MAKE_AT_A_TIME) {
            loop_timer_at(files->loop, timer, mono_add_ms(loop_clock(), MAKE_AGAIN_MS), output_files_make);
            return;
        }
        /* When that fails, it is said by whoever has something to write. */
        (void)output_file_make(file);
        file->is_unmade = false;
    }
}

/* The file as a start wants it. */
static int output_file_prepare(struct output_files *files, struct output_file *file) {
    if (file->error || (file->log.fd >= 0 && logfile_is_at(&file->log, file->path)))
        return 0;
    int r = output_file_open(file, false);
    if (r != -ENOENT)
        return r;
    r = logfile_make_folder(file->path);
    if (r < 0)
        return r;
    logfile_close(&file->log);
    file->is_unmade = true;
    loop_timer_at(files->loop, &files->make, mono_add_ms(loop_now(files->loop), MAKE_MS), output_files_make);
    return 0;
}

static struct output_file *output_file_new(const char *path) {
    struct output_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->log.fd = -1;
    file->path_hash = path_hash(path);
    file->path = strdup(path);
    if (file->path)
        return file;
    free(file);
    return NULL;
}

static void output_file_free(struct output_file *file) {
    output_buffer_fini(&file->left_buffer);
    logfile_close(&file->log);
    free(file->path);
    free(file);
}

int output_file_get(struct output_files *files, const char *path, struct output_file **out) {
    struct output_file *file = output_files_find(files, path);
    bool is_new = !file;
    if (is_new)
        file = output_file_new(path);
    if (!file)
        return -ENOMEM;
    int r = output_file_prepare(files, file);
    if (r < 0) {
        if (is_new)
            output_file_free(file);
        return r;
    }
    if (is_new) {
        file->next = files->list;
        files->list = file;
    }
    file->users++;
    *out = file;
    return 0;
}

/* Writes to a file that need not be there yet. */
static int output_file_append(struct output_file *file, const char *bytes, size_t len, size_t *written_out) {
    *written_out = 0;
    int r = file->log.fd < 0 ? output_file_make(file) : 0;
    return r < 0 ? r : logfile_write(&file->log, bytes, len, written_out);
}

/* Goes on exactly where the last write stopped. True when nothing is left. */
static bool output_file_write_left(struct output_file *file) {
    size_t written = 0;
    int r = output_file_append(file, file->left_buffer.data + file->left_at, file->left_len, &written);
    file->left_at += written;
    file->left_len -= written;
    file->error = -r;
    return r == 0;
}

void output_files_end(struct output_files *files) {
    loop_timer_stop(files->loop, &files->make);
}

void output_file_put(struct output_files *files, struct output_file *file) {
    if (--file->users > 0)
        return;
    if (file->error && !output_file_write_left(file))
        say(SAY_ERROR, NULL, "lost %zu bytes of output that %s did not take: %s", file->left_len, file->path,
            strerror(file->error));
    struct output_file **at = &files->list;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    output_file_free(file);
    if (files->list)
        return;
    loop_timer_stop(files->loop, &files->retry);
    loop_timer_stop(files->loop, &files->make);
}

static void output_file_unblock(struct output_files *files, struct output_file *file) {
    output_buffer_fini(&file->left_buffer);
    if (file->is_said)
        say(SAY_INFO, NULL, "%s can be written again; nothing was lost", file->path);
    file->is_said = false;
    files->unblocked(files, file);
}

void output_file_retry(struct output_files *files, struct output_file *file) {
    if (file->error && output_file_write_left(file))
        output_file_unblock(files, file);
}

static void output_files_arm(struct output_files *files);

static void output_files_retry(struct loop_timer *timer) {
    struct output_files *files = LOOP_CONTAINER(timer, struct output_files, retry);
    for (struct output_file *file = files->list; file; file = file->next)
        output_file_retry(files, file);
    output_files_arm(files);
}

static void output_files_arm(struct output_files *files) {
    int64_t wait_ms = -1;
    for (const struct output_file *file = files->list; file; file = file->next)
        if (file->error && wait_ms != RETRY_SOON_MS)
            wait_ms = file->error == EAGAIN ? RETRY_SOON_MS : RETRY_MS;
    if (wait_ms >= 0)
        loop_timer_at(files->loop, &files->retry, mono_add_ms(loop_now(files->loop), wait_ms), output_files_retry);
}

bool output_file_write(struct output_files *files, struct output_file *file, uint64_t writer, const char *app,
                       struct output_buffer *buffer, size_t at, size_t len) {
    if (file->log.fd >= 0 && file->log.is_unfinished && file->writer != writer) {
        at--;
        len++;
        buffer->data[at] = '\n';
    }
    size_t written = 0;
    int r = output_file_append(file, buffer->data + at, len, &written);
    file->writer = writer;
    if (r == 0)
        return true;
    file->error = -r;
    file->left_at = at + written;
    file->left_len = len - written;
    file->left_buffer = output_buffer_take(buffer);
    if (r != -EAGAIN && !file->is_said) {
        file->is_said = true;
        say(SAY_ERROR, app, "cannot write %s: %s; output waits until that works", file->path, strerror(-r));
    }
    output_files_arm(files);
    return false;
}

void output_files_reopen(struct output_files *files) {
    for (struct output_file *file = files->list; file; file = file->next) {
        /* The end of a torn line belongs to its beginning, if it can still be had there. */
        bool was_blocked = file->error != 0;
        bool is_left = was_blocked && !output_file_write_left(file);
        int r = file->log.fd < 0 ? 0 : output_file_make(file);
        if (r < 0)
            say(SAY_ERROR, NULL, "cannot open %s: %s; writing on to the file that was open", file->path, strerror(-r));
        if (was_blocked && (!is_left || output_file_write_left(file)))
            output_file_unblock(files, file);
    }
}
