/* One call over the control socket: what was asked, by whom, and the writing of its replies. control.c makes it from a
 * message, a row of verbs.c answers it. */
#ifndef UPKEEP_DAEMON_CALL_H
#define UPKEEP_DAEMON_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"
#include "core/varlink.h"
#include "daemon/report.h"
#include "daemon/supervisor.h"

#define CALL_INTERFACE "io.upkeep.Supervisor"

struct call {
    struct supervisor *supervisor;
    struct report *report;
    struct actor actor;
    struct varlink_call message;
    bool *set;        /* marks of instances, for the handler; freed with the call */
    struct text *out; /* where replies are appended; of the connection */
    size_t mark;      /* where the reply that is being written begins */
    bool is_answered; /* the last reply was written */
    bool is_patient;  /* the connection is kept after this call however long it is silent */

    /* A call that is not answered when its handler returns goes on. */
    void *going_on;                 /* what it holds */
    void (*end)(struct call *call); /* gives that back; also when the caller has hung up. NULL: nothing to give back */
    void (*wake)(struct call *);    /* the connection's: a reply was written since the handler has returned */
};

/* A reply: between begin and end, its parameters are written with json_text to what begin returns. A call that wants no
 * reply gets none. continues: more replies follow. */
struct text *call_reply(struct call *call);
struct text *call_reply_error(struct call *call, const char *name);
void call_reply_end(struct call *call, bool continues);

/* Whole replies that are errors, and the last of their calls. name: without the interface's. */
void call_error(struct call *call, const char *name);
void call_error_about(struct call *call, const char *name, const char *key, const char *value);
void call_fail(struct call *call, const char *why);

/* The standard errors, org.varlink.service. */
void call_service_error(struct call *call, const char *name, const char *key, const char *value);

/* A parameter that a method takes. */
enum call_type {
    CALL_STRING,  /* const char * */
    CALL_STRINGS, /* json_t *, an array of strings */
    CALL_NAMED,   /* json_t *, an object of strings */
    CALL_BOOL,    /* bool */
    CALL_INT,     /* int64_t */
};

struct call_param {
    const char *name;
    enum call_type type;
    bool required; /* else it may be absent or null, and *out is left as it is */
    void *out;     /* borrowed from the call */
};

/* Takes the call's parameters. False when one is missing, unknown or of another type: the error is replied then. */
bool call_params(struct call *call, const struct call_param *params, size_t count);

#endif
