/* Which apps are started anew although nothing has changed for them, when another manifest is taken. Pure. */
#ifndef UPKEEP_CORE_RENEWAL_H
#define UPKEEP_CORE_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>

enum renewal {
    RENEWAL_NONE,   /* it is left alone, or what has changed decides */
    RENEWAL_NAMED,  /* the caller has a reason */
    RENEWAL_FAILED, /* it had failed, kept failing, or was held up by one that had */
    RENEWAL_DOWN,   /* it was down, and is to be up */
    RENEWAL_AGAIN,  /* a oneshot that was done: it has changed, or something that depends on it is started */
};

enum renewal_state { RENEWAL_IS_UP, RENEWAL_IS_DOWN, RENEWAL_IS_DONE, RENEWAL_HAS_FAILED };

struct renewal_app {
    const size_t *deps; /* indices of the apps that it depends on; borrowed */
    size_t dep_count;
    enum renewal_state state; /* RENEWAL_IS_UP for one that is new: there is nothing to renew */
    bool autostart;
    bool is_named;
    bool has_changed; /* in whatever way */
    bool is_started;  /* because it has changed, or is new */
    enum renewal renewal;
};

/* Sets `renewal` of each. complete: not of those alone that are named, but of all that it takes to have everything up
 * that `autostart` says so of, by a new run of the oneshots that it depends on. */
void renewal_decide(struct renewal_app *apps, size_t count, bool complete);

/* For people: `it had failed`. NULL for RENEWAL_NONE, and for RENEWAL_NAMED, of which the caller knows. */
const char *renewal_why(enum renewal renewal);

#endif
