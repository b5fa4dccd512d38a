#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/session.h"
#include "cli/watch.h"

enum { STATUS_CARDS = 3 }; /* failures that are told in full below the table */

/* Appends the cards of what has failed. */
static void status_print_cards(const json_t *failures, struct console console, struct text *out) {
    size_t i = 0;
    const json_t *failure = NULL;
    json_array_foreach(failures, i, failure) {
        if (i == STATUS_CARDS)
            break;
        text_char(out, '\n');
        answer_print_card(failure, console_card_style(console), out);
    }
    if (json_array_size(failures) > STATUS_CARDS)
        text_printf(out, "\n%zu more have failed; upkeep why APP tells how\n",
                    json_array_size(failures) - STATUS_CARDS);
}

static int status_once(struct session *session) {
    json_t *reply = NULL;
    int code = session_call(session, "Status", NULL, SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON]) {
        answer_print_status(reply, false, &out);
    } else {
        struct console console = console_of(STDOUT_FILENO);
        instances_print(json_object_get(reply, "instances"), console, &out);
        status_print_cards(json_object_get(reply, "failures"), console, &out);
        struct text change TEXT_AUTO = {0};
        if (session_print_change(session, reply, &change))
            text_printf(&out, "\n%s\n", text_get(&change));
    }
    (void)console_write(&out);
    json_decref(reply);
    return code;
}

int status_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = invocation->options.given[OPTION_WATCH] ? watch_status(&session) : status_once(&session);
    session_close(&session);
    return code;
}
