/* The exhaustive walk: every state that an instance can reach, under every event, gate and rule.
 *
 * A world is the lifecycle's state together with the facts of a host that keeps its promises (core/lifecycle.h) and is
 * otherwise as nasty as it likes: processes ignore signals, leave others behind, exit at the worst moment. Time goes in
 * steps of one unit, and all instants are told relative to now, so that the number of worlds is finite. */
#ifndef UPKEEP_TESTS_MODEL_H
#define UPKEEP_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/lifecycle.h"

#define UNIT_MS INT64_C(1000)

/* The instant at which every world is looked at. */
#define MODEL_NOW ((struct mono){1000 * (int64_t)1000000000})

enum process { PROCESS_NONE, PROCESS_PRE_START, PROCESS_MAIN };

/* What is there. _killed: it was sent SIGKILL and its end is due. */
struct host {
    enum process process;
    bool process_killed;
    bool helper;
    bool helper_killed;
    bool rest; /* others of the tree */
    bool rest_killed;
    bool spawning; /* a spawn was asked for and not answered */
};

struct world {
    struct lifecycle life;
    struct host host;
};

/* One thing that can happen in a world. */
struct move {
    struct lifecycle_event event;
    bool is_lie;    /* a host that keeps its promises does not send this now */
    bool is_report; /* the host tells what has happened to processes */
};

enum { MOVES_MAX = 256 };

/* ---- host.c ---- */

/* Everything that can happen, reports and requests, with every gate; returns how many. */
size_t host_moves(const struct world *world, struct move *moves);

/* The facts as of the event. */
struct host host_hear(const struct world *world, const struct lifecycle_rules *rules,
                      const struct lifecycle_event *event);

/* The facts after an act. */
struct host host_obey(struct host host, enum act act);

/* Whether a fair host lets time pass: it answers a spawn, and what was killed dies, before the clock moves. */
bool host_may_wait(const struct host *host);

/* ---- world.c ---- */

/* A world as a number, the same for all worlds that behave the same. */
uint64_t world_pack(const struct lifecycle *life, const struct host *host, const struct lifecycle_rules *rules);
struct world world_unpack(uint64_t packed);

/* The world one unit later, with nothing done about it. */
struct world world_later(struct world world);

/* ---- invariants.c ---- */

struct transition {
    const struct lifecycle_rules *rules;
    const struct world *before;
    const struct move *move;
    struct host heard; /* the facts that the step was made from */
    struct lifecycle_step step;
    struct host host; /* the facts after its act */
};

struct invariant {
    const char *sentence; /* for docs/lifecycle.md */
    bool (*holds)(const struct transition *t);
};

/* Ends with a NULL sentence. */
extern const struct invariant invariants[];

bool life_equals(const struct lifecycle *a, const struct lifecycle *b);

/* ---- table.c ---- */

void table_note(const struct transition *t);

/* The contents of docs/lifecycle.md, for the lifecycle as it was walked. */
void table_write(FILE *out);

#endif
