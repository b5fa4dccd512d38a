/* Varlink messages (varlink.org/Method-Call) to and from bytes, with limits. A message on the wire is a JSON object
 * that ends with a NUL byte; here the NUL is the caller's: what is parsed stands without it, what is written has it. */
#ifndef UPKEEP_CORE_VARLINK_H
#define UPKEEP_CORE_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

#define VARLINK_SERVICE "org.varlink.service"

struct varlink_call {
    json_t *message;    /* owned; holds the memory of what follows */
    const char *method; /* INTERFACE.METHOD, as sent */
    json_t *parameters; /* an object; NULL when none were sent */
    bool oneway;        /* no reply is wanted */
    bool more;          /* several replies are welcome */
    bool upgrade;       /* the connection is to be taken over */
};

struct varlink_reply {
    json_t *message;    /* owned; holds the memory of what follows */
    json_t *parameters; /* an object; NULL when none were sent */
    const char *error;  /* its name; NULL: no error */
    bool continues;     /* more replies follow */
};

/* Strict: an object of the members above with the right types; nothing else but vendors' extensions (a member with a
 * dot in its name), which are passed over. 0, or -EBADMSG when it is no such object at all (garbage, duplicate keys,
 * nested deeper than LIMIT_NESTING, more than LIMIT_CALL_VALUES values), or -EINVAL with the offending member's name in
 * *member_out (static). On failure there is nothing to free. */
int varlink_call_parse(const char *bytes, size_t len, struct varlink_call *out, const char **member_out);
void varlink_call_fini(struct varlink_call *call);

/* The same for a reply, of any number of values; duplicate keys are not looked for. 0 or -EBADMSG. */
int varlink_reply_parse(const char *bytes, size_t len, struct varlink_reply *out);
void varlink_reply_fini(struct varlink_reply *reply);

/* Appends a call. parameters: borrowed, may be NULL. False when they cannot be written as JSON. */
bool varlink_call_write(struct text *out, const char *method, const json_t *parameters, bool oneway, bool more);

/* Appends a reply: between begin and end, members of its parameters are written with json_text. error: the name of one,
 * or NULL. */
void varlink_reply_begin(struct text *out, const char *error);
void varlink_reply_end(struct text *out, bool continues);

#endif
