/* Any bytes as a call and as a reply; what was understood is written and read again. */
#include "core/json_text.h"
#include "core/varlink.h"
#include "fuzz.h"

static void check_call(const char *bytes, size_t len) {
    struct varlink_call call;
    const char *member = NULL;
    int error = varlink_call_parse(bytes, len, &call, &member);
    PROMISE(error <= 0);
    if (error < 0)
        return;
    PROMISE(call.method && (!call.parameters || json_is_object(call.parameters)));

    struct text out TEXT_AUTO = {0};
    struct varlink_call again;
    PROMISE(varlink_call_write(&out, call.method, call.parameters, call.oneway, call.more));
    PROMISE(out.data[out.len - 1] == '\0' && strlen(out.data) == out.len - 1);
    PROMISE(varlink_call_parse(out.data, out.len - 1, &again, &member) == 0);
    PROMISE(strcmp(call.method, again.method) == 0);
    PROMISE(call.oneway == again.oneway && call.more == again.more);
    PROMISE(call.parameters ? json_equal(call.parameters, again.parameters) : !again.parameters);
    varlink_call_fini(&again);
    varlink_call_fini(&call);
}

/* Whatever bytes an app writes, the message that tells of them can be read. */
static void check_reply(const char *bytes, size_t len) {
    struct varlink_reply reply;
    if (varlink_reply_parse(bytes, len, &reply) == 0)
        varlink_reply_fini(&reply);

    struct text out TEXT_AUTO = {0};
    char *lines = fuzz_string((const uint8_t *)bytes, len);
    varlink_reply_begin(&out, NULL);
    json_text_string(&out, "string", lines);
    json_text_lines(&out, "lines", lines);
    json_text_tenths(&out, "tenths", (int64_t)len);
    varlink_reply_end(&out, true);
    PROMISE(varlink_reply_parse(out.data, out.len - 1, &reply) == 0);
    PROMISE(reply.continues && json_is_array(json_object_get(reply.parameters, "lines")));
    varlink_reply_fini(&reply);
    free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = size ? (const char *)data : "";
    check_call(bytes, size);
    check_reply(bytes, size);
    return 0;
}
