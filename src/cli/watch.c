#include "cli/watch.h"

#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/instances.h"
#include "cli/interrupt.h"
#include "core/value.h"

enum { WATCH_REDRAW_MS = 1000 }; /* beside every change */

#define WATCH_HOME "\033[H"
#define WATCH_CLEAR_LINE "\033[K"
#define WATCH_CLEAR_BELOW "\033[J"

struct watch {
    struct session *session;
    struct upkeep_client *events; /* a second connection, on which changes are told */
    bool can_move;
    bool more; /* the stream of events has not ended */
};

/* `demo is ready, pid 4711, up 1m1s` */
static void watch_print_head(const json_t *supervisor, struct text *out) {
    text_printf(out, "%s is %s, pid %lld, up ", answer_string(supervisor, "name", "?"),
                answer_string(supervisor, "state", "?"), (long long)answer_int(supervisor, "pid", 0));
    value_print_elapsed(answer_int(supervisor, "uptime_ms", 0), out);
    text_str(out, "\n\n");
}

/* Copies the lines that the screen has room for, each clearing what stood behind it. */
static void watch_frame(const char *lines, size_t height, struct text *out) {
    text_str(out, WATCH_HOME);
    for (size_t n = 1; *lines && n < height; n++) {
        size_t len = strcspn(lines, "\n");
        text_append(out, lines, len);
        text_str(out, WATCH_CLEAR_LINE "\n");
        lines += len + (lines[len] == '\n');
    }
    text_str(out, WATCH_CLEAR_BELOW);
}

static int watch_draw(struct watch *watch) {
    json_t *reply = NULL;
    int code = session_call(watch->session, "Status", NULL, SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    struct console console = console_of(STDOUT_FILENO);
    struct text lines TEXT_AUTO = {0};
    struct text out TEXT_AUTO = {0};
    if (watch->session->invocation->options.given[OPTION_JSON]) {
        answer_print_status(reply, true, &out);
    } else {
        watch_print_head(json_object_get(reply, "supervisor"), &lines);
        instances_print(json_object_get(reply, "instances"), console, &lines);
        if (watch->can_move)
            watch_frame(text_get(&lines), console.height, &out);
        else
            text_printf(&out, "%s\n", text_get(&lines));
    }
    json_decref(reply);
    return console_write(&out) ? CODE_DONE : CODE_FAILED;
}

/* Takes in the events that have come: any number of them is one reason to redraw. */
static int watch_drain(struct watch *watch) {
    while (watch->more) {
        json_t *event = NULL;
        int code = session_receive(watch->session, watch->events, 0, true, &event, &watch->more);
        json_decref(event);
        if (code == CODE_TIMED_OUT)
            break;
        if (code != CODE_DONE)
            return code;
    }
    return CODE_DONE;
}

static int watch_loop(struct watch *watch) {
    int code = CODE_DONE;
    while (code == CODE_DONE && !interrupt_is_due()) {
        code = watch_draw(watch);
        if (code != CODE_DONE)
            break;
        interrupt_poll(watch->more ? upkeep_client_fd(watch->events) : -1, WATCH_REDRAW_MS);
        code = watch_drain(watch);
    }
    return code;
}

int watch_status(struct session *session) {
    struct watch watch = {.session = session, .more = true};
    int error = session_connect(session, &watch.events);
    if (error < 0)
        return session_refused(session, error);
    int code = session_send(session, watch.events, "Events", json_pack("{s:b}", "follow", 1), true);
    watch.can_move = console_of(STDOUT_FILENO).can_move && !session->invocation->options.given[OPTION_JSON];
    if (code == CODE_DONE) {
        interrupt_remember();
        if (watch.can_move)
            console_enter();
        code = watch_loop(&watch);
        console_leave();
    }
    upkeep_client_free(watch.events);
    return code;
}
