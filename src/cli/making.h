/* One systemd unit in the making, from the session's manifest: for `upkeep unit`, and for what compares with it. */
#ifndef UPKEEP_CLI_MAKING_H
#define UPKEEP_CLI_MAKING_H

#include <stdbool.h>

#include "cli/session.h"
#include "core/diag.h"
#include "core/text.h"
#include "core/unit.h"

/* Zero-initialised but for the session. */
struct making {
    struct session *session;
    struct unit_spec spec;
    char *program;
    char *user;         /* who the apps will run as */
    struct text text;   /* the unit */
    struct text name;   /* NAME.service */
    struct text path;   /* where it is, or is to be, installed */
    struct diags diags; /* what will differ */
};

/* Everything about the unit that the session's manifest should have now. The exit code, having said why. */
int making_make(struct making *making);
void making_fini(struct making *making);

/* Whether it is one of somebody's own service manager (--user). */
bool making_is_of_manager(const struct making *making);

#endif
