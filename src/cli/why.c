#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/events.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/session.h"

static void why_print_instance(const json_t *instance, bool colour, struct text *out) {
    const char *state = answer_string(instance, "state", "?");
    const char *sequence = colour ? instances_colour(state) : NULL;
    text_printf(out, "%s is %s%s%s", answer_string(instance, "name", "?"), sequence ? sequence : "", state,
                sequence ? "\033[0m" : "");
    const char *why = answer_string(instance, "why", "");
    text_printf(out, "%s%s\n", why[0] ? ": " : "", why);
}

static void why_print_story(const json_t *reply, struct console console, struct text *out) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(reply, "instances"), i, item) {
        why_print_instance(item, console.colour, out);
    }
    const json_t *failure = json_object_get(reply, "failure");
    if (json_is_object(failure)) {
        text_str(out, "\nThe last failure:\n");
        answer_print_card(failure, console_card_style(console), out);
    }
    const json_t *events = json_object_get(reply, "events");
    text_str(out, json_array_size(events) > 0 ? "\nWhat happened:\n" : "\nNothing has happened yet.\n");
    json_array_foreach(events, i, item) {
        events_print(item, console.colour, out);
    }
}

static json_t *why_complete(const json_t *reply) {
    const json_t *failure = json_object_get(reply, "failure");
    return json_pack("{s:o, s:o, s:o}", "instances",
                     answer_complete_all(json_object_get(reply, "instances"), ANSWER_INSTANCE), "events",
                     answer_complete_all(json_object_get(reply, "events"), ANSWER_EVENT), "failure",
                     json_is_object(failure) ? answer_complete(failure, ANSWER_FAILURE) : json_null());
}

static int why_tell(struct session *session) {
    json_t *reply = NULL;
    int code = session_call(session, "Why", json_pack("{s:o}", "app", session_word(session->invocation->args[0])),
                            SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON]) {
        json_t *whole = why_complete(reply);
        answer_print(whole, false, &out);
        json_decref(whole);
    } else {
        why_print_story(reply, console_of(STDOUT_FILENO), &out);
    }
    (void)console_write(&out);
    json_decref(reply);
    return CODE_DONE;
}

int why_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = why_tell(&session);
    session_close(&session);
    return code;
}
