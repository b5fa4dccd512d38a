#include "cli/answer.h"

#include <stdlib.h>
#include <string.h>

const char *answer_string(const json_t *object, const char *field, const char *fallback) {
    const char *string = json_string_value(json_object_get(object, field));
    return string ? string : fallback;
}

int64_t answer_int(const json_t *object, const char *field, int64_t fallback) {
    const json_t *value = json_object_get(object, field);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool answer_bool(const json_t *object, const char *field) {
    return json_is_true(json_object_get(object, field));
}

enum { ANSWER_NONE = -1 };

/* One documented field; what is in it when that is an object of ours. */
struct field {
    const char *name;
    int type;
};

#define PLAIN_FIELD(name)                                                                                              \
    { name, ANSWER_NONE }

static const struct field supervisor_fields[] = {
    PLAIN_FIELD("name"),
    PLAIN_FIELD("pid"),
    PLAIN_FIELD("state"),
    PLAIN_FIELD("manifest"),
    PLAIN_FIELD("version"),
    PLAIN_FIELD("uptime_ms"),
    PLAIN_FIELD("manifest_changed"),
    PLAIN_FIELD("root"),
    PLAIN_FIELD("profile"),
    {0},
};
static const struct field instance_fields[] = {
    PLAIN_FIELD("app"),           PLAIN_FIELD("name"),          PLAIN_FIELD("instance"),
    PLAIN_FIELD("state"),         PLAIN_FIELD("pid"),           PLAIN_FIELD("uptime_ms"),
    PLAIN_FIELD("restarts"),      PLAIN_FIELD("exit_code"),     PLAIN_FIELD("exit_signal"),
    PLAIN_FIELD("why"),           PLAIN_FIELD("next_start_ms"), PLAIN_FIELD("port"),
    PLAIN_FIELD("health"),        PLAIN_FIELD("memory_bytes"),  PLAIN_FIELD("cpu_percent"),
    PLAIN_FIELD("stale"),         PLAIN_FIELD("status_text"),   PLAIN_FIELD("reloading"),
    PLAIN_FIELD("said_errno"),    PLAIN_FIELD("health_misses"), PLAIN_FIELD("health_retries"),
    PLAIN_FIELD("health_answer"), PLAIN_FIELD("health_age_ms"), {0},
};
static const struct field failure_fields[] = {
    {"instance", ANSWER_INSTANCE},
    PLAIN_FIELD("cause"),
    PLAIN_FIELD("tail"),
    PLAIN_FIELD("log"),
    PLAIN_FIELD("attempt"),
    PLAIN_FIELD("max_restarts"),
    PLAIN_FIELD("restart_window_ms"),
    {0},
};
static const struct field detail_fields[] = {
    {"instance", ANSWER_INSTANCE},
    PLAIN_FIELD("since_ms"),
    PLAIN_FIELD("wanted"),
    PLAIN_FIELD("command"),
    PLAIN_FIELD("cwd"),
    PLAIN_FIELD("type"),
    PLAIN_FIELD("ready"),
    PLAIN_FIELD("depends_on"),
    PLAIN_FIELD("stdout"),
    PLAIN_FIELD("stderr"),
    PLAIN_FIELD("restart"),
    PLAIN_FIELD("kill_timeout_ms"),
    PLAIN_FIELD("tail"),
    PLAIN_FIELD("tree"),
    PLAIN_FIELD("health_check"),
    PLAIN_FIELD("health_interval_ms"),
    PLAIN_FIELD("verify"),
    {0},
};
static const struct field event_fields[] = {
    PLAIN_FIELD("time"),
    PLAIN_FIELD("app"),
    PLAIN_FIELD("instance"),
    PLAIN_FIELD("from"),
    PLAIN_FIELD("to"),
    PLAIN_FIELD("why"),
    PLAIN_FIELD("pid"),
    PLAIN_FIELD("exit_code"),
    PLAIN_FIELD("exit_signal"),
    PLAIN_FIELD("name"),
    PLAIN_FIELD("number"),
    PLAIN_FIELD("by"),
    {0},
};
static const struct field variable_fields[] = {
    PLAIN_FIELD("name"), PLAIN_FIELD("value"), PLAIN_FIELD("origin"), PLAIN_FIELD("line"), {0},
};

static const struct field *const answer_fields[] = {
    [ANSWER_SUPERVISOR] = supervisor_fields, [ANSWER_INSTANCE] = instance_fields, [ANSWER_FAILURE] = failure_fields,
    [ANSWER_DETAIL] = detail_fields,         [ANSWER_EVENT] = event_fields,       [ANSWER_VARIABLE] = variable_fields,
};

json_t *answer_complete(const json_t *object, enum answer_type type) {
    json_t *whole = json_object();
    for (const struct field *field = answer_fields[type]; field->name; field++) {
        json_t *value = json_object_get(object, field->name);
        json_t *set = !value                       ? json_null()
                      : field->type == ANSWER_NONE ? json_incref(value)
                                                   : answer_complete(value, (enum answer_type)field->type);
        (void)json_object_set_new(whole, field->name, set);
    }
    if (object)
        (void)json_object_update_missing(whole, (json_t *)object);
    return whole;
}

json_t *answer_complete_all(const json_t *array, enum answer_type type) {
    json_t *whole = json_array();
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(array, i, item) {
        (void)json_array_append_new(whole, answer_complete(item, type));
    }
    return whole;
}

enum { ANSWER_PRECISION = 6 };

void answer_print(const json_t *json, bool one_line, struct text *out) {
    size_t flags = JSON_REAL_PRECISION(ANSWER_PRECISION) | (one_line ? JSON_COMPACT : JSON_INDENT(2));
    char *string = json_dumps(json, flags);
    if (!string) {
        out->failed = true;
        return;
    }
    text_str(out, string);
    text_char(out, '\n');
    free(string);
}

void answer_print_status(const json_t *reply, bool one_line, struct text *out) {
    json_t *whole =
        json_pack("{s:o, s:o}", "supervisor", answer_complete(json_object_get(reply, "supervisor"), ANSWER_SUPERVISOR),
                  "instances", answer_complete_all(json_object_get(reply, "instances"), ANSWER_INSTANCE));
    answer_print(whole, one_line, out);
    json_decref(whole);
}

void answer_print_health(const json_t *instance, struct text *out) {
    const char *health = answer_string(instance, "health", "");
    int64_t misses = answer_int(instance, "health_misses", 0);
    text_str(out, health);
    if (misses > 0)
        text_printf(out, " (%lld of %lld)", (long long)misses, (long long)answer_int(instance, "health_retries", 0));
}

void answer_print_card(const json_t *failure, struct card_style style, struct text *out) {
    const json_t *instance = json_object_get(failure, "instance");
    struct text tail TEXT_AUTO = {0};
    size_t i = 0;
    const json_t *line = NULL;
    json_array_foreach(json_object_get(failure, "tail"), i, line) {
        text_printf(&tail, "%s\n", json_string_value(line) ? json_string_value(line) : "");
    }
    struct card card = {
        .name = answer_string(instance, "name", "?"),
        .state = answer_string(instance, "state", ""),
        .cause = answer_string(failure, "cause", "for an unknown reason"),
        .exit_code = (int)answer_int(instance, "exit_code", -1),
        .exit_signal = answer_string(instance, "exit_signal", NULL),
        .tail = text_get(&tail),
        .log = answer_string(failure, "log", NULL),
        .next_start_ms = answer_int(instance, "next_start_ms", -1),
        .attempt = answer_int(failure, "attempt", 0),
        .max_restarts = answer_int(failure, "max_restarts", 0),
        .window_ms = answer_int(failure, "restart_window_ms", 0),
    };
    card_print(&card, style, out);
}

void answer_print_bytes(int64_t bytes, struct text *out) {
    static const char units[] = "KMGTP";
    if (bytes < 1024) {
        text_printf(out, "%lld", (long long)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1024 && units[unit + 1]) {
        value /= 1024;
        unit++;
    }
    text_printf(out, value < 100 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}
