#include "model.h"

/* Where the moves of a world are gathered. */
struct moves {
    struct move *list;
    size_t count;
};

/* Adds an event with every gate. */
static void add(struct moves *moves, struct move move) {
    for (int gate = GATE_OPEN; gate <= GATE_BROKEN; gate++) {
        move.event.now = MODEL_NOW;
        move.event.gate = (enum gate)gate;
        moves->list[moves->count++] = move;
    }
}

static void add_request(struct moves *moves, enum lifecycle_event_kind kind, bool named) {
    add(moves, (struct move){.event = {.kind = kind, .explicit_start = named}});
}

/* What the host cannot report now is tried once. */
static void add_report(struct moves *moves, bool is_possible, struct lifecycle_event event) {
    event.now = MODEL_NOW;
    struct move move = {.event = event, .is_lie = !is_possible, .is_report = true};
    if (is_possible)
        add(moves, move);
    else
        moves->list[moves->count++] = move;
}

/* What an app says of itself, or its health, starts nothing: the gate makes no difference. */
static void add_word(struct moves *moves, bool is_possible, struct lifecycle_event event) {
    event.now = MODEL_NOW;
    moves->list[moves->count++] = (struct move){.event = event, .is_lie = !is_possible, .is_report = true};
}

/* A report that may lead to the restart decision is tried with the least and the most jitter. */
static void add_end(struct moves *moves, bool is_possible, struct lifecycle_event event) {
    add_report(moves, is_possible, event);
    event.chance = UINT32_MAX;
    if (is_possible)
        add_report(moves, is_possible, event);
}

size_t host_moves(const struct world *world, struct move *list) {
    const struct host *host = &world->host;
    struct moves moves = {list, 0};

    add_request(&moves, EVENT_START, false);
    add_request(&moves, EVENT_START, true);
    add_request(&moves, EVENT_STOP, false);
    add_request(&moves, EVENT_RESTART, false);
    add_request(&moves, EVENT_KILL, false);
    add_request(&moves, EVENT_GATE, false);
    add_request(&moves, EVENT_TICK, false);

    bool has_process = host->process != PROCESS_NONE;
    bool has_main = host->process == PROCESS_MAIN;
    add_report(&moves, host->spawning, (struct lifecycle_event){.kind = EVENT_SPAWNED});
    add_report(&moves, has_main, (struct lifecycle_event){.kind = EVENT_READY});
    add_report(&moves, has_main, (struct lifecycle_event){.kind = EVENT_UNFIT});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_UNHEALTHY});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_ALIVE, .watchdog_ms = -1});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_ALIVE, .watchdog_ms = 2 * UNIT_MS});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_ALIVE});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_HUNG});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_ENDING});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_EXTEND, .extend_ms = UNIT_MS});
    add_word(&moves, has_main, (struct lifecycle_event){.kind = EVENT_EXTEND, .extend_ms = 3 * UNIT_MS});
    for (int left = 0; left <= 1; left++) {
        struct lifecycle_event end = {.tree_left = left};
        end.kind = EVENT_HELPER_ENDED;
        add_end(&moves, host->helper, end);
        end.kind = EVENT_SPAWN_FAILED;
        if (!left || host->rest)
            add_end(&moves, host->spawning, end);
        end.kind = EVENT_EXITED;
        add_end(&moves, has_process, end);
        end.success = true;
        add_end(&moves, has_process, end);
    }
    add_end(&moves, host->rest, (struct lifecycle_event){.kind = EVENT_EMPTIED});
    return moves.count;
}

struct host host_hear(const struct world *world, const struct lifecycle_rules *rules,
                      const struct lifecycle_event *event) {
    struct host host = world->host;
    switch (event->kind) {
    case EVENT_START:
    case EVENT_STOP:
    case EVENT_RESTART:
    case EVENT_KILL:
    case EVENT_GATE:
    case EVENT_TICK:
    case EVENT_READY:
    case EVENT_UNFIT:
    case EVENT_UNHEALTHY:
    case EVENT_ALIVE:
    case EVENT_HUNG:
    case EVENT_EXTEND:
    case EVENT_ENDING:
        return host;
    case EVENT_SPAWNED:
        host.spawning = false;
        host.process = world->life.step < rules->pre_start_count ? PROCESS_PRE_START : PROCESS_MAIN;
        return host;
    case EVENT_SPAWN_FAILED:
        host.spawning = false;
        break;
    case EVENT_EXITED:
        host.process = PROCESS_NONE;
        host.process_killed = false;
        break;
    case EVENT_HELPER_ENDED:
        host.helper = false;
        host.helper_killed = false;
        break;
    case EVENT_EMPTIED:
        break;
    }
    /* Whoever was killed is gone by now; who is left was born meanwhile. */
    host.rest = event->tree_left;
    host.rest_killed = false;
    return host;
}

struct host host_obey(struct host host, enum act act) {
    switch (act) {
    case ACT_NONE:
    case ACT_SIGNAL_MAIN:
    case ACT_SIGNAL_TREE:
        break;
    case ACT_SPAWN:
        host.spawning = true;
        break;
    case ACT_STOP_COMMAND:
        host.helper = true;
        break;
    case ACT_KILL_TREE:
        host.rest_killed = host.rest;
        host.process_killed = host.process != PROCESS_NONE;
        host.helper_killed = host.helper;
        break;
    case ACT_KILL_MAIN:
        host.process_killed = host.process != PROCESS_NONE;
        host.helper_killed = host.helper;
        break;
    }
    return host;
}

bool host_may_wait(const struct host *host) {
    return !host->spawning && !host->process_killed && !host->helper_killed && !host->rest_killed;
}
