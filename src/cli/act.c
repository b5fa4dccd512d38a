#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/act.h"
#include "cli/answer.h"
#include "cli/background.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "core/value.h"

/* A service manager shows one line of why it came to nothing: the first mistake, rather than how many there are. */
static void act_refuse_run(const struct session *session, int code) {
    struct text why TEXT_AUTO = {0};
    for (size_t i = 0; i < session->diags.count && why.len == 0; i++)
        if (session->diags.list[i].severity == DIAG_ERROR)
            diag_print(&session->diags.list[i], &why);
    session->invocation->local->refuse(why.len > 0 ? text_get(&why) : "no such manifest or app", code);
}

int act_run(const struct invocation *invocation) {
    struct session session;
    int code = session_load(&session, invocation);
    if (code == CODE_DONE)
        code = session_check_apps(&session);
    bool is_started = invocation->options.given[OPTION_STARTED_FD];
    if (code != CODE_DONE && !is_started)
        act_refuse_run(&session, code);
    if (code == CODE_DONE)
        code = invocation->local->run(&session.manifest, invocation->args, invocation->arg_count,
                                      is_started ? (int)invocation->options.number[OPTION_STARTED_FD] : -1);
    session_close(&session);
    return code;
}

/* ---- start, stop, restart, wait: one call that waits, one kind of answer ------------------------------------------
 */

void act_show_table(const json_t *reply) {
    struct text out TEXT_AUTO = {0};
    instances_print(json_object_get(reply, "instances"), console_of(STDOUT_FILENO), &out);
    (void)console_write(&out);
}

/* To standard error, which ends with the reason for the exit code. */
static void act_show_cards(const json_t *failures) {
    struct console console = console_of(STDERR_FILENO);
    struct text out TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *failure = NULL;
    json_array_foreach(failures, i, failure) {
        answer_print_card(failure, console_card_style(console), &out);
    }
    if (out.len > 0)
        console_end_line();
    (void)fflush(stdout);
    (void)fputs(text_get(&out), stderr);
}

/* The first that failed by itself; one that is held up by another is not the reason. */
static const json_t *act_reason(const json_t *failures) {
    size_t i = 0;
    const json_t *failure = NULL;
    json_array_foreach(failures, i, failure) {
        const char *state = answer_string(json_object_get(failure, "instance"), "state", "");
        if (strcmp(state, "waiting") != 0 && strcmp(state, "blocked") != 0)
            return failure;
    }
    return json_array_get(failures, 0);
}

static int act_failed(const json_t *failures) {
    const json_t *first = act_reason(failures);
    const char *name = answer_string(json_object_get(first, "instance"), "name", "?");
    const char *cause = answer_string(first, "cause", "failed");
    size_t others = json_array_size(failures) - 1;
    if (others > 0)
        return code_fail(CODE_FAILED, "%s: %s (and %zu more)", name, cause, others);
    return code_fail(CODE_FAILED, "%s: %s", name, cause);
}

static int act_timed_out(const struct session *session) {
    struct text limit TEXT_AUTO = {0};
    value_print_duration(session_wait_ms(session), &limit);
    return code_fail(CODE_TIMED_OUT, "not done within %s; the supervisor goes on with it (see: upkeep status)",
                     text_get(&limit));
}

int act_judge(const struct session *session, const json_t *reply) {
    const json_t *failures = json_object_get(reply, "failures");
    act_show_cards(failures);
    /* What failed until then is shown, but it may yet come right: the time is what ran out. */
    if (answer_bool(reply, "timed_out"))
        return act_timed_out(session);
    return json_array_size(failures) > 0 ? act_failed(failures) : CODE_DONE;
}

/* Calls method for the apps that are named, waiting unless --no-wait. *reply_out: the caller's. */
static int act_call(struct session *session, const char *method, json_t **reply_out) {
    bool wait = !session->invocation->options.given[OPTION_NO_WAIT];
    int64_t wait_ms = session_wait_ms(session);
    json_t *parameters =
        json_pack("{s:o, s:b, s:I}", "apps", session_apps(session), "wait", wait, "timeout_ms", (json_int_t)wait_ms);
    if (!parameters)
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    interrupt_say("upkeep: interrupted; the supervisor goes on with it (see: upkeep status)\n");
    return session_call(session, method, parameters, session_patience_ms(wait ? wait_ms : 0), reply_out);
}

/* On a connected session: the call, the table, the cards. */
static int act_and_show(struct session *session, const char *method) {
    json_t *reply = NULL;
    int code = act_call(session, method, &reply);
    if (code != CODE_DONE)
        return code;
    struct text change TEXT_AUTO = {0};
    if (session_print_change(session, reply, &change))
        code_note("%s", text_get(&change));
    act_show_table(reply);
    code = act_judge(session, reply);
    json_decref(reply);
    return code;
}

/* Connects, to a new supervisor where none runs. */
static int act_connect_or_start(struct session *session) {
    int error = session_connect(session, &session->client);
    if (error == 0)
        return CODE_DONE;
    if (!session_is_absent(error))
        return session_refused(session, error);
    int code = session_check_apps(session);
    return code != CODE_DONE ? code : background_start(session);
}

int act_start(const struct invocation *invocation) {
    struct session session;
    int code = session_load(&session, invocation);
    if (code == CODE_DONE)
        code = act_connect_or_start(&session);
    if (code == CODE_DONE)
        code = act_and_show(&session, "Start");
    session_close(&session);
    return code;
}

static int act_on_running(const struct invocation *invocation, const char *method) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = act_and_show(&session, method);
    session_close(&session);
    return code;
}

int act_stop(const struct invocation *invocation) {
    return act_on_running(invocation, "Stop");
}

int act_restart(const struct invocation *invocation) {
    return act_on_running(invocation, "Restart");
}

/* Quiet when all is well: for scripts. */
static int act_wait_in(struct session *session) {
    json_t *parameters =
        json_pack("{s:o, s:I}", "apps", session_apps(session), "timeout_ms", (json_int_t)session_wait_ms(session));
    json_t *reply = NULL;
    int code = session_call(session, "Wait", parameters, session_patience_ms(session_wait_ms(session)), &reply);
    if (code != CODE_DONE)
        return code;
    code = act_judge(session, reply);
    json_decref(reply);
    return code;
}

int act_wait(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = act_wait_in(&session);
    session_close(&session);
    return code;
}

/* ---- signal ----------------------------------------------------------------------------------------------------- */

int act_signal(const struct invocation *invocation) {
    struct text error TEXT_AUTO = {0};
    int signal = 0;
    if (!value_parse_signal(invocation->args[0], &signal, &error))
        return code_fail(CODE_USAGE, "signal %s: %s", invocation->args[0], text_get(&error));
    struct session session;
    json_t *reply = NULL;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = session_call(&session, "Signal",
                            json_pack("{s:o, s:o}", "app", session_word(invocation->args[1]), "signal",
                                      session_word(invocation->args[0])),
                            SESSION_ANSWER_MS, &reply);
    json_decref(reply);
    session_close(&session);
    return code;
}

/* ---- shutdown --------------------------------------------------------------------------------------------------- */

/* A descriptor that can be read once the supervisor's process is gone, its lock with it; -1 when it cannot be had. The
 * kernel knows who listens, whatever pid namespace we are in. */
static int act_open_supervisor(const struct session *session) {
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    if (getsockopt(upkeep_client_fd(session->client), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
        return -1;
    return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

/* Waits until the supervisor hangs up and its process is gone. False at the deadline. */
static bool act_await_end(const struct session *session, int process, int64_t deadline_ms) {
    struct pollfd watched[] = {{.fd = process, .events = POLLIN},
                               {.fd = upkeep_client_fd(session->client), .events = POLLIN}};
    /* Without the process's descriptor (another pid namespace) the connection has to do. */
    struct pollfd *end = process >= 0 ? &watched[0] : &watched[1];
    for (;;) {
        int64_t left_ms = deadline_ms - session_now_ms();
        if (poll(end, 1, left_ms > 0 ? session_clamp_ms(left_ms) : 0) > 0)
            return true;
        if (left_ms <= 0)
            return false;
    }
}

static int act_shut_down(struct session *session) {
    int64_t wait_ms = session_wait_ms(session);
    int64_t deadline_ms = session_now_ms() + session_clamp_ms(wait_ms);
    int process = act_open_supervisor(session);
    json_t *reply = NULL;
    int code = session_call(session, "Shutdown", NULL, SESSION_ANSWER_MS, &reply);
    json_decref(reply);
    if (code == CODE_DONE && !session->invocation->options.given[OPTION_NO_WAIT]) {
        interrupt_say("upkeep: interrupted; the supervisor goes on shutting down\n");
        if (!act_await_end(session, process, deadline_ms))
            code = act_timed_out(session);
    }
    if (process >= 0)
        (void)close(process);
    return code;
}

int act_shutdown(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = act_shut_down(&session);
    session_close(&session);
    return code;
}
