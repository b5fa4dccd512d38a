#include "core/varlink.h"

#include <errno.h>
#include <string.h>

#include "core/json_text.h"
#include "core/limits.h"

/* Looks at the bytes before a parser makes a tree of them: a megabyte of `[[[[…` or of `{},{},…` would become a hundred
 * megabytes, or a recursion as deep as it is long. Counts what opens and what separates; text in strings does not
 * count.
 */
static bool varlink_is_bounded(const char *bytes, size_t len, size_t max_values) {
    size_t depth = 0;
    size_t values = 1;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++, values++;
        else if (c == '}' || c == ']')
            depth -= depth > 0;
        else if (c == ',')
            values++;
        if (depth > LIMIT_NESTING || values > max_values)
            return false;
    }
    return true;
}

static json_t *varlink_load(const char *bytes, size_t len, size_t max_values, size_t flags) {
    if (!varlink_is_bounded(bytes, len, max_values))
        return NULL;
    json_t *message = json_loadb(bytes, len, flags, NULL);
    if (message && !json_is_object(message)) {
        json_decref(message);
        return NULL;
    }
    return message;
}

/* One row a member that a message may have; null stands for an absent one, but not where a member is required. */
struct varlink_member {
    const char *name;
    json_type type; /* JSON_TRUE for a boolean */
    bool required;
    json_t *value;
};

static bool varlink_has_type(const json_t *value, json_type type) {
    return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

/* Fills the rows' values. The name of the offending member, or NULL when all is well; "" for one that has no row. */
static const char *varlink_members(json_t *message, struct varlink_member *members, size_t count) {
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(message, members[i].name);
        known += value != NULL;
        if (json_is_null(value))
            value = NULL;
        if (value ? !varlink_has_type(value, members[i].type) : members[i].required)
            return members[i].name;
        members[i].value = value;
    }
    const char *key;
    json_t *value;
    if (known < json_object_size(message))
        json_object_foreach(message, key, value) known += strchr(key, '.') != NULL;
    return known < json_object_size(message) ? "" : NULL;
}

int varlink_call_parse(const char *bytes, size_t len, struct varlink_call *out, const char **member_out) {
    json_t *message = varlink_load(bytes, len, LIMIT_CALL_VALUES, JSON_REJECT_DUPLICATES);
    if (!message)
        return -EBADMSG;
    enum { METHOD, PARAMETERS, ONEWAY, MORE, UPGRADE, COUNT };
    struct varlink_member members[COUNT] = {
        [METHOD] = {"method", JSON_STRING, true, NULL},  [PARAMETERS] = {"parameters", JSON_OBJECT, false, NULL},
        [ONEWAY] = {"oneway", JSON_TRUE, false, NULL},   [MORE] = {"more", JSON_TRUE, false, NULL},
        [UPGRADE] = {"upgrade", JSON_TRUE, false, NULL},
    };
    const char *offending = varlink_members(message, members, COUNT);
    if (offending) {
        json_decref(message);
        *member_out = *offending ? offending : "message";
        return -EINVAL;
    }
    *out = (struct varlink_call){
        .message = message,
        .method = json_string_value(members[METHOD].value),
        .parameters = members[PARAMETERS].value,
        .oneway = json_is_true(members[ONEWAY].value),
        .more = json_is_true(members[MORE].value),
        .upgrade = json_is_true(members[UPGRADE].value),
    };
    return 0;
}

void varlink_call_fini(struct varlink_call *call) {
    json_decref(call->message);
    *call = (struct varlink_call){0};
}

int varlink_reply_parse(const char *bytes, size_t len, struct varlink_reply *out) {
    json_t *message = varlink_load(bytes, len, SIZE_MAX, 0);
    if (!message)
        return -EBADMSG;
    enum { PARAMETERS, CONTINUES, ERROR, COUNT };
    struct varlink_member members[COUNT] = {
        [PARAMETERS] = {"parameters", JSON_OBJECT, false, NULL},
        [CONTINUES] = {"continues", JSON_TRUE, false, NULL},
        [ERROR] = {"error", JSON_STRING, false, NULL},
    };
    if (varlink_members(message, members, COUNT)) {
        json_decref(message);
        return -EBADMSG;
    }
    *out = (struct varlink_reply){
        .message = message,
        .parameters = members[PARAMETERS].value,
        .error = json_string_value(members[ERROR].value),
        .continues = json_is_true(members[CONTINUES].value),
    };
    return 0;
}

void varlink_reply_fini(struct varlink_reply *reply) {
    json_decref(reply->message);
    *reply = (struct varlink_reply){0};
}

static int varlink_append(const char *bytes, size_t len, void *out) {
    text_append(out, bytes, len);
    return 0;
}

bool varlink_call_write(struct text *out, const char *method, const json_t *parameters, bool oneway, bool more) {
    json_text_object(out, NULL);
    json_text_string(out, "method", method);
    if (parameters) {
        text_str(out, ",\"parameters\":");
        if (json_dump_callback(parameters, varlink_append, out, JSON_COMPACT) < 0)
            return false;
    }
    if (oneway)
        json_text_bool(out, "oneway", true);
    if (more)
        json_text_bool(out, "more", true);
    json_text_object_end(out);
    text_char(out, '\0');
    return !out->failed;
}

void varlink_reply_begin(struct text *out, const char *error) {
    json_text_object(out, NULL);
    if (error)
        json_text_string(out, "error", error);
    json_text_object(out, "parameters");
}

void varlink_reply_end(struct text *out, bool continues) {
    json_text_object_end(out);
    if (continues)
        json_text_bool(out, "continues", true);
    json_text_object_end(out);
    text_char(out, '\0');
}
