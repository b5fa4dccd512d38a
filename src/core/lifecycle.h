/* The life of one instance as one pure function: by value, no heap, no clock, no names, no processes.
 *
 * Fact, wish and reason are three fields. The phase says what is; the goal says what is wanted; the cause of a takedown
 * says why the present process is being ended. Timers are state: a phase that waits has a deadline, and a TICK is only
 * a hint to look at the clock. A step has at most one act. docs/lifecycle.md is the table of phase × event, written by
 * tests/model.
 *
 * What the host promises, and tests/model relies on:
 * - ACT_SPAWN is answered once, by SPAWNED or SPAWN_FAILED; everything else from that process comes after SPAWNED.
 * - EXITED comes once for each process that was SPAWNED, HELPER_ENDED once for each ACT_STOP_COMMAND, also when it
 *   could not be run; nothing comes from a process after its end.
 * - What ACT_KILL_… was sent to ends. When an end was reported with tree_left, EMPTIED follows as soon as nothing is.
 */
#ifndef UPKEEP_CORE_LIFECYCLE_H
#define UPKEEP_CORE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mono.h"
#include "core/outcome.h"
#include "core/restart.h"

enum phase {
    PHASE_STOPPED,   /* no process, none wanted */
    PHASE_DONE,      /* a oneshot that ended well */
    PHASE_FAILED,    /* gave up, until told to start */
    PHASE_BLOCKED,   /* a dependency has failed for good */
    PHASE_WAITING,   /* for dependencies */
    PHASE_BACKOFF,   /* for the deadline, then again */
    PHASE_SPAWNING,  /* a spawn was asked for and not answered */
    PHASE_PREPARING, /* a pre_start command runs */
    PHASE_STARTING,  /* the main process runs, not ready yet */
    PHASE_READY,
    PHASE_STOP_COMMAND, /* stop_command runs beside the main process */
    PHASE_STOP_TAIL,    /* the main process is gone, its stop_command still runs */
    PHASE_STOPPING,     /* the main process was signalled, or said that it ends by itself */
    PHASE_CLEARING,     /* the main process is gone, others of its tree are not */
    PHASE_KILLING,      /* SIGKILL was sent */
};
enum { PHASE_COUNT = PHASE_KILLING + 1 };

enum goal { GOAL_DOWN, GOAL_UP };

/* What brought a change about, or takes a process down. */
enum cause {
    CAUSE_NONE,
    CAUSE_ASKED_START,
    CAUSE_ASKED_STOP,
    CAUSE_ASKED_RESTART,
    CAUSE_ASKED_KILL,
    CAUSE_DEPENDENCY_READY,
    CAUSE_DEPENDENCY_MISSING, /* not ready yet */
    CAUSE_DEPENDENCY_FAILED,
    CAUSE_BACKOFF_OVER,
    CAUSE_SPAWNED,
    CAUSE_SPAWN_FAILED,
    CAUSE_READY,
    CAUSE_NOT_READY_IN_TIME,
    CAUSE_UNFIT,     /* the readiness probe found what can never become right (a stranger on the port) */
    CAUSE_UNHEALTHY, /* ready, and its health condition was missed too often in a row */
    CAUSE_WATCHDOG,  /* ready, and not heard of in time; or it said itself that it hangs */
    CAUSE_ENDING,    /* the app said STOPPING=1: it ends by itself */
    CAUSE_EXITED,
    CAUSE_PRE_START_DONE,
    CAUSE_PRE_START_FAILED,
    CAUSE_STOP_COMMAND_ENDED,
    CAUSE_KILL_TIMEOUT,
};
enum { CAUSE_COUNT = CAUSE_KILL_TIMEOUT + 1 };

/* The dependencies of an instance as core/plan sees them. */
enum gate { GATE_OPEN, GATE_CLOSED, GATE_BROKEN };

struct lifecycle_rules {
    bool oneshot;
    bool ready_at_spawn; /* readiness is `spawned` */
    bool has_stop_command;
    bool kill_group;        /* kill_mode = group: the stop signal goes to the whole tree at once */
    bool kill_process_only; /* kill_mode = process */
    uint32_t pre_start_count;
    int64_t ready_timeout_ms; /* for each pre_start command and for the main process; 0: none */
    int64_t kill_timeout_ms;
    int64_t watchdog_ms; /* within which a ready app must be heard of; 0: it need not */
    struct restart_rules restart;
};

struct lifecycle {
    enum phase phase;
    enum goal goal;
    enum cause takedown;     /* why the present process is being ended, or what is left of its tree (CAUSE_EXITED: it
                              * ended by itself); CAUSE_NONE when nothing is. In SPAWNING: to be begun on SPAWNED */
    uint32_t step;           /* pre_start commands done so far in this start */
    struct mono since;       /* when this phase began */
    struct mono spawned;     /* when the main or pre_start process began; MONO_UNSET when there is none */
    struct mono helper;      /* when the stop_command began; MONO_UNSET when none runs */
    struct mono ready_since; /* when that process became ready; MONO_UNSET when it is not there or never did */
    struct mono deadline;    /* of this phase's wait; MONO_NEVER when it has none */
    int64_t limit_ms;        /* how long that wait is in all, for the words */
    int64_t missed_ms;       /* how long the wait was that led to the takedown */
    int64_t watchdog_ms;     /* of this start: the rules', until the app changes it */
    struct outcome outcome;  /* of the last process that ended, but for a pre_start that ended well */
    bool success;            /* outcome is among the successes */
    int64_t lasted_ms;       /* how long that process had lasted; -1 when none has ended in this start */
    int64_t ready_ms;        /* how long of that it had been ready; -1 when it never was */
    uint32_t begun;          /* starts since somebody asked for one; see lifecycle_restarts() */
    struct restart_record record;
};

enum lifecycle_event_kind {
    EVENT_START, /* wanted up; `explicit_start` also runs a done oneshot again and forgives failures */
    EVENT_STOP,
    EVENT_RESTART,
    EVENT_KILL, /* down, at once */
    EVENT_GATE, /* the dependencies may have changed */
    EVENT_SPAWNED,
    EVENT_SPAWN_FAILED,
    EVENT_READY,
    EVENT_UNFIT,
    EVENT_UNHEALTHY,    /* its health condition was missed too often in a row */
    EVENT_ALIVE,        /* the main process is well, or has changed its watchdog_ms */
    EVENT_HUNG,         /* it says that it is not */
    EVENT_EXTEND,       /* it needs more time for what it is doing */
    EVENT_ENDING,       /* it ends by itself, and has yet to clear up */
    EVENT_EXITED,       /* of the main or pre_start process */
    EVENT_HELPER_ENDED, /* of the stop_command */
    EVENT_EMPTIED,      /* nothing is left of the tree but those whose end is reported by itself */
    EVENT_TICK,
};
enum { EVENT_COUNT = EVENT_TICK + 1 };

struct lifecycle_event {
    enum lifecycle_event_kind kind;
    struct mono now;
    enum gate gate;         /* at every event */
    uint32_t chance;        /* at every event */
    bool explicit_start;    /* START: somebody named this app */
    struct outcome outcome; /* EXITED, HELPER_ENDED */
    bool success;           /* EXITED: the outcome is among the successes */
    bool tree_left;         /* EXITED, HELPER_ENDED, SPAWN_FAILED (after a pre_start): others are still there */
    int64_t watchdog_ms;    /* ALIVE: from now on, 0 for none; -1: as it was */
    int64_t extend_ms;      /* EXTEND: counted from now; a deadline that is later already stays */
};

enum act {
    ACT_NONE,
    ACT_SPAWN, /* pre_start command number `step`, or the main process when all are done */
    ACT_STOP_COMMAND,
    ACT_SIGNAL_MAIN, /* stop signal, then SIGCONT */
    ACT_SIGNAL_TREE,
    ACT_KILL_MAIN, /* SIGKILL, also to a stop_command that still runs */
    ACT_KILL_TREE, /* SIGKILL to everything, main process and stop_command included */
};

/* Why the change, for people: core/why.h makes the sentence. */
struct why {
    enum cause cause;
    struct outcome outcome; /* of the process whose end brought the change about, or ended a takedown for this cause */
    int64_t after_ms;       /* how long what ended had lasted; the limit, for a timeout */
};

struct lifecycle_step {
    struct lifecycle next;
    enum act act;
    struct why why; /* cause is CAUSE_NONE when neither phase, goal nor takedown changed and nothing is spawned anew */
};

/* A new instance: stopped, not wanted. */
struct lifecycle lifecycle_init(struct mono now);

/* The whole life. Never fails; an event that means nothing in a phase changes nothing. */
struct lifecycle_step lifecycle_step(const struct lifecycle *state, const struct lifecycle_rules *rules,
                                     const struct lifecycle_event *event);

/* How often it was started again without being asked. */
uint32_t lifecycle_restarts(const struct lifecycle *state);

/* Whether a process of this instance may exist. */
bool phase_has_process(enum phase phase);

/* Whether the app is what it is to be, ready or a oneshot that is done: what depends on it may start. */
bool phase_is_up(enum phase phase);

/* Whether the phase is one of ending a process. */
bool phase_is_stopping(enum phase phase);

/* The contract's word for the phase: `stopped`, `waiting`, `starting`, `ready`, `stopping`, `backoff`, `failed`,
 * `blocked`, `done`. */
const char *phase_word(enum phase phase);

/* The phase's own name, for docs and tests: `stop-command`. */
const char *phase_name(enum phase phase);
const char *event_name(enum lifecycle_event_kind kind);
const char *act_name(enum act act);

#endif
