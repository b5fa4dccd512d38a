#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/log_file.h"
#include "cli/session.h"
#include "core/display.h"

enum {
    LOGS_LINES = 20,
    LOGS_FLUSH_BYTES = 64 * 1024,
    /* How long an unfinished last line must have been left alone to be shown as it is: the app has ended then, and has
     * not just been caught in writing. */
    LOGS_SETTLE_MS = 200,
    /* What the kernel does not tell us of (a folder that is not there yet) is looked at this often. */
    LOGS_LOOK_MS = 500,
};

/* A file with what following it needs. */
struct logs_source {
    struct log_file file;
    int file_watch; /* -1: none */
    int dir_watch;
    bool has_changed;
    bool may_be_replaced;
};

struct logs {
    struct session *session;
    struct logs_source *sources;
    size_t count;
    struct log_index index;
    struct display display;
    struct text out;
    int inotify;
    int code; /* CODE_FAILED when a file could not be read */
};

/* ---- which files ---- */

static struct logs_source *logs_find(struct logs *logs, const char *path) {
    for (size_t i = 0; i < logs->count; i++)
        if (strcmp(logs->sources[i].file.path, path) == 0)
            return &logs->sources[i];
    return NULL;
}

/* One more app writes to a file that is already there. */
static bool logs_share(struct logs_source *source, const char *name) {
    if (strcmp(source->file.name, name) == 0)
        return true;
    struct text both = {0};
    text_printf(&both, "%s,%s", source->file.name, name);
    char *joined = text_take(&both);
    if (!joined)
        return false;
    free(source->file.name);
    source->file.name = joined;
    return true;
}

/* Takes path over. False when out of memory. */
static bool logs_add(struct logs *logs, char *path, const struct manifest_app *app, enum log_format format) {
    struct logs_source *source = path ? logs_find(logs, path) : NULL;
    bool is_good = path != NULL;
    if (source) {
        is_good = logs_share(source, app->name);
    } else if (path) {
        unsigned number = (unsigned)(app - logs->session->manifest.apps);
        source = &logs->sources[logs->count++];
        *source = (struct logs_source){.file_watch = -1, .dir_watch = -1};
        is_good = log_file_init(&source->file, path, app->name, number, format == LOG_RAW);
    }
    free(path);
    return is_good;
}

static bool logs_add_target(struct logs *logs, const struct manifest_app *app, const struct log_target *target,
                            enum log_format format, const struct env *env) {
    const struct supervisor_config *supervisor = &logs->session->manifest.supervisor;
    if (target->kind != LOG_TO_FILE)
        return true;
    if (target->path)
        return logs_add(logs, manifest_path(supervisor->root, target->path, env), app, format);
    struct text name TEXT_AUTO = {0};
    text_printf(&name, "%s.log", app->name);
    return logs_add(logs, manifest_path(supervisor->log_dir, text_get(&name), NULL), app, format);
}

static void logs_note_target(const struct manifest_app *app, const struct log_target *target) {
    switch (target->kind) {
    case LOG_TO_FILE:
    case LOG_TO_STDOUT:
        return;
    case LOG_TO_NULL:
        code_note("%s: no log is kept (stdout = null)", app->name);
        return;
    case LOG_TO_JOURNAL:
        code_note("%s: it writes to the journal, no log is kept; see: journalctl -t %s", app->name, app->name);
        return;
    case LOG_TO_INHERITED:
        code_note("%s: it writes to where the supervisor does, no log is kept (stdout = inherit)", app->name);
        return;
    }
}

static bool logs_add_app(struct logs *logs, const struct manifest_app *app) {
    const struct session *session = logs->session;
    struct env env = {0};
    struct app_config config = {0};
    struct diags diags = {0};
    /* An app that could not be started now may have a log all the same. */
    bool is_known = session->invocation->local->environment(&session->manifest, app, &env, &diags) &&
                    manifest_resolve(&session->manifest, app, &env, &config, &diags);
    if (!is_known)
        config.stderr_target.kind = LOG_TO_STDOUT;
    bool is_good = true;
    if (!is_known && manifest_setting(app, "stdout").text) {
        logs->code = code_fail(CODE_FAILED, "%s: cannot tell where its log is: %s", app->name,
                               diags.count > 0 ? diags.list[0].text : strerror(ENOMEM));
    } else {
        size_t before = logs->count;
        is_good = logs_add_target(logs, app, &config.stdout_target, config.log_format, &env) &&
                  logs_add_target(logs, app, &config.stderr_target, config.log_format, &env);
        if (logs->count == before)
            logs_note_target(app, &config.stdout_target);
    }
    app_config_fini(&config);
    diags_fini(&diags);
    env_fini(&env);
    return is_good;
}

static bool logs_is_wanted(const struct invocation *invocation, const struct manifest_app *app) {
    for (size_t i = 0; i < invocation->arg_count; i++)
        if (strcmp(invocation->args[i], app->name) == 0)
            return true;
    return invocation->arg_count == 0;
}

/* In the manifest's order, whatever the order of the words. */
static int logs_select(struct logs *logs) {
    const struct manifest *manifest = &logs->session->manifest;
    logs->sources = calloc(2 * manifest->app_count + 1, sizeof *logs->sources);
    bool is_good = logs->sources != NULL;
    size_t selected = 0;
    for (size_t i = 0; i < manifest->app_count && is_good; i++) {
        const struct manifest_app *app = &manifest->apps[i];
        if (!logs_is_wanted(logs->session->invocation, app))
            continue;
        selected++;
        is_good = logs_add_app(logs, app);
    }
    if (!is_good)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    struct console console = console_of(STDOUT_FILENO);
    logs->display = (struct display){.is_terminal = console.is_terminal,
                                     .has_colour = console.colour,
                                     .has_prefix = console.is_terminal || selected > 1};
    for (size_t i = 0; i < logs->count; i++) {
        size_t width = strlen(logs->sources[i].file.name);
        if (width > logs->display.name_width)
            logs->display.name_width = width;
    }
    return CODE_DONE;
}

/* ---- showing ---- */

static bool logs_flush(struct logs *logs) {
    bool is_good = logs->out.len == 0 || console_write(&logs->out);
    text_clear(&logs->out);
    return is_good;
}

/* False when nobody reads any more. */
static bool logs_show_head(struct logs *logs, const struct log_file *file) {
    display_line(&logs->display, file->number, file->name, file->head.data, file->head.len, &logs->out);
    return logs->out.len < LOGS_FLUSH_BYTES || logs_flush(logs);
}

static bool logs_is_earlier(const struct log_time *a, const struct log_time *b) {
    return a->wall_ms != b->wall_ms ? a->wall_ms < b->wall_ms : a->number < b->number;
}

static struct log_file *logs_earliest(struct logs *logs, bool ended) {
    struct log_file *earliest = NULL;
    for (size_t i = 0; i < logs->count; i++) {
        struct log_file *file = &logs->sources[i].file;
        if (log_file_peek(file, ended) && (!earliest || logs_is_earlier(&file->head_time, &earliest->head_time)))
            earliest = file;
    }
    return earliest;
}

static void logs_open(struct logs *logs, struct logs_source *source) {
    int r = log_file_open(&source->file, &logs->index);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR)
        logs->code = code_fail(CODE_FAILED, "%s: cannot read %s: %s", source->file.name, source->file.path,
                               r == -EINVAL ? "it is no regular file" : strerror(-r));
}

/* The last `lines` lines of all files together. */
static bool logs_show_tail(struct logs *logs, size_t lines, bool ended) {
    size_t all = 0;
    for (size_t i = 0; i < logs->count; i++) {
        logs_open(logs, &logs->sources[i]);
        if (logs->sources[i].file.fd >= 0)
            all += log_file_seek_tail(&logs->sources[i].file, lines);
    }
    size_t skip = all > lines ? all - lines : 0;
    for (struct log_file *file; (file = logs_earliest(logs, ended)); log_file_pop(file)) {
        if (skip > 0)
            skip -= !file->head.cut;
        else if (!logs_show_head(logs, file))
            return false;
    }
    return logs_flush(logs);
}

/* ---- following ---- */

static void logs_end(int signal) {
    (void)signal;
    _exit(CODE_DONE);
}

static void logs_watch_file(struct logs *logs, struct logs_source *source) {
    struct text path TEXT_AUTO = {0};
    if (source->file_watch >= 0)
        (void)inotify_rm_watch(logs->inotify, source->file_watch);
    source->file_watch = -1;
    if (source->file.fd < 0)
        return;
    text_printf(&path, "/proc/self/fd/%d", source->file.fd);
    source->file_watch =
        inotify_add_watch(logs->inotify, text_get(&path), IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
}

static void logs_watch_dir(struct logs *logs, struct logs_source *source) {
    struct text dir TEXT_AUTO = {0};
    const char *slash = strrchr(source->file.path, '/');
    text_append(&dir, source->file.path, (size_t)(slash - source->file.path) + 1);
    source->dir_watch =
        inotify_add_watch(logs->inotify, text_get(&dir), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DELETE_SELF);
}

static bool logs_show_new(struct logs *logs, struct log_file *file, bool ended) {
    for (; log_file_peek(file, ended); log_file_pop(file))
        if (!logs_show_head(logs, file))
            return false;
    return true;
}

/* All that is new in one file, then in the one that took its place. */
static bool logs_catch_up(struct logs *logs, struct logs_source *source) {
    log_file_notice_truncation(&source->file);
    if (!logs_show_new(logs, &source->file, false))
        return false;
    if (!source->may_be_replaced || !log_file_is_replaced(&source->file))
        return true;
    if (!logs_show_new(logs, &source->file, true))
        return false;
    logs_open(logs, source);
    logs_watch_file(logs, source);
    return logs_show_new(logs, &source->file, false);
}

static void logs_mark(struct logs *logs, const struct inotify_event *event) {
    for (size_t i = 0; i < logs->count; i++) {
        struct logs_source *source = &logs->sources[i];
        bool is_all = event->mask & IN_Q_OVERFLOW;
        if (is_all || event->wd == source->file_watch)
            source->has_changed = true;
        if (is_all || event->wd == source->dir_watch ||
            (event->wd == source->file_watch && event->mask & (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)))
            source->has_changed = source->may_be_replaced = true;
        if (!(event->mask & IN_IGNORED))
            continue;
        if (event->wd == source->dir_watch)
            source->dir_watch = -1;
        if (event->wd == source->file_watch)
            source->file_watch = -1;
    }
}

static void logs_read_events(struct logs *logs) {
    _Alignas(struct inotify_event) char block[8192];
    ssize_t n = read(logs->inotify, block, sizeof block);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(block + at);
        logs_mark(logs, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
}

/* What is watched neither by its folder nor by itself has to be looked at. Returns whether there is such a source. */
static bool logs_mark_unwatched(struct logs *logs) {
    bool is_any = false;
    for (size_t i = 0; i < logs->count; i++) {
        struct logs_source *source = &logs->sources[i];
        bool was_watched = source->dir_watch >= 0;
        if (!was_watched)
            logs_watch_dir(logs, source);
        /* What stood in a folder before it was watched told nobody. */
        if (was_watched && (source->file.fd < 0 || source->file_watch >= 0))
            continue;
        source->has_changed = source->may_be_replaced = is_any = true;
    }
    return is_any;
}

static bool logs_catch_up_all(struct logs *logs) {
    for (size_t i = 0; i < logs->count; i++) {
        struct logs_source *source = &logs->sources[i];
        if (!source->has_changed)
            continue;
        if (!logs_catch_up(logs, source))
            return false;
        source->has_changed = source->may_be_replaced = false;
    }
    return logs_flush(logs);
}

static bool logs_has_rest(const struct logs *logs) {
    for (size_t i = 0; i < logs->count; i++)
        if (log_file_has_rest(&logs->sources[i].file))
            return true;
    return false;
}

static bool logs_show_rests(struct logs *logs) {
    for (size_t i = 0; i < logs->count; i++)
        if (!logs_show_new(logs, &logs->sources[i].file, true))
            return false;
    return logs_flush(logs);
}

/* Until Ctrl-C, or until nobody reads any more. */
static void logs_follow(struct logs *logs) {
    logs->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; i < logs->count; i++) {
        logs_watch_file(logs, &logs->sources[i]);
        logs_watch_dir(logs, &logs->sources[i]);
        /* What came before it was watched. */
        logs->sources[i].has_changed = logs->sources[i].may_be_replaced = true;
    }
    while (logs_catch_up_all(logs)) {
        bool is_looking = logs_mark_unwatched(logs);
        bool is_settling = logs_has_rest(logs);
        struct pollfd polled[] = {{.fd = logs->inotify, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        int n = poll(polled, 2, is_settling ? LOGS_SETTLE_MS : is_looking ? LOGS_LOOK_MS : -1);
        if (polled[1].revents)
            return;
        if (polled[0].revents)
            logs_read_events(logs);
        if (n == 0 && is_settling && !logs_show_rests(logs))
            return;
    }
}

/* ---- the command ---- */

static void logs_allow_many_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int logs_show(struct logs *logs) {
    const struct options *options = &logs->session->invocation->options;
    bool is_followed = options->given[OPTION_FOLLOW];
    size_t lines = options->given[OPTION_LINES] ? (size_t)options->number[OPTION_LINES] : LOGS_LINES;
    if (is_followed) {
        (void)signal(SIGINT, logs_end);
        (void)signal(SIGTERM, logs_end);
    }
    if (logs_show_tail(logs, lines, !is_followed) && is_followed)
        logs_follow(logs);
    return logs->code;
}

int logs_command(const struct invocation *invocation) {
    struct session session;
    struct logs logs = {.session = &session, .inotify = -1};
    int code = session_load(&session, invocation);
    if (code == CODE_DONE)
        code = session_check_apps(&session);
    if (code == CODE_DONE)
        code = logs_select(&logs);
    if (code == CODE_DONE) {
        logs_allow_many_files();
        log_index_read(session.manifest.supervisor.runtime_dir, &logs.index);
        code = logs_show(&logs);
    }
    for (size_t i = 0; i < logs.count; i++)
        log_file_fini(&logs.sources[i].file);
    free(logs.sources);
    log_index_fini(&logs.index);
    text_fini(&logs.out);
    if (logs.inotify >= 0)
        close(logs.inotify);
    session_close(&session);
    return code;
}
