#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/instances.h"
#include "cli/session.h"
#include "core/columns.h"
#include "core/value.h"

/* One line: its label, and what print makes of the detail; a line of which nothing is made is left out. */
struct line {
    const char *label;
    void (*print)(const json_t *detail, const char *field, struct text *out);
    const char *field; /* of the detail, or of its instance */
};

static const json_t *show_field(const json_t *detail, const char *field) {
    const json_t *value = json_object_get(detail, field);
    return value ? value : json_object_get(json_object_get(detail, "instance"), field);
}

static void show_string(const json_t *detail, const char *field, struct text *out) {
    const char *string = json_string_value(show_field(detail, field));
    if (string)
        columns_clean(string, strlen(string), out);
}

static void show_int(const json_t *detail, const char *field, struct text *out) {
    const json_t *value = show_field(detail, field);
    if (json_is_integer(value))
        text_printf(out, "%lld", (long long)json_integer_value(value));
}

static void show_elapsed(const json_t *detail, const char *field, struct text *out) {
    const json_t *value = show_field(detail, field);
    if (json_is_integer(value))
        value_print_elapsed(json_integer_value(value), out);
}

static void show_duration(const json_t *detail, const char *field, struct text *out) {
    const json_t *value = show_field(detail, field);
    if (json_is_integer(value))
        value_print_duration(json_integer_value(value), out);
}

static void show_bytes(const json_t *detail, const char *field, struct text *out) {
    const json_t *value = show_field(detail, field);
    if (json_is_integer(value))
        answer_print_bytes(json_integer_value(value), out);
}

static void show_percent(const json_t *detail, const char *field, struct text *out) {
    const json_t *value = show_field(detail, field);
    if (json_is_number(value))
        text_printf(out, "%.1f%%", json_number_value(value));
}

static void show_list(const json_t *detail, const char *field, struct text *out) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(show_field(detail, field), i, item) {
        if (i > 0)
            text_str(out, ", ");
        if (json_is_integer(item))
            text_printf(out, "%lld", (long long)json_integer_value(item));
        else if (json_is_string(item))
            columns_clean(json_string_value(item), json_string_length(item), out);
    }
}

static void show_wanted(const json_t *detail, const char *field, struct text *out) {
    text_str(out, answer_bool(detail, field) ? "up" : "down");
}

/* The end of the last process: one of both, or none. */
static void show_end(const json_t *detail, const char *field, struct text *out) {
    const json_t *instance = json_object_get(detail, "instance");
    show_string(detail, field, out);
    if (answer_int(instance, "exit_code", -1) >= 0)
        text_printf(out, "code %lld", (long long)answer_int(instance, "exit_code", -1));
}

/* What the app says of itself by sd_notify: `draining; reloading; errno 28 (No space left on device)`. */
static void show_said(const json_t *detail, const char *field, struct text *out) {
    const json_t *instance = json_object_get(detail, "instance");
    show_string(detail, field, out);
    if (answer_bool(instance, "reloading"))
        text_printf(out, "%sreloading", out->len > 0 ? "; " : "");
    int error = (int)answer_int(instance, "said_errno", 0);
    if (error > 0)
        text_printf(out, "%serrno %d (%s)", out->len > 0 ? "; " : "", error, strerror(error));
}

/* `http://…: healthy, http://… answered 200 (4s ago)` */
static void show_health(const json_t *detail, const char *field, struct text *out) {
    const json_t *instance = json_object_get(detail, "instance");
    struct text health TEXT_AUTO = {0};
    show_string(detail, field, out);
    answer_print_health(instance, &health);
    if (out->len == 0 || health.len == 0)
        return;
    text_printf(out, ": %s, ", text_get(&health));
    show_string(detail, "health_answer", out);
    text_str(out, " (");
    value_print_elapsed(answer_int(instance, "health_age_ms", 0), out);
    text_str(out, " ago)");
}

static const struct line show_lines[] = {
    {"why", show_string, "why"},
    {"for", show_elapsed, "since_ms"},
    {"wanted", show_wanted, "wanted"},
    {"says", show_said, "status_text"},
    {"pid", show_int, "pid"},
    {"processes", show_list, "tree"},
    {"uptime", show_elapsed, "uptime_ms"},
    {"restarts", show_int, "restarts"},
    {"last end", show_end, "exit_signal"},
    {"next try", show_elapsed, "next_start_ms"},
    {"cpu", show_percent, "cpu_percent"},
    {"memory", show_bytes, "memory_bytes"},
    {"port", show_int, "port"},
    {"health", show_health, "health_check"},
    {"command", show_string, "command"},
    {"cwd", show_string, "cwd"},
    {"user", show_string, "user"},
    {"group", show_string, "group"},
    {"type", show_string, "type"},
    {"ready", show_string, "ready"},
    {"verify", show_list, "verify"},
    {"depends on", show_list, "depends_on"},
    {"restart", show_string, "restart"},
    {"kill timeout", show_duration, "kill_timeout_ms"},
    {"stdout", show_string, "stdout"},
    {"stderr", show_string, "stderr"},
};

enum { SHOW_LABEL = 12 };

static void show_tail(const json_t *detail, struct text *out) {
    size_t i = 0;
    const json_t *line = NULL;
    json_array_foreach(json_object_get(detail, "tail"), i, line) {
        text_printf(out, i == 0 ? "  %-*s  " : "  %*s  ", SHOW_LABEL, i == 0 ? "last lines" : "");
        if (json_is_string(line))
            columns_clean(json_string_value(line), json_string_length(line), out);
        text_char(out, '\n');
    }
}

static void show_detail(const json_t *detail, struct console console, struct text *out) {
    const json_t *instance = json_object_get(detail, "instance");
    const char *state = answer_string(instance, "state", "?");
    const char *sequence = console.colour ? instances_colour(state) : NULL;
    text_printf(out, "%s is %s%s%s\n", answer_string(instance, "name", "?"), sequence ? sequence : "", state,
                sequence ? "\033[0m" : "");
    if (answer_bool(instance, "stale"))
        text_str(out, "  what it runs differs from what is written now\n");
    for (size_t i = 0; i < sizeof show_lines / sizeof *show_lines; i++) {
        struct text value TEXT_AUTO = {0};
        show_lines[i].print(detail, show_lines[i].field, &value);
        if (value.len > 0)
            text_printf(out, "  %-*s  %s\n", SHOW_LABEL, show_lines[i].label, text_get(&value));
    }
}

/* A failure's card has the last lines too. */
static int show_people(struct session *session, const json_t *details, struct text *out) {
    struct console console = console_of(STDOUT_FILENO);
    json_t *story = NULL;
    int code = session_call(session, "Why", json_pack("{s:o}", "app", session_word(session->invocation->args[0])),
                            SESSION_ANSWER_MS, &story);
    if (code != CODE_DONE)
        return code;
    const json_t *failure = json_object_get(story, "failure");
    size_t i = 0;
    const json_t *detail = NULL;
    json_array_foreach(details, i, detail) {
        show_detail(detail, console, out);
        if (!json_is_object(failure))
            show_tail(detail, out);
        text_str(out, i + 1 < json_array_size(details) ? "\n" : "");
    }
    if (json_is_object(failure)) {
        text_str(out, "\nThe last failure:\n");
        answer_print_card(failure, console_card_style(console), out);
    }
    json_decref(story);
    return CODE_DONE;
}

static void show_json(const json_t *details, struct text *out) {
    json_t *whole = json_pack("{s:o}", "details", answer_complete_all(details, ANSWER_DETAIL));
    answer_print(whole, false, out);
    json_decref(whole);
}

static int show_app(struct session *session) {
    json_t *reply = NULL;
    int code = session_call(session, "Show", json_pack("{s:o}", "app", session_word(session->invocation->args[0])),
                            SESSION_ANSWER_MS, &reply);
    if (code != CODE_DONE)
        return code;
    const json_t *details = json_object_get(reply, "details");
    struct text out TEXT_AUTO = {0};
    if (session->invocation->options.given[OPTION_JSON])
        show_json(details, &out);
    else
        code = show_people(session, details, &out);
    (void)console_write(&out);
    json_decref(reply);
    return code;
}

int show_command(const struct invocation *invocation) {
    struct session session;
    int code = session_open(&session, invocation);
    if (code == CODE_DONE)
        code = show_app(&session);
    session_close(&session);
    return code;
}
