#include "cli/session.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/locate.h"
#include "core/columns.h"

#define SESSION_INTERFACE "io.upkeep.Supervisor."

int session_read(struct session *session, const struct invocation *invocation) {
    *session = (struct session){.invocation = invocation};
    struct text error TEXT_AUTO = {0};
    char *path = locate_manifest(invocation->options.word[OPTION_MANIFEST], &error);
    session->path = path ? locate_absolute(path) : NULL;
    if (!session->path) {
        if (path)
            text_printf(&error, "cannot tell the current folder: %s", strerror(errno));
        free(path);
        return code_fail(CODE_USAGE, "%s", error.len > 0 ? text_get(&error) : strerror(ENOMEM));
    }
    const char *profile = invocation->options.word[OPTION_PROFILE];
    if (!profile)
        profile = getenv("UPKEEP_PROFILE");
    if (profile && !profile[0])
        profile = NULL;
    (void)invocation->local->load(path, profile, &session->manifest, &session->diags);
    free(path);
    return CODE_DONE;
}

void session_read_again(struct session *session, struct manifest *before_out) {
    *before_out = session->manifest;
    session->manifest = (struct manifest){0};
    diags_fini(&session->diags);
    session->diags = (struct diags){0};
    (void)session->invocation->local->load(before_out->file, before_out->profile, &session->manifest, &session->diags);
}

/* The count of errors is in the last line, so that it holds the reason whatever the findings are. */
static int session_bad_manifest(const struct session *session) {
    code_findings(&session->diags);
    return code_fail(CODE_USAGE, "%s has %zu error%s", session->path, session->diags.errors,
                     text_plural(session->diags.errors));
}

int session_load(struct session *session, const struct invocation *invocation) {
    int code = session_read(session, invocation);
    if (code != CODE_DONE)
        return code;
    return session->diags.errors > 0 ? session_bad_manifest(session) : CODE_DONE;
}

int session_open(struct session *session, const struct invocation *invocation) {
    int code = session_read(session, invocation);
    if (code != CODE_DONE)
        return code;
    int error = session_connect(session, &session->client);
    if (session->diags.errors > 0) {
        if (error < 0)
            return session_bad_manifest(session);
        code_note("%s has errors (upkeep check shows them); the supervisor goes on with what it read before",
                  session->path);
    }
    return error < 0 ? session_refused(session, error) : CODE_DONE;
}

void session_close(struct session *session) {
    upkeep_client_free(session->client);
    manifest_fini(&session->manifest);
    diags_fini(&session->diags);
    free(session->path);
    *session = (struct session){0};
}

/* Whether the runtime dir is used by the supervisor of another manifest that is still there: to steer that one's apps
 * is not what the user means. The state file says whose it is (daemon/leftover.h); who may not read that is not asked.
 */
static bool session_find_stranger(const struct session *session, struct text *out) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/state", session->manifest.supervisor.runtime_dir);
    FILE *state = fopen(text_get(&path), "re");
    char line[PATH_MAX + 16];
    bool is_found = false;
    while (state && !is_found && fgets(line, sizeof line, state)) {
        line[strcspn(line, "\n")] = '\0';
        is_found = strncmp(line, "manifest=", strlen("manifest=")) == 0;
    }
    if (state)
        (void)fclose(state);
    struct stat theirs;
    struct stat ours;
    const char *manifest = line + strlen("manifest=");
    if (!is_found || stat(manifest, &theirs) < 0 || stat(session->path, &ours) < 0 ||
        (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino))
        return false;
    text_str(out, manifest);
    return true;
}

int session_connect(const struct session *session, struct upkeep_client **client_out) {
    /* A manifest that could not be read does not say where its supervisor is. */
    const char *runtime_dir = session->manifest.supervisor.runtime_dir;
    if (!runtime_dir)
        return -ENOENT;
    int error = upkeep_client_connect(runtime_dir, client_out);
    struct text stranger TEXT_AUTO = {0};
    if (error < 0 || !session_find_stranger(session, &stranger))
        return error;
    upkeep_client_free(*client_out);
    *client_out = NULL;
    return -EEXIST;
}

bool session_is_absent(int error) {
    return error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR || error == -EEXIST;
}

/* A command for this manifest, as this user would have to write it. */
static void session_hint(const struct session *session, const char *command, struct text *out) {
    const struct options *options = &session->invocation->options;
    text_str(out, "upkeep");
    if (options->given[OPTION_MANIFEST])
        text_printf(out, " -f %s", options->word[OPTION_MANIFEST]);
    if (options->given[OPTION_PROFILE])
        text_printf(out, " --profile %s", options->word[OPTION_PROFILE]);
    text_printf(out, " %s", command);
}

bool session_print_change(const struct session *session, const json_t *reply, struct text *out) {
    if (!json_is_true(json_object_get(json_object_get(reply, "supervisor"), "manifest_changed")))
        return false;
    text_printf(out, "%s has changed since the supervisor read it; to use it: ", session->path);
    session_hint(session, "apply", out);
    return true;
}

static int session_no_permission(const struct session *session) {
    struct stat status;
    const struct passwd *owner = NULL;
    if (stat(session->manifest.supervisor.runtime_dir, &status) == 0)
        owner = getpwuid(status.st_uid);
    return code_fail(CODE_FAILED, "no permission to talk to the supervisor of %s%s%s%s", session->path,
                     owner ? " (ask as user " : "", owner ? owner->pw_name : "", owner ? ")" : "");
}

int session_judge_profile(const struct session *session, const json_t *reply, const char *command) {
    const char *theirs = json_string_value(json_object_get(json_object_get(reply, "supervisor"), "profile"));
    const char *ours = session->manifest.profile;
    if (text_is_same(theirs, ours))
        return CODE_DONE;
    return code_fail(CODE_FAILED,
                     "the supervisor runs %s%s, and this is to %s %s%s (use the same, or: upkeep shutdown)",
                     theirs ? "the profile " : "without a profile", theirs ? theirs : "", command,
                     ours ? "the profile " : "without one", ours ? ours : "");
}

int session_refused(const struct session *session, int error) {
    struct text hint TEXT_AUTO = {0};
    session_hint(session, "start", &hint);
    if (error == -EACCES || error == -EPERM)
        return session_no_permission(session);
    if (error == -ECONNREFUSED)
        return code_fail(CODE_NOT_RUNNING, "the supervisor of %s is gone, only its socket is left (start one with: %s)",
                         session->path, text_get(&hint));
    struct text stranger TEXT_AUTO = {0};
    if (error == -EEXIST && session_find_stranger(session, &stranger))
        return code_fail(
            CODE_NOT_RUNNING,
            "no supervisor is running for %s; its runtime dir %s is used by that of %s (set runtime_dir in "
            "one)",
            session->path, session->manifest.supervisor.runtime_dir, text_get(&stranger));
    if (session_is_absent(error))
        return code_fail(CODE_NOT_RUNNING, "no supervisor is running for %s (start it with: %s)", session->path,
                         text_get(&hint));
    return code_fail(CODE_FAILED, "cannot reach the supervisor of %s: %s", session->path, strerror(-error));
}

/* What the supervisor refuses with, and the exit code for it. */
struct refusal {
    const char *name;
    enum code code;
    const char *before; /* the field's value, where there is one */
    const char *field;
    const char *after;
};

static const struct refusal refusals[] = {
    {"BadSignal", CODE_USAGE, "no such signal: ", "signal", ""},
    {"NotRunning", CODE_FAILED, "", "app", " has no process"},
    {"ShuttingDown", CODE_FAILED, "the supervisor is shutting down", NULL, ""},
    {"PermissionDenied", CODE_FAILED, "the supervisor refuses: it belongs to another user", NULL, ""},
    {"TooManyClients", CODE_FAILED, "the supervisor refuses: it has too many connections", NULL, ""},
    {"Failed", CODE_FAILED, "", "why", ""},
};

static const char *session_field(const json_t *parameters, const char *field) {
    const char *string = field ? json_string_value(json_object_get(parameters, field)) : NULL;
    return string ? string : "";
}

/* It is in the manifest as it is now. */
static int session_not_taken(const struct session *session, const char *app) {
    struct text hint TEXT_AUTO = {0};
    session_hint(session, "apply", &hint);
    return code_fail(CODE_NO_APP, "%s is new in %s, and the supervisor has not read that yet (use: %s)", app,
                     session->path, text_get(&hint));
}

static int session_broken_by(const json_t *parameters, enum code code, const char *what) {
    size_t i = 0;
    const json_t *finding = NULL;
    console_end_line();
    json_array_foreach(json_object_get(parameters, "findings"), i, finding) {
        struct text line TEXT_AUTO = {0};
        text_printf(&line, "%s", json_string_value(finding) ? json_string_value(finding) : "");
        (void)fprintf(stderr, "%s\n", text_get(&line));
    }
    return code_fail(code, "%s", what);
}

int session_needs_new_supervisor(const struct session *session, const json_t *keys) {
    struct text words TEXT_AUTO = {0};
    struct text hint TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *key = NULL;
    json_array_foreach(keys, i, key) {
        text_printf(&words, "%s%s", i > 0 ? ", " : "", json_string_value(key) ? json_string_value(key) : "");
    }
    /* Who deploys goes on deploying, and says for itself what was changed. */
    bool is_deploy = session->invocation->command->handler == deploy_command;
    session_hint(session, "shutdown && ", &hint);
    session_hint(session, is_deploy ? "deploy" : "start", &hint);
    return code_fail(CODE_FAILED, "only a new supervisor can take the change of %s in [upkeep]%s (use: %s)",
                     text_get(&words), is_deploy ? "" : "; nothing is changed", text_get(&hint));
}

static int session_error(const struct session *session, const char *name, const json_t *parameters) {
    size_t prefix = strlen(SESSION_INTERFACE);
    const char *word = strncmp(name, SESSION_INTERFACE, prefix) == 0 ? name + prefix : name;
    if (strcmp(word, "NoSuchApp") == 0 && manifest_find(&session->manifest, session_field(parameters, "app")))
        return session_not_taken(session, session_field(parameters, "app"));
    if (strcmp(word, "NoSuchApp") == 0)
        return session_no_app(session, session_field(parameters, "app"),
                              json_string_value(json_object_get(parameters, "nearest")));
    if (strcmp(word, "EnvironmentBroken") == 0)
        return session_broken_by(parameters, CODE_FAILED, "the environment cannot be made; nothing is changed");
    if (strcmp(word, "ManifestBroken") == 0)
        return session_broken_by(parameters, CODE_USAGE, "the manifest has errors; nothing is changed");
    if (strcmp(word, "NeedsNewSupervisor") == 0)
        return session_needs_new_supervisor(session, json_object_get(parameters, "keys"));
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *refusal = &refusals[i];
        if (strcmp(word, refusal->name) == 0)
            return code_fail(refusal->code, "%s%s%s", refusal->before, session_field(parameters, refusal->field),
                             refusal->after);
    }
    return code_fail(CODE_FAILED, "the supervisor does not do this (%s): is it of another version?", name);
}

/* The supervisor has ended while we talked to it, or has had enough of us. One that upkeep start began has said why in
 * its log. */
static int session_hung_up(const struct session *session) {
    struct text log TEXT_AUTO = {0};
    text_printf(&log, "%s/" SESSION_LOG, session->manifest.supervisor.runtime_dir);
    bool has_log = access(text_get(&log), R_OK) == 0;
    struct upkeep_client *again = NULL;
    bool has_ended = session_is_absent(session_connect(session, &again));
    upkeep_client_free(again);
    return code_fail(has_ended ? CODE_NOT_RUNNING : CODE_FAILED, "the supervisor of %s %s%s%s%s", session->path,
                     has_ended ? "has just ended" : "hung up", has_log ? " (its log: " : "",
                     has_log ? text_get(&log) : "", has_log ? ")" : "");
}

/* What an exchange that broke down means. */
static int session_broken(const struct session *session, int error) {
    if (error == -ETIMEDOUT)
        return code_fail(CODE_TIMED_OUT, "the supervisor of %s does not answer", session->path);
    if (error == -EPIPE || error == -ECONNRESET)
        return session_hung_up(session);
    if (error == -EBADMSG)
        return code_fail(CODE_FAILED, "the supervisor of %s sent what is no answer", session->path);
    return code_fail(CODE_FAILED, "cannot talk to the supervisor of %s: %s", session->path, strerror(-error));
}

int session_send(const struct session *session, struct upkeep_client *client, const char *method, json_t *parameters,
                 bool more) {
    int error = upkeep_client_send(client, method, parameters, more, SESSION_ANSWER_MS);
    json_decref(parameters);
    return error < 0 ? session_broken(session, error) : CODE_DONE;
}

int session_receive(const struct session *session, struct upkeep_client *client, int timeout_ms, bool quiet,
                    json_t **reply_out, bool *more_out) {
    json_t *reply = NULL;
    char *error_name = NULL;
    int result = upkeep_client_receive(client, timeout_ms, &reply, &error_name);
    if (result == -ETIMEDOUT && quiet)
        return CODE_TIMED_OUT;
    if (result < 0)
        return session_broken(session, result);
    if (error_name) {
        int code = session_error(session, error_name, reply);
        json_decref(reply);
        free(error_name);
        return code;
    }
    *reply_out = reply;
    *more_out = result > 0;
    return CODE_DONE;
}

int session_call(struct session *session, const char *method, json_t *parameters, int timeout_ms, json_t **reply_out) {
    int code = session_send(session, session->client, method, parameters, false);
    bool more = false;
    return code != CODE_DONE ? code : session_receive(session, session->client, timeout_ms, false, reply_out, &more);
}

/* ` (it has backend, frontend)`: nothing when there are none, or too many to read. */
static void session_list_apps(const struct session *session, struct text *out) {
    enum { APPS_SHOWN = 12 };
    const struct manifest *manifest = &session->manifest;
    if (manifest->app_count == 0 || manifest->app_count > APPS_SHOWN)
        return;
    for (size_t i = 0; i < manifest->app_count; i++)
        text_printf(out, "%s%s", i == 0 ? " (it has " : ", ", manifest->apps[i].name);
    text_char(out, ')');
}

int session_no_app(const struct session *session, const char *app, const char *nearest) {
    if (nearest && nearest[0])
        return code_fail(CODE_NO_APP, "no app %s in %s (did you mean %s?)", app, session->path, nearest);
    if (strcmp(app, "all") == 0)
        return code_fail(CODE_NO_APP, "no app all in %s (for all apps, name none)", session->path);
    struct text apps TEXT_AUTO = {0};
    session_list_apps(session, &apps);
    return code_fail(CODE_NO_APP, "no app %s in %s%s", app, session->path, text_get(&apps));
}

int session_check_apps(const struct session *session) {
    const struct manifest *manifest = &session->manifest;
    const char **names = calloc(manifest->app_count + 1, sizeof *names);
    if (!names)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    for (size_t i = 0; i < manifest->app_count; i++)
        names[i] = manifest->apps[i].name;
    int code = CODE_DONE;
    for (size_t i = 0; i < session->invocation->arg_count && code == CODE_DONE; i++) {
        const char *word = session->invocation->args[i];
        if (!manifest_find(manifest, word))
            code = session_no_app(session, word, diag_nearest_name(word, names));
    }
    free(names);
    return code;
}

int64_t session_wait_ms(const struct session *session) {
    const struct options *options = &session->invocation->options;
    return options->given[OPTION_TIMEOUT] ? options->number[OPTION_TIMEOUT] : SESSION_WAIT_MS;
}

int64_t session_now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int session_clamp_ms(int64_t ms) {
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

int session_patience_ms(int64_t wait_ms) {
    return session_clamp_ms(wait_ms < INT_MAX ? wait_ms + SESSION_GRACE_MS : INT_MAX);
}

json_t *session_word(const char *word) {
    struct text clean TEXT_AUTO = {0};
    columns_clean(word, strlen(word), &clean);
    return json_string(text_get(&clean));
}

json_t *session_apps(const struct session *session) {
    json_t *apps = json_array();
    for (size_t i = 0; i < session->invocation->arg_count; i++) {
        if (json_array_append_new(apps, session_word(session->invocation->args[i])) < 0) {
            json_decref(apps);
            return NULL;
        }
    }
    return apps;
}
