#include "daemon/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/output_inside.h"
#include "daemon/say.h"
#include "host/journal.h"

void output_hub_say(struct output_hub *hub, const char *line) {
    output_view_say(&hub->view, line);
}

const char *output_tail(const struct output *output) {
    return output_tail_get(&output->tail);
}

void output_mark(struct output *output) {
    output_tail_mark(&output->tail);
    output->writer = ++output->hub->writers;
}

void output_drain(struct output *output) {
    for (int i = 0; i < 2; i++)
        stream_drain(&output->streams[i]);
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
    case LOG_TO_JOURNAL:
    case LOG_TO_STDOUT:
        return 0;
    }
    return -EINVAL;
}

/* Streams to the journal, made anew for each start: journald may have been away meanwhile, and what a stream has lost
 * does not come back. fds: -1 each. */
static int output_open_journal(const struct output *output, const struct log_target *wanted, int *fds,
                               struct text *error) {
    static const struct {
        const char *key;
        int priority;
    } streams[] = {{"stdout", LOG_INFO}, {"stderr", LOG_WARNING}};
    for (int i = 0; i < 2; i++) {
        if (wanted[i].kind != LOG_TO_JOURNAL)
            continue;
        fds[i] = journal_stream_open(output->name, streams[i].priority);
        if (fds[i] >= 0)
            continue;
        int r = fds[i];
        text_printf(error, "%s = journal: cannot connect to systemd-journald: %s", streams[i].key, strerror(-r));
        return r;
    }
    return 0;
}

/* Takes over fds, for good or to be closed. */
static void output_adopt_journal(struct output *output, int *fds, bool is_good) {
    for (int i = 0; i < 2; i++) {
        int over = is_good ? output->journal_fds[i] : fds[i];
        if (over >= 0)
            close(over);
        if (is_good)
            output->journal_fds[i] = fds[i];
    }
}

/* Nothing of the old is given up before all of the new is there. */
static void stream_adopt(struct stream *stream, struct log_target *now, struct log_target *wanted,
                         const struct stream *fresh) {
    if (!target_is_same(now, wanted) || fresh->read_fd >= 0) {
        stream_close(stream);
        *stream = *fresh;
        stream_watch(stream);
    }
    free(now->path);
    *now = *wanted;
    *wanted = (struct log_target){0};
}

/* The folders of logs are made when they are missing, but not root: who has removed that does not want it back with
 * nothing but a log in it. */
static int output_check_root(const char *root, struct text *error) {
    if (access(root, F_OK) == 0)
        return 0;
    int r = -errno;
    text_printf(error, "cannot enter %s: %s", root, strerror(-r));
    return r;
}

int output_prepare(struct output *output, const struct app_config *config, const char *root, const struct env *env,
                   struct text *error) {
    const struct log_target *as_written[] = {&config->stdout_target, &config->stderr_target};
    struct log_target wanted[2] = {0};
    struct stream fresh[2];
    for (int i = 0; i < 2; i++)
        stream_init(&fresh[i], output, i == 1);
    int r = output_check_root(root, error);
    for (int i = 0; i < 2 && r == 0; i++) {
        r = target_resolve(output, as_written[i], root, env, &wanted[i]);
        if (r == 0)
            r = stream_prepare(&output->streams[i], &output->targets[i], &wanted[i], &fresh[i], error);
        else
            text_str(error, strerror(-r));
    }
    int journal_fds[2] = {-1, -1};
    if (r == 0)
        r = output_open_journal(output, wanted, journal_fds, error);
    output_adopt_journal(output, journal_fds, r == 0);
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
    case LOG_TO_JOURNAL:
        return output->journal_fds[i];
    case LOG_TO_STDOUT:
        return output_fd(output, 0);
    }
    return -1;
}

void output_fds(const struct output *output, int *stdout_out, int *stderr_out) {
    *stdout_out = output_fd(output, 0);
    *stderr_out = output_fd(output, 1);
}

void output_give(struct output *output, uid_t uid) {
    for (int i = 0; i < 2; i++) {
        struct stream *stream = &output->streams[i];
        struct stat st;
        if (stream->write_fd >= 0 && fstat(stream->write_fd, &st) == 0 && st.st_uid != uid &&
            fchown(stream->write_fd, uid, (gid_t)-1) < 0)
            say(SAY_WARNING, output->name, "cannot give the app its output: %s", strerror(errno));
    }
}

static bool output_is_journal(const struct output *output, int i) {
    switch (output->targets[i].kind) {
    case LOG_TO_JOURNAL:
        return true;
    case LOG_TO_INHERITED:
        return journal_is_stream(output_fd(output, i));
    case LOG_TO_STDOUT:
        return output_is_journal(output, 0);
    case LOG_TO_FILE:
    case LOG_TO_NULL:
        return false;
    }
    return false;
}

/* Of two streams the one for errors, as systemd does it. */
bool output_export(const struct output *output, struct env *env) {
    static const char variable[] = "JOURNAL_STREAM";
    for (int i = 1; i >= 0; i--) {
        struct text name TEXT_AUTO = {0};
        if (!output_is_journal(output, i))
            continue;
        journal_stream_name(output_fd(output, i), &name);
        return env_set(env, variable, sizeof variable - 1, text_get(&name), ENV_ORIGIN_UPKEEP, 0);
    }
    return true;
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
        output->journal_fds[i] = -1;
    }
    output->next = hub->outputs;
    hub->outputs = output;
    output_view_expect(&hub->view, name);
    output_mark(output);
    return output;
}

/* Once it is out of the hub's list. */
static void output_dispose(struct output *output) {
    for (int i = 0; i < 2; i++) {
        stream_close(&output->streams[i]);
        free(output->targets[i].path);
        if (output->journal_fds[i] >= 0)
            close(output->journal_fds[i]);
    }
    output_tail_fini(&output->tail);
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

void output_hub_end(struct output_hub *hub) {
    output_files_end(&hub->files);
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
    hub->files = (struct output_files){.loop = loop, .unblocked = stream_unblocked};
    hub->null_fd = -1;
    hub->log_dir = strdup(log_dir);
    if (!hub->log_dir || output_index_init(&hub->index, runtime_dir) < 0) {
        free(hub->log_dir);
        free(hub);
        return NULL;
    }
    if (terminal_fd >= 0)
        output_view_open(&hub->view, loop, terminal_fd);
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
    output_view_close(&hub->view);
    output_index_fini(&hub->index);
    output_buffer_fini(&hub->in);
    output_buffer_fini(&hub->entries);
    if (hub->null_fd >= 0)
        close(hub->null_fd);
    free(hub->log_dir);
    free(hub);
}
