#include "core/manifest_resolve.h"

#include <string.h>

#include "core/listen.h"
#include "core/manifest_keys.h"
#include "core/manifest_value.h"

/* A subject under judgement. Rows of the key table are told by the offset of their field. */
struct judgement {
    const struct manifest_subject *subject;
    struct app_config *config;
    uint64_t open; /* bit n: row n is not known: it holds ${…}, or is bad */
    bool is_good;
};

#define ROW(field) row_of(offsetof(struct app_config, field))

static size_t row_of(size_t offset) {
    size_t row = 0;
    while (manifest_app_keys[row].offset != offset)
        row++;
    return row;
}

static bool is_written(const struct judgement *j, size_t row) {
    return j->subject->settings[row].text != NULL;
}

static bool is_open(const struct judgement *j, size_t row) {
    return j->open >> row & 1;
}

static void refuse(struct judgement *j, size_t row, const char *why) {
    diags_add(j->subject->diags, DIAG_ERROR, j->subject->file, j->subject->settings[row].line, "%s: %s",
              manifest_app_keys[row].name, why);
    j->is_good = false;
}

static void read_row(struct judgement *j, size_t row, enum command_reader command_reader) {
    const struct manifest_key *key = &manifest_app_keys[row];
    const struct setting *setting = &j->subject->settings[row];
    const char *text = setting->text ? setting->text : key->fallback;
    if (!text)
        return;
    struct manifest_value value = {.key = key,
                                   .text = text,
                                   .line = setting->line,
                                   .file = j->subject->file,
                                   .env = j->subject->env,
                                   .command_reader = command_reader,
                                   .diags = j->subject->diags};
    enum value_verdict verdict = manifest_value_read(&value, j->config);
    if (verdict != VALUE_GOOD)
        j->open |= UINT64_C(1) << row;
    if (verdict == VALUE_BAD)
        j->is_good = false;
}

/* `shell` says how the commands are to be judged. */
static void read_rows(struct judgement *j) {
    size_t shell = ROW(shell);
    read_row(j, shell, COMMAND_READER_UNKNOWN);
    enum command_reader command_reader = is_open(j, shell)  ? COMMAND_READER_UNKNOWN
                                         : j->config->shell ? COMMAND_READER_SHELL
                                                            : COMMAND_READER_EXECVE;
    for (size_t row = 0; row < manifest_app_key_count; row++)
        if (row != shell)
            read_row(j, row, command_reader);
}

static void judge_command(struct judgement *j) {
    if (is_written(j, ROW(command)))
        return;
    diags_add(j->subject->diags, DIAG_ERROR, j->subject->file, j->subject->line, "app %s has no command",
              j->subject->name);
    j->is_good = false;
}

static void judge_oneshot_ready(struct judgement *j) {
    switch (j->config->ready.kind) {
    case CONDITION_DEFAULT:
        j->config->ready.kind = CONDITION_EXIT;
        return;
    case CONDITION_EXIT:
        return;
    case CONDITION_SPAWNED:
    case CONDITION_NOTIFY:
    case CONDITION_PORT:
    case CONDITION_TCP:
    case CONDITION_UNIX:
    case CONDITION_HTTP:
    case CONDITION_EXEC:
    case CONDITION_LOG:
    case CONDITION_FD:
        refuse(j, ROW(ready), "a oneshot is ready when it has ended well: leave this out, or write exit");
        return;
    }
}

/* Only what upkeep writes to a file passes through it. */
static void judge_log_ready(struct judgement *j) {
    size_t out = ROW(stdout_target);
    size_t err = ROW(stderr_target);
    enum log_target_kind out_kind = j->config->stdout_target.kind;
    enum log_target_kind err_kind = j->config->stderr_target.kind;
    bool is_read = out_kind == LOG_TO_FILE || err_kind == LOG_TO_FILE;
    if (!is_read && !is_open(j, out) && !is_open(j, err))
        refuse(j, ROW(ready), "log: reads what goes to a file, and neither stdout nor stderr does");
}

/* Whether one of the sockets that are opened for the app is on this port, or has this path as it is written. */
static bool is_opened(const struct judgement *j, int64_t port, const char *path) {
    const struct list *listen = &j->config->listen;
    for (size_t i = 0; i < listen->count; i++) {
        struct listen_address address;
        TEXT_AUTO struct text unused = {0};
        if (listen_parse(listen->items[i], &address, &unused) &&
            (address.is_path ? path && strcmp(path, address.place) == 0 : address.port == port))
            return true;
    }
    return false;
}

/* A connection to such a socket succeeds whether the app is there or not. row: of the condition. */
static void refuse_opened(struct judgement *j, size_t row, int64_t port, const char *path) {
    if (is_opened(j, port, path))
        refuse(j, row,
               row == ROW(ready) ? "upkeep itself listens there (see listen), so it would say nothing: use http://…, "
                                   "notify, log:… or spawned"
                                 : "upkeep itself listens there (see listen), so it would say nothing: use http://… "
                                   "or exec:…");
}

static void judge_service_ready(struct judgement *j) {
    bool has_port = is_written(j, ROW(port));
    const struct condition *ready = &j->config->ready;
    switch (ready->kind) {
    case CONDITION_DEFAULT:
        j->config->ready.kind = has_port && !is_opened(j, j->config->port, NULL) ? CONDITION_PORT : CONDITION_SPAWNED;
        return;
    case CONDITION_PORT:
        if (!has_port)
            refuse(j, ROW(ready), "port needs the key port (or write tcp:HOST:PORT)");
        else
            refuse_opened(j, ROW(ready), j->config->port, NULL);
        return;
    case CONDITION_TCP:
        refuse_opened(j, ROW(ready), ready->number, NULL);
        return;
    case CONDITION_UNIX:
        refuse_opened(j, ROW(ready), 0, ready->path);
        return;
    case CONDITION_FD:
        if (ready->number >= LISTEN_FIRST_FD && (size_t)ready->number < LISTEN_FIRST_FD + j->config->listen.count)
            refuse(j, ROW(ready), "this descriptor is one of the sockets of listen, which begin with 3");
        return;
    case CONDITION_EXIT:
        refuse(j, ROW(ready), "exit is for type = oneshot");
        return;
    case CONDITION_SPAWNED:
    case CONDITION_NOTIFY:
    case CONDITION_HTTP:
    case CONDITION_EXEC:
        return;
    case CONDITION_LOG:
        judge_log_ready(j);
        return;
    }
}

static void judge_ready(struct judgement *j) {
    if (is_open(j, ROW(ready)) || is_open(j, ROW(type)) || is_open(j, ROW(listen)))
        return;
    if (j->config->type == APP_ONESHOT)
        judge_oneshot_ready(j);
    else
        judge_service_ready(j);
    if (j->config->type == APP_ONESHOT && !is_written(j, ROW(ready_timeout_ms)))
        j->config->ready_timeout_ms = 0; /* a migration takes as long as it takes */
}

static void judge_probe(struct judgement *j, size_t row, const struct condition *probe) {
    if (probe->kind == CONDITION_TCP)
        refuse_opened(j, row, probe->number, NULL);
    else if (probe->kind == CONDITION_UNIX)
        refuse_opened(j, row, 0, probe->path);
}

static void judge_health(struct judgement *j) {
    size_t row = ROW(health);
    if (is_open(j, row) || is_open(j, ROW(type)) || is_open(j, ROW(listen)))
        return;
    if (j->config->type == APP_ONESHOT && j->config->health.kind != CONDITION_DEFAULT)
        refuse(j, row,
               "a oneshot has none, as it is done when it has ended: leave this empty (verify asks "
               "once)");
    else
        judge_probe(j, row, &j->config->health);
}

static void judge_verify(struct judgement *j) {
    size_t row = ROW(verify);
    if (is_open(j, row) || is_open(j, ROW(listen)))
        return;
    for (size_t i = 0; i < j->config->verify.count; i++) {
        struct condition probe = {0};
        TEXT_AUTO struct text unused = {0};
        if (condition_parse(j->config->verify.items[i], &probe, &unused))
            judge_probe(j, row, &probe);
        condition_fini(&probe);
    }
}

static void judge_watchdog(struct judgement *j) {
    size_t row = ROW(watchdog_ms);
    if (!is_open(j, row) && !is_open(j, ROW(type)) && j->config->type == APP_ONESHOT && j->config->watchdog_ms > 0)
        refuse(j, row, "a oneshot has none, as it is never ready but done (ready_timeout limits its time)");
}

static void judge_restart_delay(struct judgement *j) {
    size_t max = ROW(restart_delay_max_ms);
    if (is_open(j, ROW(restart_delay_ms)) || is_open(j, max) ||
        j->config->restart_delay_max_ms >= j->config->restart_delay_ms)
        return;
    if (is_written(j, max))
        refuse(j, max, "is less than restart_delay");
    else
        j->config->restart_delay_max_ms = j->config->restart_delay_ms;
}

static void judge_depends_on(struct judgement *j) {
    for (size_t i = 0; i < j->config->depends_on.count; i++)
        if (strcmp(j->config->depends_on.items[i], j->subject->name) == 0)
            refuse(j, ROW(depends_on), "an app cannot depend on itself");
}

bool manifest_resolve_subject(const struct manifest_subject *subject, struct app_config *config) {
    struct judgement j = {.subject = subject, .config = config, .is_good = true};
    read_rows(&j);
    judge_command(&j);
    judge_ready(&j);
    judge_health(&j);
    judge_verify(&j);
    judge_watchdog(&j);
    judge_restart_delay(&j);
    judge_depends_on(&j);
    return j.is_good;
}

bool manifest_resolve(const struct manifest *manifest, const struct manifest_app *app, const struct env *env,
                      struct app_config *out, struct diags *diags) {
    struct manifest_subject subject = {.file = manifest->file,
                                       .name = app->name,
                                       .line = app->line,
                                       .settings = app->settings,
                                       .env = env,
                                       .diags = diags};
    struct app_config config = {0};
    if (!manifest_resolve_subject(&subject, &config)) {
        app_config_fini(&config);
        return false;
    }
    *out = config;
    return true;
}
