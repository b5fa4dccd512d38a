/* upkeep deploy at work: what its parts share. Internal to cli/deploy*.c. */
#ifndef UPKEEP_CLI_DEPLOY_H
#define UPKEEP_CLI_DEPLOY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/session.h"
#include "cli/unit.h"

struct deploy_step;

struct deploy {
    struct session session;
    const struct deploy_step *step; /* under way, or the one that failed */
    int64_t began_ms;
    int64_t step_began_ms;
    int64_t deadline_ms;    /* of --timeout; INT64_MAX: none */
    bool was_running;       /* a supervisor, when it began, and none has been seen to be gone since */
    struct unit_found unit; /* that is to run the manifest */
    bool is_touched;        /* apps were started, replaced or stopped, or may have been */
    bool is_interrupted;    /* somebody asked it to end */
    struct text remark;     /* what the line at the end of the step says besides */
    struct text reason;     /* why it failed: one line */

    /* For --json and the summary; each NULL until known. */
    json_t *steps;
    json_t *prepared; /* as `prepare --json` tells it */
    json_t *changes;
    json_t *instances;
    json_t *failures;
    json_t *results; /* of verify */
    json_t *rollback;

    FILE *out; /* for people: standard output, unless that is for the JSON */
    /* The answer to Ctrl-C; two, as one may be needed while the other is written. */
    struct {
        struct text sentence;
        struct text json;
    } interrupted[2];
    unsigned interrupted_in_use;
    int lock;                      /* -1: not taken */
    struct upkeep_client *watcher; /* a connection to look on by while another waits; NULL: not yet */
};

struct deploy_step {
    const char *name;                                 /* for people, UPKEEP_DEPLOY_STEP and --json */
    const char *about;                                /* what it is about to do */
    const char *(*idle)(const struct deploy *deploy); /* why there is nothing to do, or NULL; NULL: there always is */
    int (*run)(struct deploy *deploy); /* CODE_DONE or the code for the exit, having said why by code_fail() */
};

extern const struct deploy_step deploy_steps[];
extern const size_t deploy_step_count;

/* The steps; and why there is nothing for them to do, or NULL. */
int deploy_check(struct deploy *deploy);
const char *deploy_idle_prepare(const struct deploy *deploy);
int deploy_prepare(struct deploy *deploy);
int deploy_check_again(struct deploy *deploy);
int deploy_start_or_apply(struct deploy *deploy);
const char *deploy_idle_wait(const struct deploy *deploy);
int deploy_wait(struct deploy *deploy);
const char *deploy_idle_verify(const struct deploy *deploy);
int deploy_verify(struct deploy *deploy);

/* ---- what they share ---- */

/* Why an app is started anew that was prepared. */
#define DEPLOY_PREPARED "prepared anew"

/* What is left of --timeout, 0 when that is over; limit_ms (-1: none) where it was not given. */
int64_t deploy_left_ms(const struct deploy *deploy, int64_t limit_ms);

/* What prepare came to for an app (`prepared`, `skipped` …); NULL: it has nothing to prepare. */
const char *deploy_prepared(const struct deploy *deploy, const char *app);

/* Whether the manifest has something to say there. */
bool deploy_is_written(const struct manifest_app *app, const char *key);

/* Whether an instance of a reply is in that state; the item of a list that is about this app, or NULL. */
bool deploy_is_in(const json_t *instance, const char *state);
const json_t *deploy_find(const json_t *list, const char *app);

/* Connects, if a supervisor runs. Anew at each call: it closes a connection that is idle for as long as a build takes.
 */
int deploy_connect(struct deploy *deploy);

/* A call that may take its time: meanwhile its line says how far it has come. parameters: taken over. CODE_DONE, or the
 * code for the exit after having said why; *reply_out: the caller's. */
int deploy_call(struct deploy *deploy, const char *method, json_t *parameters, int64_t wait_ms, json_t **reply_out);

/* Apply, of which everything in renew is to be started anew, each with why; and what that would do, with a refusal for
 * whatever stands in the way. *reply_out: the caller's, NULL when there is none. */
int deploy_apply(struct deploy *deploy, json_t *renew, json_t **reply_out);
int deploy_try(struct deploy *deploy, json_t *renew, json_t **reply_out);

/* Keeps value in the place of what is there. */
void deploy_set(json_t **known, json_t *value);

/* Keeps and judges what a reply says of the apps. */
int deploy_take_reply(struct deploy *deploy, json_t *reply);

/* ---- telling ---- */

void deploy_begin_step(struct deploy *deploy);
void deploy_end_step(struct deploy *deploy, int code);
void deploy_skip_step(struct deploy *deploy, const char *why);

/* Writes what a step has to show, which is whole lines. */
void deploy_show(struct deploy *deploy, const struct text *lines);
/* Says on the open line of the step how far it has come: what the supervisor's instances are at. */
void deploy_show_progress(struct deploy *deploy);

/* What Ctrl-C is answered with from now on: how things stand. */
void deploy_arm_interrupt(struct deploy *deploy);

/* From now on apps are started, replaced or stopped. */
void deploy_touch(struct deploy *deploy);

/* `; nothing was touched, the stack runs as before`: how things stand after a step that failed. */
void deploy_print_standing(const struct deploy *deploy, bool is_interrupted, struct text *out);

/* The table of what was done, as far as it came. */
void deploy_show_summary(struct deploy *deploy);

/* The whole outcome as one object. why: it failed. */
void deploy_print_json(const struct deploy *deploy, int code, const char *why, struct text *out);

/* ---- going back ---- */

/* Runs the command of --rollback-command, which is there, and says how it ended. */
void deploy_roll_back(struct deploy *deploy);

#endif
