/* What can be asked over the control socket: the table in verbs.c has a row for each method of the interfaces. */
#ifndef UPKEEP_DAEMON_VERBS_H
#define UPKEEP_DAEMON_VERBS_H

#include "daemon/call.h"

struct verb {
    const char *method;                /* INTERFACE.METHOD */
    void (*handle)(struct call *call); /* replies at once, or leaves the call going on */
};

/* Ends with a NULL method. */
extern const struct verb verbs[];

/* Hands the call to its row, or replies with the error that says which part of its name is wrong. */
void verbs_handle(struct call *call);

#endif
