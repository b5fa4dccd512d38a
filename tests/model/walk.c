/* Walks through every state that an instance can reach, for every kind of rules, and checks every transition against
 * the invariants; then that a stop always ends, and that what is wanted and healthy always comes up.
 *
 *   model_walk                 checks, and prints how much was visited
 *   model_walk --write FILE    only walks, and writes docs/lifecycle.md
 *   model_walk --compare FILE  only walks, and fails when FILE is not what would be written */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* ---- the set of visited worlds ---- */

enum { WORLDS_MAX = 1 << 17, SLOTS = WORLDS_MAX * 2 };

struct visited {
    uint64_t *worlds; /* in the order of their discovery */
    uint32_t *parents;
    uint8_t *marks;
    size_t count;
    size_t cap;
    uint32_t *slots; /* SLOTS of them: index + 1; 0: free */
};

static void *must(void *memory) {
    if (!memory) {
        fputs("model: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void visited_init(struct visited *set) {
    set->cap = WORLDS_MAX;
    set->worlds = must(calloc(set->cap, sizeof *set->worlds));
    set->parents = must(calloc(set->cap, sizeof *set->parents));
    set->marks = must(calloc(set->cap, sizeof *set->marks));
    set->slots = must(calloc(SLOTS, sizeof *set->slots));
}

static void visited_fini(struct visited *set) {
    free(set->worlds);
    free(set->parents);
    free(set->marks);
    free(set->slots);
}

static size_t slot_of(const struct visited *set, uint64_t world) {
    size_t slot = (size_t)((world * 0x9e3779b97f4a7c15ULL) >> 40) & (SLOTS - 1);
    while (set->slots[slot] != 0 && set->worlds[set->slots[slot] - 1] != world)
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

/* Forgets all; only the slots that are in use are touched. */
static void visited_clear(struct visited *set) {
    for (size_t i = set->count; i-- > 0;)
        set->slots[slot_of(set, set->worlds[i])] = 0;
    memset(set->marks, 0, set->count);
    set->count = 0;
}

static uint32_t visited_add(struct visited *set, uint64_t world, uint32_t parent) {
    size_t slot = slot_of(set, world);
    if (set->slots[slot] != 0)
        return set->slots[slot] - 1;
    if (set->count == set->cap) {
        fputs("model: more states than expected: is one of them not normalised?\n", stderr);
        exit(1);
    }
    set->worlds[set->count] = world;
    set->parents[set->count] = parent;
    set->slots[slot] = (uint32_t)++set->count;
    return (uint32_t)set->count - 1;
}

/* ---- failing ---- */

static void print_world(const struct lifecycle *life, const struct host *host) {
    printf("  %-12s goal %s, takedown %d, step %u, deadline ", phase_name(life->phase),
           life->goal == GOAL_UP ? "up" : "down", life->takedown, life->step);
    if (mono_is_never(life->deadline))
        printf("none");
    else
        printf("%+lld ms", (long long)mono_ms_between(MODEL_NOW, life->deadline));
    static const char *const processes[] = {"no process", "pre_start", "main"};
    printf("; %s%s%s%s%s\n", processes[host->process], host->process_killed ? " (killed)" : "",
           host->helper ? ", stop_command" : "", host->rest ? ", rest" : "", host->spawning ? ", spawning" : "");
}

static void print_rules(const struct lifecycle_rules *r) {
    printf("  rules: %s%s%s%s%s, %u pre_start, ready_timeout %lld, kill_timeout %lld, watchdog %lld, restart %d, delay "
           "%lld, "
           "max_restarts %u\n",
           r->oneshot ? "oneshot" : "service", r->ready_at_spawn ? ", ready at spawn" : "",
           r->has_stop_command ? ", stop_command" : "", r->kill_group ? ", kill group" : "",
           r->kill_process_only ? ", kill process" : "", r->pre_start_count, (long long)r->ready_timeout_ms,
           (long long)r->kill_timeout_ms, (long long)r->watchdog_ms, r->restart.when, (long long)r->restart.delay_ms,
           r->restart.max_restarts);
}

static void print_path(const struct visited *set, uint32_t index) {
    if (set->parents[index] != index)
        print_path(set, set->parents[index]);
    struct world world = world_unpack(set->worlds[index]);
    print_world(&world.life, &world.host);
}

_Noreturn static void fail(const char *what, const struct visited *set, uint32_t index,
                           const struct lifecycle_rules *rules) {
    printf("broken: %s\n", what);
    print_rules(rules);
    print_path(set, index);
    exit(1);
}

/* ---- every transition ---- */

static void make_transition(const struct world *before, const struct lifecycle_rules *rules, const struct move *move,
                            struct transition *t) {
    t->rules = rules;
    t->before = before;
    t->move = move;
    t->heard = move->is_lie ? before->host : host_hear(before, rules, &move->event);
    t->step = lifecycle_step(&before->life, rules, &move->event);
    t->host = host_obey(t->heard, t->step.act);
}

static uint32_t visited_add_next(struct visited *set, const struct transition *t, uint32_t from) {
    return visited_add(set, world_pack(&t->step.next, &t->host, t->rules), from);
}

static void check(const struct transition *t, const struct visited *set, uint32_t index) {
    for (const struct invariant *invariant = invariants; invariant->sentence; invariant++) {
        if (invariant->holds(t))
            continue;
        printf("at event %s (gate %d, success %d, tree_left %d), which leads with act %s to\n",
               event_name(t->move->event.kind), t->move->event.gate, t->move->event.success, t->move->event.tree_left,
               act_name(t->step.act));
        print_world(&t->step.next, &t->host);
        fail(invariant->sentence, set, index, t->rules);
    }
}

struct totals {
    bool is_checked;
    size_t rules;
    size_t worlds;
    size_t transitions;
};

static void walk(struct visited *set, const struct lifecycle_rules *rules, struct totals *totals) {
    struct world first = {.life = lifecycle_init(MODEL_NOW)};
    visited_add(set, world_pack(&first.life, &first.host, rules), 0);
    for (uint32_t i = 0; i < set->count; i++) {
        struct world world = world_unpack(set->worlds[i]);
        struct move moves[MOVES_MAX];
        size_t count = host_moves(&world, moves);
        for (size_t m = 0; m < count; m++) {
            struct transition t;
            make_transition(&world, rules, &moves[m], &t);
            if (totals->is_checked)
                check(&t, set, i);
            table_note(&t);
            visited_add_next(set, &t, i);
        }
        struct world later = world_later(world);
        visited_add(set, world_pack(&later.life, &later.host, rules), i);
        totals->transitions += count + 1;
    }
    totals->worlds += set->count;
    totals->rules++;
}

/* ---- what must come to an end ---- */

/* A promise that something is reached whatever a fair host does: the moves that it may choose among lead on, never in
 * a circle, until one of the ends. */
struct promise {
    const char *sentence;
    bool (*concerns)(const struct world *world);
    bool (*is_end)(const struct world *world);
    bool (*may)(const struct world *world, const struct lifecycle_rules *rules, const struct move *move);
    bool (*may_wait)(const struct world *world); /* until the next unit, and a tick */
};

enum { FRESH, OPEN, PROVED };

static void prove(struct visited *set, const struct lifecycle_rules *rules, const struct promise *promise,
                  uint32_t index);

static void prove_next(struct visited *set, const struct lifecycle_rules *rules, const struct promise *promise,
                       const struct world *world, const struct move *move, uint32_t from) {
    struct transition t;
    make_transition(world, rules, move, &t);
    uint32_t index = visited_add_next(set, &t, from);
    if (set->marks[index] == OPEN)
        fail(promise->sentence, set, index, rules);
    prove(set, rules, promise, index);
}

/* The depth is bounded by the deadlines: a few dozen steps. */
static void prove(struct visited *set, const struct lifecycle_rules *rules, const struct promise *promise,
                  uint32_t index) {
    if (set->marks[index] == PROVED)
        return;
    set->marks[index] = OPEN;
    struct world world = world_unpack(set->worlds[index]);
    if (!promise->concerns(&world))
        fail(promise->sentence, set, index, rules);
    if (!promise->is_end(&world)) {
        struct move moves[MOVES_MAX];
        size_t count = host_moves(&world, moves);
        size_t followed = 0;
        for (size_t m = 0; m < count; m++) {
            if (moves[m].is_lie || !promise->may(&world, rules, &moves[m]))
                continue;
            prove_next(set, rules, promise, &world, &moves[m], index);
            followed++;
        }
        if (promise->may_wait(&world)) {
            struct world later = world_later(world);
            const struct move tick = {.event = {.kind = EVENT_TICK, .now = MODEL_NOW, .gate = GATE_OPEN}};
            prove_next(set, rules, promise, &later, &tick, index);
            followed++;
        }
        if (followed == 0)
            fail(promise->sentence, set, index, rules);
    }
    set->marks[index] = PROVED;
}

static bool is_wanted_down(const struct world *world) {
    return world->life.goal == GOAL_DOWN;
}

static bool is_stopped(const struct world *world) {
    return world->life.phase == PHASE_STOPPED;
}

/* Processes end when they like and leave behind what they like. */
static bool may_end(const struct world *world, const struct lifecycle_rules *rules, const struct move *move) {
    (void)rules;
    switch (move->event.kind) {
    case EVENT_SPAWNED:
    case EVENT_SPAWN_FAILED:
    case EVENT_EXITED:
    case EVENT_HELPER_ENDED:
        return true;
    case EVENT_EMPTIED:
        return world->life.phase == PHASE_CLEARING || world->host.rest_killed;
    case EVENT_START:
    case EVENT_STOP:
    case EVENT_RESTART:
    case EVENT_KILL:
    case EVENT_GATE:
    case EVENT_READY:
    case EVENT_UNFIT:
    case EVENT_UNHEALTHY:
    case EVENT_ALIVE:
    case EVENT_HUNG:
    case EVENT_EXTEND:
    case EVENT_ENDING:
    case EVENT_TICK:
        return false;
    }
    return false;
}

/* They may also ignore everything but SIGKILL. */
static bool may_linger(const struct world *world) {
    return host_may_wait(&world->host) && !mono_is_never(world->life.deadline);
}

/* Takedowns that may end in giving up are not what this is about. */
static bool is_wanted_up(const struct world *world) {
    enum cause takedown = world->life.takedown;
    return world->life.goal == GOAL_UP && world->life.phase != PHASE_FAILED &&
           (takedown == CAUSE_NONE || takedown == CAUSE_ASKED_RESTART);
}

static bool is_up(const struct world *world) {
    return world->life.phase == PHASE_READY || world->life.phase == PHASE_DONE;
}

/* The dependencies are ready, spawning works, commands succeed, the app becomes ready. */
static bool may_be_healthy(const struct world *world, const struct lifecycle_rules *rules, const struct move *move) {
    const struct lifecycle_event *event = &move->event;
    if (event->gate != GATE_OPEN)
        return false;
    if (phase_is_stopping(world->life.phase) || world->life.takedown != CAUSE_NONE)
        return may_end(world, rules, move);
    switch (event->kind) {
    case EVENT_GATE:
        return world->life.phase == PHASE_WAITING || world->life.phase == PHASE_BLOCKED;
    case EVENT_SPAWNED:
        return true;
    case EVENT_READY:
        return world->life.phase == PHASE_STARTING;
    case EVENT_EXITED:
        return event->success && (world->host.process == PROCESS_PRE_START || (rules->oneshot && !event->tree_left));
    case EVENT_START:
    case EVENT_STOP:
    case EVENT_RESTART:
    case EVENT_KILL:
    case EVENT_SPAWN_FAILED:
    case EVENT_UNFIT:
    case EVENT_UNHEALTHY:
    case EVENT_ALIVE:
    case EVENT_HUNG:
    case EVENT_EXTEND:
    case EVENT_ENDING:
    case EVENT_HELPER_ENDED:
    case EVENT_EMPTIED:
    case EVENT_TICK:
        return false;
    }
    return false;
}

/* What is healthy is ready before its time is over; what is being ended may still take all of it. */
static bool may_take_its_time(const struct world *world) {
    bool is_waiting = phase_is_stopping(world->life.phase) || world->life.phase == PHASE_BACKOFF;
    return is_waiting && may_linger(world);
}

static const struct promise promises[] = {
    {"A stop always ends in stopped.", is_wanted_down, is_stopped, may_end, may_linger},
    {"A wanted, healthy app always comes up.", is_wanted_up, is_up, may_be_healthy, may_take_its_time},
};

static void prove_all(struct visited *set, const struct lifecycle_rules *rules) {
    for (size_t p = 0; p < sizeof promises / sizeof *promises; p++) {
        memset(set->marks, FRESH, set->count);
        for (uint32_t i = 0; i < set->count; i++) {
            struct world world = world_unpack(set->worlds[i]);
            if (promises[p].concerns(&world))
                prove(set, rules, &promises[p], i);
        }
    }
}

/* ---- every kind of rules ---- */

static const struct restart_rules restarts[] = {
    {RESTART_WHEN_ALWAYS, UNIT_MS, 2 * UNIT_MS, UNIT_MS, 2 * UNIT_MS, 1},
    {RESTART_WHEN_ALWAYS, 0, 0, UNIT_MS, UNIT_MS, 0},
    {RESTART_WHEN_FAILED, UNIT_MS, UNIT_MS, 0, 2 * UNIT_MS, 2},
    {RESTART_WHEN_NEVER, UNIT_MS, UNIT_MS, UNIT_MS, UNIT_MS, 1},
};

static void walk_all(struct visited *set, struct totals *totals) {
    static const uint32_t pre_starts[] = {0, 2};
    enum { TREE, GROUP, PROCESS };
    for (size_t r = 0; r < sizeof restarts / sizeof *restarts; r++)
        for (size_t p = 0; p < sizeof pre_starts / sizeof *pre_starts; p++)
            for (int mode = TREE; mode <= PROCESS; mode++)
                for (unsigned bits = 0; bits < (r == 0 ? 64U : 32U); bits++) {
                    struct lifecycle_rules rules = {
                        .oneshot = bits & 1,
                        .ready_at_spawn = bits & 2,
                        .has_stop_command = bits & 4,
                        .ready_timeout_ms = bits & 8 ? 2 * UNIT_MS : 0,
                        .kill_timeout_ms = bits & 16 ? 2 * UNIT_MS : 0,
                        .watchdog_ms = bits & 32 ? UNIT_MS : 0,
                        .kill_group = mode == GROUP,
                        .kill_process_only = mode == PROCESS,
                        .pre_start_count = pre_starts[p],
                        .restart = restarts[r],
                    };
                    visited_clear(set);
                    walk(set, &rules, totals);
                    if (totals->is_checked)
                        prove_all(set, &rules);
                }
}

/* ---- the table ---- */

static int write_table(const char *path) {
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        return 1;
    }
    table_write(out);
    return fclose(out) == 0 ? 0 : 1;
}

static char *read_whole(FILE *file, size_t *len_out) {
    enum { DOC_MAX = 1 << 20 };
    char *data = must(malloc(DOC_MAX));
    *len_out = fread(data, 1, DOC_MAX, file);
    return data;
}

static int compare_table(const char *path) {
    FILE *committed = fopen(path, "r");
    FILE *fresh = tmpfile();
    if (!committed || !fresh) {
        perror(path);
        return 1;
    }
    table_write(fresh);
    rewind(fresh);
    size_t a_len = 0;
    size_t b_len = 0;
    char *a = read_whole(committed, &a_len);
    char *b = read_whole(fresh, &b_len);
    bool is_same = a_len == b_len && memcmp(a, b, a_len) == 0;
    free(a);
    free(b);
    fclose(committed);
    fclose(fresh);
    if (!is_same)
        printf("%s is stale: write it anew with `model_walk --write %s`\n", path, path);
    return is_same ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 1 && argc != 3)
        return 2;
    struct visited set = {0};
    struct totals totals = {.is_checked = argc == 1};
    visited_init(&set);
    walk_all(&set, &totals);
    visited_fini(&set);
    if (argc == 3)
        return strcmp(argv[1], "--write") == 0 ? write_table(argv[2]) : compare_table(argv[2]);
    printf("%zu states, %zu transitions under %zu kinds of rules: every invariant holds\n", totals.worlds,
           totals.transitions, totals.rules);
    return 0;
}
