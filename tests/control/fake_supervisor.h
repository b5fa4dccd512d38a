/* A supervisor that has no processes: its instances are what a test says they are. Implements daemon/supervisor.h. */
#ifndef UPKEEP_TESTS_FAKE_SUPERVISOR_H
#define UPKEEP_TESTS_FAKE_SUPERVISOR_H

#include "core/text.h"
#include "daemon/supervisor.h"

enum { FAKE_INSTANCES = 8 };

struct fake_instance {
    char *name;
    size_t deps[FAKE_INSTANCES];
    size_t dep_count;
    struct lifecycle life;
    struct app_config config;
    struct history history;
    struct text why;
    const char *status;
    const char *tail;
    const char *log_path;
    pid_t pid;
    bool wanted;
    bool pending; /* set when something is asked; a test clears it */
    int holds;    /* of its health */
};

struct supervisor {
    struct loop *loop;
    struct manifest manifest;
    struct fake_instance instances[FAKE_INSTANCES];
    size_t count;
    struct supervisor_watch *watches;
    uint64_t changes;
    const char *state;
    struct text asked;  /* what was asked of it, `start web db; ` */
    struct actor actor; /* who asked last */
    int signal_error;   /* what supervisor_signal() answers */
    bool environment_fails;
};

/* names: separated by blanks. All are stopped. runtime_dir: for the control socket. */
struct supervisor *fake_new(struct loop *loop, const char *runtime_dir, const char *names);

void fake_depends(struct supervisor *fake, size_t index, size_t on);

/* The instance comes to be in this phase, for this cause; who watches is told. Takes care of goal and times. */
void fake_change(struct supervisor *fake, size_t index, enum phase phase, enum cause cause, const char *detail);

/* The round is over: who watches is told. */
void fake_round(struct supervisor *fake);

size_t fake_watches(const struct supervisor *fake);

/* What was asked since the last time; valid until the next. */
const char *fake_asked(struct supervisor *fake);

#endif
