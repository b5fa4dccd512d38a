#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/interrupt.h"
#include "cli/screen.h"
#include "cli/session.h"
#include "core/value.h"

enum {
    STATUS_CARDS = 3,        /* failures that are told in full below the table */
    STATUS_REDRAW_MS = 1000, /* in --watch, beside every change */
};

static json_t *status_complete(const json_t *reply) {
    return json_pack("{s:o, s:o}", "supervisor",
                     answer_complete(json_object_get(reply, "supervisor"), ANSWER_SUPERVISOR), "instances",
                     answer_complete_all(json_object_get(reply, "instances"), ANSWER_INSTANCE));
}

static void status_print_json(const json_t *reply, bool one_line, struct text *out) {
    json_t *whole = status_complete(reply);
    answer_print(whole, one_line, out);
    json_decref(whole);
}

static bool status_is_failure(const json_t *instance) {
    const char *state = answer_string(instance, "state", "");
    return strcmp(state, "failed") == 0 || strcmp(state, "backoff") == 0;
}

/* Appends the cards of what has failed. */
static int status_print_cards(struct session *session, const json_t *instances, struct screen screen,
                              struct text *out) {
    size_t shown = 0;
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        if (!status_is_failure(instance) || shown == STATUS_CARDS)
            continue;
        json_t *story = NULL;
        int code = session_call(session, "Why", json_pack("{s:s}", "app", answer_string(instance, "name", "")),
                                SESSION_ANSWER_MS, &story);
        if (code != CODE_DONE)
            return code;
        const json_t *failure = json_object_get(story, "failure");
        if (json_is_object(failure)) {
            text_char(out, '\n');
            answer_print_card(failure, screen_card_style(screen), out);
            shown++;
        }
        json_decref(story);
    }
    return CODE_DONE;
}

static void status_print_change(const struct session *session, const json_t *reply, struct text *out) {
    if (answer_bool(json_object_get(reply, "supervisor"), "manifest_changed"))
        text_printf(out, "\n%s has changed since the supervisor read it; to use it: upkeep shutdown && upkeep start\n",
                    session->path);
}

static int status_once(struct session *session) {
    json_t *reply = NULL;
    int code = session_call(session, "Status", NULL, SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON]) {
        status_print_json(reply, false, &out);
    } else {
        struct screen screen = screen_of(STDOUT_FILENO);
        instances_print(json_object_get(reply, "instances"), screen, &out);
        code = status_print_cards(session, json_object_get(reply, "instances"), screen, &out);
        status_print_change(session, reply, &out);
    }
    (void)screen_write(&out);
    json_decref(reply);
    return code;
}

/* ---- --watch ---------------------------------------------------------------------------------------------------- */

#define WATCH_BEGIN "\033[?1049h\033[?25l" /* the alternate screen, no cursor */
#define WATCH_END "\033[?25h\033[?1049l"
#define WATCH_HOME "\033[H"
#define WATCH_CLEAR_LINE "\033[K"
#define WATCH_CLEAR_BELOW "\033[J"

struct watch {
    struct session *session;
    struct upkeep_client *events; /* a second connection, on which changes are told */
    bool can_move;
    bool more; /* the stream of events has not ended */
};

/* `demo is ready for 1m1s (pid 4711)` */
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
    struct screen screen = screen_of(STDOUT_FILENO);
    struct text lines TEXT_AUTO = {0};
    struct text out TEXT_AUTO = {0};
    if (watch->session->invocation->options.given[OPTION_JSON]) {
        status_print_json(reply, true, &out);
    } else {
        watch_print_head(json_object_get(reply, "supervisor"), &lines);
        instances_print(json_object_get(reply, "instances"), screen, &lines);
        if (watch->can_move)
            watch_frame(text_get(&lines), screen.height, &out);
        else
            text_printf(&out, "%s\n", text_get(&lines));
    }
    json_decref(reply);
    return screen_write(&out) ? CODE_DONE : CODE_FAILED;
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
        interrupt_poll(watch->more ? upkeep_client_fd(watch->events) : -1, STATUS_REDRAW_MS);
        code = watch_drain(watch);
    }
    return code;
}

static void watch_say(const char *sequence) {
    struct text out TEXT_AUTO = {0};
    text_str(&out, sequence);
    (void)screen_write(&out);
}

static int status_watch(struct session *session) {
    struct watch watch = {.session = session, .more = true};
    int error = session_connect(session, &watch.events);
    if (error < 0)
        return session_refused(session, error);
    int code = session_send(session, watch.events, "Events", json_pack("{s:b}", "follow", 1), true);
    watch.can_move = screen_of(STDOUT_FILENO).can_move && !session->invocation->options.given[OPTION_JSON];
    if (code == CODE_DONE) {
        interrupt_remember();
        if (watch.can_move)
            watch_say(WATCH_BEGIN);
        code = watch_loop(&watch);
        if (watch.can_move)
            watch_say(WATCH_END);
    }
    upkeep_client_free(watch.events);
    return code;
}

int status_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = invocation->options.given[OPTION_WATCH] ? status_watch(&session) : status_once(&session);
    session_close(&session);
    return code;
}
