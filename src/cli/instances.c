#include "cli/instances.h"

#include <string.h>

#include "cli/answer.h"
#include "cli/table.h"
#include "core/value.h"

static const struct table_column instances_columns[] = {
    {"app", false, 0}, {"state", false, 0}, {"pid", true, 2},  {"uptime", true, 3}, {"restarts", true, 4},
    {"cpu", true, 6},  {"memory", true, 5}, {"port", true, 1}, {"why", false, 0},
};

/* Where an app has a health condition. */
static const struct table_column instances_columns_health[] = {
    {"app", false, 0},     {"state", false, 0}, {"health", false, 0}, {"pid", true, 2},  {"uptime", true, 3},
    {"restarts", true, 4}, {"cpu", true, 6},    {"memory", true, 5},  {"port", true, 1}, {"why", false, 0},
};

static const struct {
    const char *state;
    const char *colour;
} instances_colours[] = {
    {"ready", "\033[32m"},    {"done", "\033[32m"},    {"waiting", "\033[33m"},
    {"starting", "\033[33m"}, {"backoff", "\033[31m"}, {"stopping", "\033[33m"},
    {"failed", "\033[1;31m"}, {"blocked", "\033[31m"}, {"stopped", "\033[2m"},
};

const char *instances_colour(const char *state) {
    for (size_t i = 0; i < sizeof instances_colours / sizeof *instances_colours; i++)
        if (strcmp(instances_colours[i].state, state) == 0)
            return instances_colours[i].colour;
    return NULL;
}

static void instances_int(struct table *table, const json_t *instance, const char *field) {
    const json_t *value = json_object_get(instance, field);
    if (json_is_integer(value))
        table_cell_int(table, json_integer_value(value));
    else
        table_cell(table, "-", NULL);
}

/* A number in the form that people read, made by print. */
static void instances_text(struct table *table, const json_t *instance, const char *field,
                           void (*print)(int64_t value, struct text *out)) {
    struct text text TEXT_AUTO = {0};
    const json_t *value = json_object_get(instance, field);
    if (json_is_integer(value))
        print(json_integer_value(value), &text);
    else
        text_char(&text, '-');
    table_cell(table, text_get(&text), NULL);
}

static void instances_cpu(struct table *table, const json_t *instance) {
    struct text text TEXT_AUTO = {0};
    const json_t *value = json_object_get(instance, "cpu_percent");
    if (json_is_number(value))
        text_printf(&text, "%.1f%%", json_number_value(value));
    else
        text_char(&text, '-');
    table_cell(table, text_get(&text), NULL);
}

/* What the app says of itself tells more than how it came to be what it is, while that lasts. */
static bool instances_says(const json_t *instance, struct text *out) {
    const char *says = answer_string(instance, "status_text", "");
    const char *state = answer_string(instance, "state", "");
    bool lives = strcmp(state, "starting") == 0 || strcmp(state, "ready") == 0;
    if (!lives || !says[0])
        return false;
    text_printf(out, "says: %s", says);
    return true;
}

static bool instances_is_unhealthy(const json_t *instance) {
    return strcmp(answer_string(instance, "health", ""), "unhealthy") == 0;
}

static void instances_health(struct table *table, const json_t *instance) {
    struct text health TEXT_AUTO = {0};
    answer_print_health(instance, &health);
    if (health.len == 0)
        text_char(&health, '-');
    table_cell(table, text_get(&health), instances_is_unhealthy(instance) ? "\033[31m" : NULL);
}

static bool instances_have_health(const json_t *instances) {
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        if (json_is_integer(json_object_get(instance, "health_retries")))
            return true;
    }
    return false;
}

static void instances_why(struct table *table, const json_t *instance) {
    struct text why TEXT_AUTO = {0};
    if (instances_is_unhealthy(instance))
        text_str(&why, answer_string(instance, "health_answer", ""));
    else if (!instances_says(instance, &why))
        text_str(&why, answer_string(instance, "why", ""));
    int64_t next_ms = answer_int(instance, "next_start_ms", -1);
    if (next_ms >= 0) {
        text_str(&why, "; next try in ");
        value_print_elapsed(next_ms, &why);
    }
    if (answer_bool(instance, "stale"))
        text_str(&why, " (older than what is written now)");
    table_cell(table, text_get(&why), NULL);
}

void instances_print(const json_t *instances, struct console console, struct text *out) {
    bool has_health = instances_have_health(instances);
    struct table table = {.columns = has_health ? instances_columns_health : instances_columns,
                          .column_count = sizeof instances_columns / sizeof *instances_columns + has_health};
    size_t i = 0;
    const json_t *instance = NULL;
    json_array_foreach(instances, i, instance) {
        const char *state = answer_string(instance, "state", "?");
        table_cell(&table, answer_string(instance, "name", "?"), NULL);
        table_cell(&table, state, instances_colour(state));
        if (has_health)
            instances_health(&table, instance);
        instances_int(&table, instance, "pid");
        instances_text(&table, instance, "uptime_ms", value_print_elapsed);
        instances_int(&table, instance, "restarts");
        instances_cpu(&table, instance);
        instances_text(&table, instance, "memory_bytes", answer_print_bytes);
        instances_int(&table, instance, "port");
        instances_why(&table, instance);
    }
    table_print(&table, console.width, console.colour, out);
    table_fini(&table);
}
