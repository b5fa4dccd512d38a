/* The inside of local_prepare(), for prepare.c, which has the run, and prepare_part.c alone. */
#ifndef UPKEEP_LOCAL_PREPARE_INSIDE_H
#define UPKEEP_LOCAL_PREPARE_INSIDE_H

#include "core/prepare.h"
#include "core/prepared.h"
#include "daemon/launch.h"
#include "daemon/output.h"
#include "host/loop.h"
#include "host/proc.h"
#include "host/tree.h"

struct prepare_run;

/* One app's part. */
struct prepare_part {
    struct prepare_run *run;
    size_t index;
    uint32_t tag;
    const struct manifest_app *manifest_app;
    struct app_config config; /* of the step that runs, or the last that did */
    struct proc_terms terms;  /* likewise */
    struct output *output;    /* NULL: it writes nothing, not yet or no more */
    struct proc proc;         /* of the step */
    struct loop_timer kill;
    struct prepared inputs; /* as it was begun */
    bool has_inputs;
    bool has_written; /* its step has, a line at least */
};

struct prepare_run {
    struct loop *loop;
    const struct manifest *manifest;
    const struct prepare_wish *wish;
    struct prepare *prepare;
    struct env inherited;
    struct env env; /* of whichever step is being made */
    struct launch_context launch;
    struct output_hub *hub;
    struct prepare_part *parts;
    struct tree_tags orphans;
    struct loop_post turn;
    struct loop_post show;
    struct loop_timer tick;
    struct loop_timer limit;
    struct mono asked; /* when the last signal that counted came; MONO_UNSET: none has */
};

static inline struct prepare_app *prepare_part_app(const struct prepare_part *part) {
    return &part->run->prepare->apps[part->index];
}

/* ---- prepare_part.c ---- */

/* Its turn has come: looks whether it is needed, and runs its first step. What fails stops the others. */
void prepare_part_begin(struct prepare_part *part);

/* Its steps are over: what they have left running goes with them. It is settled now, or later from the loop. */
void prepare_part_finish(struct prepare_part *part, enum prepare_state verdict);

/* Ends what is left of it at once. kill: its timer. */
void prepare_part_kill(struct loop_timer *kill);

/* Nothing of it is left: it has its verdict now. */
void prepare_part_settle(struct prepare_part *part);

/* Shows whoever wants to be shown that its state has changed. */
void prepare_part_tell(const struct prepare_part *part);

void prepare_part_fini(struct prepare_part *part);

/* ---- prepare.c ---- */

/* Another part has come to its end: looks, from the loop, whose turn it is. */
void prepare_run_wake(struct prepare_run *run);

/* Stops all parts that run. */
void prepare_run_stop(struct prepare_run *run);

/* Whether a signal waits for the loop that asks us to end. */
bool prepare_run_is_asked(void);

#endif
