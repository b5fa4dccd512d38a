#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/lines.h"
#include "daemon/output_inside.h"
#include "daemon/say.h"

enum {
    /* A stream that is read again this soon is in full flow. It is not watched then but read once in REST_MS, so that
     * its lines gather: one wake-up, one read and one write for hundreds of them. */
    REST_MS = 1,
    FLOW_MS = 3,
    /* Entries of text and json are longer than their lines: reads are shorter. */
    ENTRY_READ = 64 * 1024,
    /* Before what is read there is room for what was left of the last read and for a newline. */
    READ_AT = LIMIT_LOG_LINE + 64,
};

void stream_init(struct stream *stream, struct output *output, bool is_stderr) {
    *stream =
        (struct stream){.output = output, .is_stderr = is_stderr, .read_fd = -1, .write_fd = -1, .read_at = MONO_UNSET};
}

/* ---- what was read ---- */

static int64_t wall_ms_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stream_tell_lines(struct stream *stream, const char *bytes, size_t len, bool ended) {
    struct output *output = stream->output;
    struct output_hub *hub = output->hub;
    if (!output->line && !output_view_is_open(&hub->view))
        return;
    while (len > 0) {
        struct line line;
        size_t taken = lines_next(bytes, len, ended, &line);
        output_view_line(&hub->view, output->number, output->name, &line);
        if (output->line)
            output->line(output->line_context, stream->is_stderr, line.data, line.len);
        bytes += taken;
        len -= taken;
    }
    output_view_flush(&hub->view);
}

static void stream_write_raw(struct stream *stream, const char *bytes, size_t len) {
    struct output *output = stream->output;
    struct output_hub *hub = output->hub;
    if (!output_file_write(&hub->files, stream->file, output->writer, output->name, &hub->in,
                           (size_t)(bytes - hub->in.data), len))
        return;
    const struct logfile *log = &stream->file->log;
    uint64_t end = logfile_end(log);
    if (end >= len)
        output_index_add(&hub->index, &(struct log_mark){.wall_ms = wall_ms_now(),
                                                         .file = log_index_file(log->device, log->inode),
                                                         .begin = end - len,
                                                         .end = end});
}

static struct lines_source stream_source(const struct stream *stream) {
    struct lines_source source = {.is_stderr = stream->is_stderr, .app = stream->output->name};
    lines_stamp(wall_ms_now(), source.stamp);
    return source;
}

static void stream_write_entries(struct stream *stream, const char *bytes, size_t len, bool ended) {
    struct output *output = stream->output;
    struct output_hub *hub = output->hub;
    struct lines_source source = stream_source(stream);
    size_t (*entry)(const struct lines_source *, const struct line *, char *) =
        output->format == LOG_JSON ? lines_json : lines_text;
    char *start = hub->entries.data + 1;
    char *at = start;
    while (len > 0) {
        struct line line;
        size_t taken = lines_next(bytes, len, ended, &line);
        at += entry(&source, &line, at);
        bytes += taken;
        len -= taken;
    }
    (void)output_file_write(&hub->files, stream->file, output->writer, output->name, &hub->entries, 1,
                            (size_t)(at - start));
}

/* Hands on len (not 0) bytes of hub->in: whole lines, or the unfinished last one. */
static void stream_put(struct stream *stream, char *bytes, size_t len, bool ended) {
    struct output *output = stream->output;
    output_tail_add(&output->tail, bytes, len);
    if (ended)
        output_tail_add(&output->tail, "\n", 1);
    stream_tell_lines(stream, bytes, len, ended);
    if (output->format == LOG_RAW)
        stream_write_raw(stream, bytes, len);
    else
        stream_write_entries(stream, bytes, len, ended);
}

/* ---- reading ---- */

/* Everything that a read may need is there before it is read, so that nothing is lost for want of memory. */
static bool stream_reserve(const struct stream *stream) {
    struct output_hub *hub = stream->output->hub;
    if (!output_buffer_reserve(&hub->in, READ_AT + LIMIT_PIPE))
        return false;
    if (stream->output->format == LOG_RAW)
        return true;
    struct lines_source source = stream_source(stream);
    return output_buffer_reserve(&hub->entries, lines_entries_max(&source, LIMIT_LOG_LINE + ENTRY_READ) + 1);
}

static bool stream_is_blocked(const struct stream *stream) {
    return stream->file && stream->file->error != 0;
}

/* Puts what was left of the last read before where the next goes. */
static char *stream_take_carry(struct stream *stream) {
    char *start = stream->output->hub->in.data + READ_AT - stream->carry_len;
    if (stream->carry_len > 0)
        memcpy(start, stream->carry, stream->carry_len);
    free(stream->carry);
    stream->carry = NULL;
    stream->carry_len = 0;
    return start;
}

/* False when there is no memory: then the line is handed on in pieces. */
static bool stream_keep_carry(struct stream *stream, const char *bytes, size_t len) {
    if (len == 0)
        return true;
    stream->carry = malloc(len);
    if (!stream->carry)
        return false;
    memcpy(stream->carry, bytes, len);
    stream->carry_len = len;
    return true;
}

/* The app fills its pipe faster than we come by: a larger one lets it run on meanwhile. */
static void stream_grow_pipe(struct stream *stream) {
    struct output_hub *hub = stream->output->hub;
    if (stream->is_grown || hub->grown_pipes >= LIMIT_GROWN_PIPES)
        return;
    int bytes = fcntl(stream->read_fd, F_SETPIPE_SZ, LIMIT_PIPE);
    if (bytes < 0)
        return;
    stream->pipe_bytes = bytes;
    stream->is_grown = true;
    hub->grown_pipes++;
}

/* Not when there is something in it again (EBUSY): then it is still in use. */
static void stream_shrink_pipe(struct stream *stream) {
    if (!stream->is_grown || fcntl(stream->read_fd, F_SETPIPE_SZ, stream->first_pipe_bytes) < 0)
        return;
    stream->pipe_bytes = stream->first_pipe_bytes;
    stream->is_grown = false;
    stream->output->hub->grown_pipes--;
}

/* One read of at most max bytes, and all that follows from it. How many bytes came; 0: none are there. */
static size_t stream_read(struct stream *stream, size_t max) {
    struct output_hub *hub = stream->output->hub;
    if (!stream_reserve(stream))
        return 0;
    size_t cap = stream->output->format == LOG_RAW ? LIMIT_PIPE : ENTRY_READ;
    ssize_t n = read(stream->read_fd, hub->in.data + READ_AT, max < cap ? max : cap);
    if (n <= 0)
        return 0;
    size_t searched = stream->carry_len;
    char *bytes = stream_take_carry(stream);
    size_t len = searched + (size_t)n;
    size_t whole = lines_whole(bytes, len, searched);
    if (!stream_keep_carry(stream, bytes + whole, len - whole))
        whole = len;
    if (whole > 0)
        stream_put(stream, bytes, whole, false);
    if (n >= stream->pipe_bytes / 2)
        stream_grow_pipe(stream);
    return (size_t)n;
}

static void stream_ready(struct loop_io *io, int events);

void stream_watch(struct stream *stream) {
    if (stream->read_fd >= 0 && !stream_is_blocked(stream))
        loop_io_start(stream->output->hub->loop, &stream->io, stream->read_fd, LOOP_READ, stream_ready);
}

static void hub_rest_over(struct loop_timer *timer);

static void stream_rest(struct stream *stream) {
    struct output_hub *hub = stream->output->hub;
    loop_io_stop(hub->loop, &stream->io);
    stream->is_resting = true;
    stream->next_resting = hub->resting;
    hub->resting = stream;
    if (!hub->rest.active)
        loop_timer_at(hub->loop, &hub->rest, mono_add_ms(loop_clock(), REST_MS), hub_rest_over);
}

static void stream_ready(struct loop_io *io, int events) {
    (void)events;
    struct stream *stream = LOOP_CONTAINER(io, struct stream, io);
    if (stream_is_blocked(stream)) { /* by another stream to the same file */
        loop_io_stop(stream->output->hub->loop, io);
        return;
    }
    struct mono now = loop_now(stream->output->hub->loop);
    bool is_flowing = mono_before(now, mono_add_ms(stream->read_at, FLOW_MS));
    stream->read_at = now;
    bool has_read = stream_read(stream, SIZE_MAX) > 0;
    if (stream_is_blocked(stream))
        loop_io_stop(stream->output->hub->loop, io);
    else if (is_flowing || !has_read) /* without memory, a rest is the best that can be done */
        stream_rest(stream);
}

static void hub_rest_over(struct loop_timer *timer) {
    struct output_hub *hub = LOOP_CONTAINER(timer, struct output_hub, rest);
    struct mono now = loop_now(hub->loop);
    struct stream *stream = hub->resting;
    bool is_any_left = false;
    hub->resting = NULL;
    while (stream) {
        struct stream *next = stream->next_resting;
        stream->is_resting = false;
        if (stream_is_blocked(stream)) {
            /* stream_unblocked() goes on with it */
        } else if (stream_read(stream, SIZE_MAX) > 0) {
            stream->read_at = now;
            if (!stream_is_blocked(stream)) {
                stream_rest(stream);
                is_any_left = true;
            }
        } else {
            stream_shrink_pipe(stream);
            stream_watch(stream);
        }
        stream = next;
    }
    if (!is_any_left) {
        output_buffer_rest(&hub->in);
        output_buffer_rest(&hub->entries);
    }
}

static void stream_end_line(struct stream *stream) {
    size_t len = stream->carry_len;
    if (len == 0 || !stream_reserve(stream))
        return;
    stream_put(stream, stream_take_carry(stream), len, true);
    /* Whoever writes next, it is not who wrote this. */
    stream->output->writer = ++stream->output->hub->writers;
}

void stream_drain(struct stream *stream) {
    if (stream->read_fd < 0)
        return;
    /* As much as there is now: who still writes must not keep us here. */
    int left = 0;
    if (!stream_is_blocked(stream) && ioctl(stream->read_fd, FIONREAD, &left) < 0)
        left = 0;
    while (left > 0 && !stream_is_blocked(stream)) {
        size_t n = stream_read(stream, (size_t)left);
        if (n == 0)
            break;
        left -= (int)n;
    }
    stream->is_owed_end = stream_is_blocked(stream);
    if (!stream->is_owed_end)
        stream_end_line(stream);
}

void stream_unblocked(struct output_files *files, const struct output_file *file) {
    struct output_hub *hub = LOOP_CONTAINER(files, struct output_hub, files);
    for (struct output *output = hub->outputs; output; output = output->next) {
        for (int i = 0; i < 2; i++) {
            struct stream *stream = &output->streams[i];
            if (stream->file != file)
                continue;
            if (stream->is_owed_end && !stream_is_blocked(stream))
                stream_drain(stream);
            if (!stream->is_resting)
                stream_watch(stream);
        }
    }
}

/* ---- pipes ---- */

static void hub_forget_resting(struct output_hub *hub, struct stream *stream) {
    struct stream **at = &hub->resting;
    while (*at && *at != stream)
        at = &(*at)->next_resting;
    if (*at)
        *at = stream->next_resting;
    stream->is_resting = false;
}

/* What is in a pipe whose file takes no more goes with it. */
static void stream_say_lost(const struct stream *stream) {
    int in_pipe = 0;
    (void)ioctl(stream->read_fd, FIONREAD, &in_pipe);
    size_t lost = stream->carry_len + (size_t)in_pipe;
    if (lost > 0)
        say(SAY_ERROR, stream->output->name, "lost %zu bytes of output: %s cannot be written", lost,
            stream->file->path);
}

void stream_close(struct stream *stream) {
    if (stream->read_fd < 0)
        return;
    struct output_hub *hub = stream->output->hub;
    if (stream_is_blocked(stream))
        output_file_retry(&hub->files, stream->file);
    stream_drain(stream);
    if (stream_is_blocked(stream))
        stream_say_lost(stream);
    loop_io_stop(hub->loop, &stream->io);
    if (stream->is_resting)
        hub_forget_resting(hub, stream);
    if (stream->is_grown)
        hub->grown_pipes--;
    close(stream->read_fd);
    close(stream->write_fd);
    output_file_put(&hub->files, stream->file);
    free(stream->carry);
    stream_init(stream, stream->output, stream->is_stderr);
}

int stream_open(struct stream *stream, struct output *output, bool is_stderr, const char *path, struct text *error) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        int r = -errno;
        text_printf(error, "cannot make a pipe: %s", strerror(-r));
        return r;
    }
    struct output_file *file;
    int r = output_file_get(&output->hub->files, path, &file);
    if (r < 0) {
        text_printf(error, "cannot open %s: %s", path, strerror(-r));
        close(fds[0]);
        close(fds[1]);
        return r;
    }
    /* Of our end alone: what the app writes to must block, as every program expects of its standard output. */
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    stream_init(stream, output, is_stderr);
    stream->file = file;
    stream->read_fd = fds[0];
    stream->write_fd = fds[1];
    stream->pipe_bytes = stream->first_pipe_bytes = fcntl(fds[0], F_GETPIPE_SZ);
    return 0;
}
