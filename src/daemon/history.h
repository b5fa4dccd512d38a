/* What happened to each instance: the last LIMIT_HISTORY changes of every one, numbered over all. `events`, `why` and
 * the failure card are read from here. */
#ifndef UPKEEP_DAEMON_HISTORY_H
#define UPKEEP_DAEMON_HISTORY_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "core/lifecycle.h"
#include "core/limits.h"

enum actor_kind { ACTOR_POLICY, ACTOR_USER, ACTOR_SIGNAL, ACTOR_SYSTEMD, ACTOR_DEPENDENCY, ACTOR_MANIFEST };

/* Who asked. */
struct actor {
    enum actor_kind kind;
    uid_t uid;  /* ACTOR_USER */
    pid_t pid;  /* ACTOR_USER */
    int signal; /* ACTOR_SIGNAL */
};

/* One change of an instance's phase. */
struct change {
    uint64_t number;      /* 1, 2, 3 … over all instances of this supervisor */
    struct timespec time; /* CLOCK_REALTIME */
    enum phase from;
    enum phase to;
    struct why why;
    struct actor actor;
    pid_t pid;              /* of the process concerned, 0 for none */
    struct mono next_start; /* to == BACKOFF: when; else MONO_NEVER */
    char *detail;           /* owned; NULL for none */
};

/* A ring; zero-initialised is empty. */
struct history {
    struct change *ring; /* LIMIT_HISTORY of them, made when the instance is added */
    unsigned count;
    unsigned next;
};

/* 0 or -ENOMEM. */
int history_init(struct history *history);
void history_fini(struct history *history);

/* Takes over change->detail. */
void history_add(struct history *history, const struct change *change);

/* The i-th oldest that is remembered; NULL beyond. */
const struct change *history_at(const struct history *history, unsigned i);

#endif
