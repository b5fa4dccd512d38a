/* A host of glass: the contracts of host/loop.h, host/proc.h and host/tree.h, and of the daemon's own rooms that touch
 * the system (launch, output, readiness, say), over a virtual clock. What a process does is a script; days pass in
 * milliseconds. It keeps the real host's promises and fails the test when the supervisor asks for what makes no sense.
 */
#ifndef TESTS_SIM_FAKE_HOST_H
#define TESTS_SIM_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/manifest.h"
#include "daemon/supervisor.h"

/* How each start of an app goes. Times are milliseconds after the spawn (or the signal); -1: never. */
struct fake_script {
    bool spawn_fails;
    int ready_after_ms;
    int exit_after_ms;
    int exit_code;
    bool ignores_stop_signal;
    int stop_takes_ms;   /* from the stop signal to the end */
    bool leaves_orphan;  /* something of the tree outlives the main process, until it is signalled */
    bool orphan_ignores; /* … with SIGKILL only */
    int sick_after_ms;   /* from then on its health checks are missed; 0: never */
    int sick_for_ms;     /* for so long; 0: for ever */
    int helper_takes_ms; /* the stop_command, beside the main process; -1: for ever */
};

struct fake_world;

/* Reads the manifest and makes a supervisor over the fake host. */
struct fake_world *fake_new(const char *manifest, uint32_t seed);
void fake_free(struct fake_world *world);

struct supervisor *fake_supervisor(struct fake_world *world);

/* Replaces the script of an app, from its next start on. */
void fake_script(struct fake_world *world, const char *app, const struct fake_script *script);

/* Has the supervisor take another manifest: its new apps are to start, those whose names are in `restarted` to restart,
 * the others to go on. */
void fake_take(struct fake_world *world, const char *manifest, const char *restarted);

/* Lets ms of virtual time pass, or stops early when the loop was broken. */
void fake_run(struct fake_world *world, int64_t ms);

/* The supervisor has broken its loop. */
bool fake_is_over(const struct fake_world *world);

enum phase fake_phase(const struct fake_world *world, const char *app);
unsigned fake_spawns(struct fake_world *world, const char *app);
int64_t fake_now_ms(const struct fake_world *world);
size_t fake_processes(const struct fake_world *world);

/* A set with just these apps marked (names separated by blanks; "" is all), valid until the next call. */
const bool *fake_set(struct fake_world *world, const char *names);

/* What has happened: `12:start backend` lines of spawns, signals and ends in order; `strstr` it. */
const char *fake_trace(const struct fake_world *world);
void fake_trace_clear(struct fake_world *world);

extern const struct actor fake_actor;

#endif
