#include "daemon/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/display.h"
#include "core/limits.h"
#include "core/lines.h"
#include "daemon/output_buffer.h"
#include "daemon/output_file.h"
#include "daemon/output_index.h"
#include "daemon/say.h"
#include "host/terminal.h"

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

/* One pipe. */
struct stream {
    struct loop_io io;
    struct output *output;
    struct output_file *file;
    int read_fd; /* -1: there is no pipe */
    int write_fd;
    bool is_stderr;
    bool is_resting;  /* in hub->resting */
    bool is_owed_end; /* drained while its file was blocked: to be done when it no longer is */
    bool is_grown;
    int pipe_bytes;
    int first_pipe_bytes; /* before it was grown */
    char *carry;          /* the beginning of a line; NULL: none */
    size_t carry_len;
    struct mono read_at; /* the last time that something was there */
    struct stream *next_resting;
};

struct output {
    struct output_hub *hub;
    char *name;
    unsigned number; /* for its colour */
    struct stream streams[2];
    struct log_target targets[2]; /* as prepared; paths are absolute and owned */
    enum log_format format;
    uint64_t writer; /* see output_file_write(); a new one for each process */
    output_line *line;
    void *line_context;
    char *tail; /* the last bytes written, from any place on; tail_cap + 1 bytes */
    size_t tail_len;
    size_t tail_cap;
    bool is_tail_cut; /* bytes before it were forgotten */
    bool is_tail_old; /* it is of the process before */
    struct output *next;
};

struct output_hub {
    struct loop *loop;
    char *log_dir;
    struct output_files files;
    struct output_index index;
    struct output_buffer in;
    struct output_buffer entries;
    struct stream *resting;
    struct loop_timer rest;
    unsigned grown_pipes;
    uint64_t writers;
    int null_fd; /* -1: not open */
    struct output *outputs;
    unsigned output_count;
    struct terminal *terminal; /* NULL: none */
    struct display display;
    struct text shown;   /* of one batch, for the terminal */
    size_t hidden_lines; /* that the terminal was too slow for */
};

static void stream_init(struct stream *stream, struct output *output, bool is_stderr) {
    *stream =
        (struct stream){.output = output, .is_stderr = is_stderr, .read_fd = -1, .write_fd = -1, .read_at = MONO_UNSET};
}

/* ---- the terminal ---- */

static void hub_terminal_caught_up(void *context) {
    struct output_hub *hub = context;
    if (hub->hidden_lines == 0)
        return;
    text_clear(&hub->shown);
    text_printf(&hub->shown, "… %zu lines not shown (terminal too slow); they are in the log\n", hub->hidden_lines);
    hub->hidden_lines = 0;
    terminal_write(hub->terminal, text_get(&hub->shown), hub->shown.len);
}

static void hub_open_terminal(struct output_hub *hub, int fd) {
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool is_tty = isatty(fd);
    hub->terminal = terminal_new(hub->loop, fd, hub_terminal_caught_up, hub);
    hub->display = (struct display){
        .is_terminal = is_tty,
        .has_colour = is_tty && !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0),
        .has_prefix = true,
    };
}

static void hub_show_line(struct output *output, const struct line *line) {
    struct output_hub *hub = output->hub;
    if (terminal_is_choked(hub->terminal))
        hub->hidden_lines++;
    else
        display_line(&hub->display, output->number, output->name, line->data, line->len, &hub->shown);
}

void output_hub_say(struct output_hub *hub, const char *line) {
    if (!hub->terminal)
        return;
    if (terminal_is_choked(hub->terminal)) {
        hub->hidden_lines++;
        return;
    }
    text_clear(&hub->shown);
    text_str(&hub->shown, line);
    text_char(&hub->shown, '\n');
    terminal_write(hub->terminal, text_get(&hub->shown), hub->shown.len);
}

/* ---- the tail ---- */

static bool tail_reserve(struct output *output, size_t need) {
    if (need <= output->tail_cap)
        return true;
    size_t cap = output->tail_cap ? output->tail_cap * 2 : 128;
    while (cap < need)
        cap *= 2;
    char *tail = realloc(output->tail, cap + 1);
    if (!tail)
        return false;
    output->tail = tail;
    output->tail_cap = cap;
    return true;
}

/* At most LIMIT_TAIL bytes are copied, however many there are. */
static void tail_add(struct output *output, const char *bytes, size_t len) {
    if (output->is_tail_old) {
        output->tail_len = 0;
        output->is_tail_cut = output->is_tail_old = false;
    }
    if (len > LIMIT_TAIL) {
        bytes += len - LIMIT_TAIL;
        len = LIMIT_TAIL;
        output->is_tail_cut = true;
    }
    size_t keep = output->tail_len;
    if (keep + len > LIMIT_TAIL) {
        keep = LIMIT_TAIL - len;
        output->is_tail_cut = true;
    }
    if (!tail_reserve(output, keep + len))
        return;
    memmove(output->tail, output->tail + output->tail_len - keep, keep);
    memcpy(output->tail + keep, bytes, len);
    output->tail_len = keep + len;
}

const char *output_tail(const struct output *output) {
    if (output->tail_len == 0)
        return "";
    /* A text for people: what a string cannot hold is shown as a blank. */
    for (char *nul = output->tail; (nul = memchr(nul, '\0', output->tail_len - (size_t)(nul - output->tail)));)
        *nul = ' ';
    output->tail[output->tail_len] = '\0';
    const char *first_end = output->is_tail_cut ? strchr(output->tail, '\n') : NULL;
    return first_end && first_end[1] ? first_end + 1 : output->tail;
}

void output_mark(struct output *output) {
    output->is_tail_old = true;
    output->writer = ++output->hub->writers;
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
    if (!output->line && !hub->terminal)
        return;
    text_clear(&hub->shown);
    while (len > 0) {
        struct line line;
        size_t taken = lines_next(bytes, len, ended, &line);
        if (hub->terminal)
            hub_show_line(output, &line);
        if (output->line)
            output->line(output->line_context, stream->is_stderr, line.data, line.len);
        bytes += taken;
        len -= taken;
    }
    if (hub->shown.len > 0)
        terminal_write(hub->terminal, hub->shown.data, hub->shown.len);
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
    tail_add(output, bytes, len);
    if (ended)
        tail_add(output, "\n", 1);
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

static void stream_watch(struct stream *stream) {
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
            /* hub_unblocked() goes on with it */
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
    if (len > 0 && stream_reserve(stream))
        stream_put(stream, stream_take_carry(stream), len, true);
}

static void stream_drain(struct stream *stream) {
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

void output_drain(struct output *output) {
    for (int i = 0; i < 2; i++)
        stream_drain(&output->streams[i]);
}

static void hub_unblocked(struct output_files *files, const struct output_file *file) {
    struct output_hub *hub = LOOP_CONTAINER(files, struct output_hub, files);
    for (struct output *output = hub->outputs; output; output = output->next) {
        for (int i = 0; i < 2; i++) {
            struct stream *stream = &output->streams[i];
            if (stream->file != file)
                continue;
            if (stream->is_owed_end && !stream_is_blocked(stream))
                stream_drain(stream);
            if (!stream_is_blocked(stream) && !stream->io.active && !stream->is_resting)
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

static void stream_close(struct stream *stream) {
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

/* Makes a pipe to the file of path, not watched yet. stream is written on success only. */
static int stream_open(struct stream *stream, struct output *output, bool is_stderr, const char *path,
                       struct text *error) {
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

/* ---- preparing ---- */

/* ---- preparing ---- */

/* What the config says, with the path that is meant. 0 or -ENOMEM. */
static int target_resolve(const struct output *output, const struct log_target *as_written, const char *root,
                          const struct env *env, struct log_target *out) {
    *out = (struct log_target){.kind = as_written->kind};
    if (out->kind != LOG_TO_FILE)
        return 0;
    if (as_written->path)
        out->path = manifest_path(root, as_written->path, env);
    else if (asprintf(&out->path, "%s/%s.log", output->hub->log_dir, output->name) < 0)
        out->path = NULL;
    return out->path ? 0 : -ENOMEM;
}

static bool target_is_same(const struct log_target *a, const struct log_target *b) {
    return a->kind == b->kind && (a->kind != LOG_TO_FILE || strcmp(a->path, b->path) == 0);
}

static int hub_open_null(struct output_hub *hub, struct text *error) {
    if (hub->null_fd >= 0)
        return 0;
    hub->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (hub->null_fd >= 0)
        return 0;
    int r = -errno;
    text_printf(error, "cannot open /dev/null: %s", strerror(-r));
    return r;
}

/* A stream that goes where it went: its file may have been removed meanwhile. */
static int stream_refresh(struct stream *stream, struct text *error) {
    struct output_files *files = &stream->output->hub->files;
    struct output_file *file;
    int r = output_file_get(files, stream->file->path, &file);
    if (r < 0) {
        text_printf(error, "cannot open %s: %s", stream->file->path, strerror(-r));
        return r;
    }
    output_file_put(files, file);
    return 0;
}

/* Brings one stream to its target, by way of a new stream when there is to be another pipe. */
static int stream_prepare(struct stream *stream, const struct log_target *now, const struct log_target *wanted,
                          struct stream *fresh, struct text *error) {
    struct output *output = stream->output;
    stream_init(fresh, output, stream->is_stderr);
    switch (wanted->kind) {
    case LOG_TO_FILE:
        return stream->read_fd >= 0 && target_is_same(now, wanted)
                   ? stream_refresh(stream, error)
                   : stream_open(fresh, output, stream->is_stderr, wanted->path, error);
    case LOG_TO_NULL:
        return hub_open_null(output->hub, error);
    case LOG_TO_INHERITED:
    case LOG_TO_STDOUT:
        return 0;
    }
    return -EINVAL;
}

/* Nothing of the old is given up before all of the new is there. */
static void stream_adopt(struct stream *stream, struct log_target *now, struct log_target *wanted,
                         const struct stream *fresh) {
    if (!target_is_same(now, wanted) || fresh->read_fd >= 0) {
        stream_close(stream);
        *stream = *fresh;
        if (stream->read_fd >= 0 && !stream_is_blocked(stream))
            stream_watch(stream);
    }
    free(now->path);
    *now = *wanted;
    *wanted = (struct log_target){0};
}

int output_prepare(struct output *output, const struct app_config *config, const char *root, const struct env *env,
                   struct text *error) {
    const struct log_target *as_written[] = {&config->stdout_target, &config->stderr_target};
    struct log_target wanted[2] = {0};
    struct stream fresh[2];
    for (int i = 0; i < 2; i++)
        stream_init(&fresh[i], output, i == 1);
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++) {
        r = target_resolve(output, as_written[i], root, env, &wanted[i]);
        if (r == 0)
            r = stream_prepare(&output->streams[i], &output->targets[i], &wanted[i], &fresh[i], error);
        else
            text_str(error, strerror(-r));
    }
    for (int i = 0; i < 2; i++) {
        if (r == 0)
            stream_adopt(&output->streams[i], &output->targets[i], &wanted[i], &fresh[i]);
        else
            stream_close(&fresh[i]);
        free(wanted[i].path);
    }
    if (r == 0)
        output->format = config->log_format;
    return r;
}

static int output_fd(const struct output *output, int i) {
    switch (output->targets[i].kind) {
    case LOG_TO_FILE:
        return output->streams[i].write_fd;
    case LOG_TO_INHERITED:
        return i == 0 ? STDOUT_FILENO : STDERR_FILENO;
    case LOG_TO_NULL:
        return output->hub->null_fd;
    case LOG_TO_STDOUT:
        return output_fd(output, 0);
    }
    return -1;
}

void output_fds(const struct output *output, int *stdout_out, int *stderr_out) {
    *stdout_out = output_fd(output, 0);
    *stderr_out = output_fd(output, 1);
}

const char *output_path(const struct output *output, bool is_stderr) {
    const struct log_target *target = &output->targets[is_stderr];
    if (target->kind == LOG_TO_STDOUT)
        target = &output->targets[0];
    return target->kind == LOG_TO_FILE ? target->path : NULL;
}

void output_watch(struct output *output, output_line *line, void *context) {
    output->line = line;
    output->line_context = context;
}

/* ---- making and unmaking ---- */

struct output *output_new(struct output_hub *hub, const char *name) {
    struct output *output = calloc(1, sizeof *output);
    if (!output)
        return NULL;
    output->name = strdup(name);
    if (!output->name) {
        free(output);
        return NULL;
    }
    output->hub = hub;
    output->number = hub->output_count++;
    for (int i = 0; i < 2; i++) {
        stream_init(&output->streams[i], output, i == 1);
        output->targets[i].kind = LOG_TO_INHERITED;
    }
    output->next = hub->outputs;
    hub->outputs = output;
    if (strlen(name) > hub->display.name_width)
        hub->display.name_width = strlen(name);
    output_mark(output);
    return output;
}

/* Once it is out of the hub's list. */
static void output_dispose(struct output *output) {
    for (int i = 0; i < 2; i++) {
        stream_close(&output->streams[i]);
        free(output->targets[i].path);
    }
    free(output->tail);
    free(output->name);
    free(output);
}

void output_free(struct output *output) {
    if (!output)
        return;
    struct output **at = &output->hub->outputs;
    while (*at != output)
        at = &(*at)->next;
    *at = output->next;
    output_dispose(output);
}

void output_hub_reopen(struct output_hub *hub) {
    output_index_close(&hub->index);
    output_files_reopen(&hub->files);
}

struct output_hub *output_hub_new(struct loop *loop, const char *runtime_dir, const char *log_dir, int terminal_fd) {
    struct output_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->loop = loop;
    hub->files = (struct output_files){.loop = loop, .unblocked = hub_unblocked};
    hub->null_fd = -1;
    hub->log_dir = strdup(log_dir);
    if (!hub->log_dir || output_index_init(&hub->index, runtime_dir) < 0) {
        free(hub->log_dir);
        free(hub);
        return NULL;
    }
    if (terminal_fd >= 0)
        hub_open_terminal(hub, terminal_fd);
    /* A file that reaches RLIMIT_FSIZE is a disk that takes no more, not our end. */
    signal(SIGXFSZ, SIG_IGN);
    return hub;
}

void output_hub_free(struct output_hub *hub) {
    if (!hub)
        return;
    for (struct output *output; (output = hub->outputs);) {
        hub->outputs = output->next;
        output_dispose(output);
    }
    loop_timer_stop(hub->loop, &hub->rest);
    terminal_free(hub->terminal);
    text_fini(&hub->shown);
    output_index_fini(&hub->index);
    output_buffer_fini(&hub->in);
    output_buffer_fini(&hub->entries);
    if (hub->null_fd >= 0)
        close(hub->null_fd);
    free(hub->log_dir);
    free(hub);
}
