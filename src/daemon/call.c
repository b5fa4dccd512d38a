#include "daemon/call.h"

#include <string.h>

#include "core/json_text.h"

struct text *call_reply_error(struct call *call, const char *name) {
    call->mark = call->out->len;
    varlink_reply_begin(call->out, name);
    return call->out;
}

struct text *call_reply(struct call *call) {
    return call_reply_error(call, NULL);
}

void call_reply_end(struct call *call, bool continues) {
    varlink_reply_end(call->out, continues);
    if (call->message.oneway && !call->out->failed)
        call->out->len = call->mark;
    call->is_answered = !continues;
}

static void call_any_error(struct call *call, const char *interface, const char *name, const char *key,
                           const char *value) {
    struct text full TEXT_AUTO = {0};
    text_printf(&full, "%s.%s", interface, name);
    struct text *out = call_reply_error(call, text_get(&full));
    if (key)
        json_text_string(out, key, value);
    call_reply_end(call, false);
}

void call_error(struct call *call, const char *name) {
    call_any_error(call, CALL_INTERFACE, name, NULL, NULL);
}

void call_error_about(struct call *call, const char *name, const char *key, const char *value) {
    call_any_error(call, CALL_INTERFACE, name, key, value);
}

void call_fail(struct call *call, const char *why) {
    call_any_error(call, CALL_INTERFACE, "Failed", "why", why);
}

void call_service_error(struct call *call, const char *name, const char *key, const char *value) {
    call_any_error(call, VARLINK_SERVICE, name, key, value);
}

static bool call_is_strings(const json_t *value) {
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return false;
    json_array_foreach(value, i, item) {
        if (!json_is_string(item))
            return false;
    }
    return true;
}

static bool call_is_named(const json_t *value) {
    const char *name;
    json_t *item;
    json_object_foreach((json_t *)value, name, item) {
        if (!json_is_string(item))
            return false;
    }
    return json_is_object(value);
}

/* False when the value is of another type. */
static bool call_take(json_t *value, const struct call_param *param) {
    switch (param->type) {
    case CALL_STRING:
        if (!json_is_string(value))
            return false;
        *(const char **)param->out = json_string_value(value);
        return true;
    case CALL_STRINGS:
        if (!call_is_strings(value))
            return false;
        *(json_t **)param->out = value;
        return true;
    case CALL_NAMED:
        if (!call_is_named(value))
            return false;
        *(json_t **)param->out = value;
        return true;
    case CALL_BOOL:
        if (!json_is_boolean(value))
            return false;
        *(bool *)param->out = json_is_true(value);
        return true;
    case CALL_INT:
        if (!json_is_integer(value))
            return false;
        *(int64_t *)param->out = json_integer_value(value);
        return true;
    }
    return false;
}

static const struct call_param *call_find(const struct call_param *params, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

static bool call_refuse(struct call *call, const char *param) {
    call_service_error(call, "InvalidParameter", "parameter", param);
    return false;
}

bool call_params(struct call *call, const struct call_param *params, size_t count) {
    const char *name;
    json_t *value;
    for (size_t i = 0; i < count; i++) {
        value = json_object_get(call->message.parameters, params[i].name);
        bool is_absent = !value || json_is_null(value);
        if (is_absent ? params[i].required : !call_take(value, &params[i]))
            return call_refuse(call, params[i].name);
    }
    json_object_foreach(call->message.parameters, name, value) {
        if (!call_find(params, count, name))
            return call_refuse(call, name);
    }
    return true;
}
