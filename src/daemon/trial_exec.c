/* exec: a command that exits with 0. Whatever it has started is gone when the try is over. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/why.h"
#include "core/words.h"
#include "daemon/trial_inside.h"
#include "host/fs.h"
#include "host/proc.h"
#include "host/tree.h"

struct exec_trial {
    struct trial trial;
    struct loop_timer limit;
    struct words words;
    char *program;
    char *cwd;
    char *command;      /* as written */
    struct proc proc;   /* the try that runs, if one does */
    struct text answer; /* of the last that was a no */
};

/* ---- ending it whole ---- */

/* It runs in a process group of its own, and has not been waited for yet: the number is still its. */
static void kill_group(const struct exec_trial *self) {
    if (self->proc.pid > 0)
        (void)kill(-self->proc.pid, SIGKILL);
}

static bool has_orphans(uint32_t tag) {
    struct tree_tags orphans = {0};
    bool has = tree_orphans(&orphans) < 0 || tree_tags_has(&orphans, tag);
    tree_tags_fini(&orphans);
    return has;
}

/* The last command of an instance that ends takes with it what any of them has left behind. */
static void leave_nest(struct exec_trial *self, bool is_over) {
    struct trial_nest *nest = self->trial.app.nest;
    nest->running--;
    if (nest->running == 0 && (!is_over || has_orphans(nest->tag)))
        (void)tree_signal(nest->tag, SIGKILL, 0, NULL);
}

static void cancel(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    loop_timer_stop(trial->loop, &self->limit);
    if (self->proc.pid == 0)
        return;
    kill_group(self);
    proc_forget(&self->proc);
    leave_nest(self, false);
}

/* ---- trying ---- */

static void on_limit(struct loop_timer *timer) {
    kill_group(LOOP_CONTAINER(timer, struct exec_trial, limit));
}

static void note_end(struct exec_trial *self, bool timed_out, struct outcome outcome) {
    text_clear(&self->answer);
    text_printf(&self->answer, "%s ", self->command);
    if (timed_out)
        text_printf(&self->answer, "did not end within %" PRId64 "ms", self->trial.limit_ms);
    else
        outcome_print(outcome, &self->answer);
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    struct exec_trial *self = LOOP_CONTAINER(proc, struct exec_trial, proc);
    bool timed_out = !self->limit.active;
    bool is_yes = !timed_out && outcome.kind == OUTCOME_EXIT && outcome.number == 0;
    loop_timer_stop(self->trial.loop, &self->limit);
    leave_nest(self, true);
    if (!is_yes)
        note_end(self, timed_out, outcome);
    trial_end(&self->trial, is_yes ? TRIAL_YES : TRIAL_NO);
}

static void begin(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    struct proc_spec spec = {.path = self->program,
                             .argv = self->words.list,
                             .envp = trial->app.envp,
                             .cwd = self->cwd,
                             .terms = trial->app.nest->terms,
                             .tag = trial->app.nest->tag};
    struct proc_failure failure;
    if (proc_spawn(&self->proc, &spec, on_ended, &failure) < 0) {
        text_clear(&self->answer);
        text_printf(&self->answer, "%s %s: %s", proc_step_words(failure.step), self->program, strerror(failure.error));
        trial_end(trial, TRIAL_NO);
        return;
    }
    trial->app.nest->running++;
    loop_timer_at(trial->loop, &self->limit, mono_add_ms(loop_now(trial->loop), trial->limit_ms), on_limit);
}

/* ---- sentences ---- */

static void print_yes(const struct trial *trial, struct text *out) {
    text_printf(out, "%s exited with code 0", ((const struct exec_trial *)trial)->command);
}

static void print_no(const struct trial *trial, struct text *out) {
    const struct exec_trial *self = (const struct exec_trial *)trial;
    if (self->answer.len > 0)
        text_str(out, text_get(&self->answer));
    else if (self->proc.pid > 0)
        text_printf(out, "%s did not end", self->command);
}

/* ---- making ---- */

static bool init(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct exec_trial *self = (struct exec_trial *)trial;
    const char *cwd = making->config->cwd;
    self->command = strdup(making->condition->path);
    self->cwd = manifest_path(making->root, cwd ? cwd : ".", making->env);
    if (!self->command || !self->cwd) {
        text_str(error, "out of memory");
        return false;
    }
    if (!words_split(self->command, &self->words, error))
        return false;
    const char *path_list = env_get(making->env, "PATH");
    const char *name = self->words.list[0];
    int result = fs_find_program(name, self->cwd, path_list ? path_list : "/usr/bin:/bin", &self->program);
    if (result < 0)
        text_printf(error, "cannot find %s, which exec: runs: %s", name, strerror(-result));
    return result >= 0;
}

static void fini(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    words_fini(&self->words);
    free(self->program);
    free(self->cwd);
    free(self->command);
    text_fini(&self->answer);
}

const struct trial_kind trial_exec = {.bytes = sizeof(struct exec_trial),
                                      .init = init,
                                      .fini = fini,
                                      .begin = begin,
                                      .cancel = cancel,
                                      .print_yes = print_yes,
                                      .print_no = print_no};
