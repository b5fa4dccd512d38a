#include "cli/events.h"

#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/moment.h"
#include "cli/session.h"
#include "core/columns.h"

static void events_state(const char *state, bool colour, struct text *out) {
    const char *sequence = colour ? instances_colour(state) : NULL;
    text_printf(out, "%s%s%s", sequence ? sequence : "", state, sequence ? "\033[0m" : "");
}

void events_print(const json_t *event, bool colour, struct text *out) {
    moment_print(answer_string(event, "time", "?"), out);
    text_printf(out, " %s: ", answer_string(event, "name", answer_string(event, "app", "?")));
    const char *from = answer_string(event, "from", "?");
    const char *to = answer_string(event, "to", "?");
    /* A word may stand for several phases. */
    if (strcmp(from, to) != 0) {
        events_state(from, colour, out);
        text_str(out, " -> ");
    }
    events_state(to, colour, out);
    const char *why = answer_string(event, "why", "");
    if (why[0])
        text_str(out, ": ");
    columns_clean(why, strlen(why), out);
    const char *by = answer_string(event, "by", "");
    if (by[0] && strcmp(by, "policy") != 0)
        text_printf(out, " (%s)", by);
    text_char(out, '\n');
}

/* One event to standard output; false when that is gone. */
static bool events_show(const json_t *reply, bool json, bool colour) {
    const json_t *event = json_object_get(reply, "event");
    struct text out TEXT_AUTO = {0};
    if (json) {
        json_t *whole = answer_complete(event, ANSWER_EVENT);
        answer_print(whole, true, &out);
        json_decref(whole);
    } else {
        events_print(event, colour, &out);
    }
    return console_write(&out);
}

static int events_stream(struct session *session) {
    bool follow = session->invocation->options.given[OPTION_FOLLOW];
    bool json = session->invocation->options.given[OPTION_JSON];
    bool colour = console_of(STDOUT_FILENO).colour;
    int code = session_send(session, session->client, "Events", json_pack("{s:b}", "follow", follow), true);
    bool more = true;
    while (code == CODE_DONE && more) {
        json_t *reply = NULL;
        code = session_receive(session, session->client, follow ? -1 : SESSION_ANSWER_MS, false, &reply, &more);
        /* A stream without a single event ends with an empty answer. */
        if (code == CODE_DONE && json_is_object(json_object_get(reply, "event")) && !events_show(reply, json, colour))
            code = CODE_FAILED;
        json_decref(reply);
    }
    return code;
}

int events_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = events_stream(&session);
    session_close(&session);
    return code;
}
