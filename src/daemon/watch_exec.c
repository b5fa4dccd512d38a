/* exec: a command that exits with 0 once the app is ready. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/why.h"
#include "core/words.h"
#include "daemon/pace.h"
#include "daemon/watch.h"
#include "host/fs.h"

enum {
    TRY_COST_US = 3000, /* of a small program's start and end */
    APART_MS = 100,     /* least time between two tries */
};

struct exec_watch {
    struct readiness *readiness;
    struct pace pace;
    struct loop_timer limit;
    struct words words;
    char *program;
    char *command;    /* as written */
    struct proc proc; /* the try that runs, if one does */
};

/* A command runs in a process group of its own; it has not been waited for yet, so the number is still its. */
static void kill_try(const struct exec_watch *watch) {
    if (watch->proc.pid > 0)
        (void)kill(-watch->proc.pid, SIGKILL);
}

static void note(struct exec_watch *watch, const char *what) {
    struct text *answer = &watch->readiness->answer;
    text_clear(answer);
    text_printf(answer, "%s %s", watch->command, what);
}

static void on_limit(struct loop_timer *timer) {
    kill_try(LOOP_CONTAINER(timer, struct exec_watch, limit));
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    struct exec_watch *watch = LOOP_CONTAINER(proc, struct exec_watch, proc);
    bool timed_out = !watch->limit.active;
    loop_timer_stop(watch->readiness->loop, &watch->limit);
    if (outcome.kind == OUTCOME_EXIT && outcome.number == 0) {
        text_printf(&watch->readiness->sentence, "%s exited with code 0", watch->command);
        pace_stop(&watch->pace);
        readiness_report(watch->readiness, WATCH_READY);
        return;
    }
    TEXT_AUTO struct text what = {0};
    if (timed_out)
        text_printf(&what, "did not end within %lldms", (long long)watch->readiness->try_limit_ms);
    else
        outcome_print(outcome, &what);
    note(watch, text_get(&what));
    pace_next(&watch->pace, APART_MS);
}

static void on_due(struct pace *pace) {
    struct exec_watch *watch = LOOP_CONTAINER(pace, struct exec_watch, pace);
    struct readiness *readiness = watch->readiness;
    struct proc_spec spec = {.path = watch->program,
                             .argv = watch->words.list,
                             .envp = readiness->envp,
                             .cwd = readiness->cwd,
                             .tag = readiness->tag};
    struct proc_failure failure;
    if (proc_spawn(&watch->proc, &spec, on_ended, &failure) < 0) {
        text_clear(&readiness->answer);
        text_printf(&readiness->answer, "%s %s: %s", proc_step_words(failure.step), watch->program,
                    strerror(failure.error));
        pace_next(pace, APART_MS);
        return;
    }
    loop_timer_at(readiness->loop, &watch->limit, mono_add_ms(loop_now(readiness->loop), readiness->try_limit_ms),
                  on_limit);
}

static int prepare(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct exec_watch *watch = readiness->state;
    watch->readiness = readiness;
    watch->command = strdup(request->config->ready.path);
    char *cwd = manifest_path(request->root, request->config->cwd ? request->config->cwd : ".", request->env);
    if (!watch->command || !cwd) {
        free(cwd);
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    if (!words_split(watch->command, &watch->words, error)) {
        free(cwd);
        return -EINVAL;
    }
    const char *path_list = env_get(request->env, "PATH");
    int result = fs_find_program(watch->words.list[0], cwd, path_list ? path_list : "/usr/bin:/bin", &watch->program);
    free(cwd);
    if (result < 0)
        text_printf(error, "cannot find %s, which ready = exec: runs: %s", watch->words.list[0], strerror(-result));
    return result;
}

static void start(struct readiness *readiness) {
    struct exec_watch *watch = readiness->state;
    pace_start(&watch->pace, readiness->loop, TRY_COST_US, on_due);
}

static void note_pending(struct readiness *readiness) {
    struct exec_watch *watch = readiness->state;
    if (readiness->answer.len == 0 && watch->proc.pid > 0)
        note(watch, "did not end");
}

static void stop(struct readiness *readiness) {
    struct exec_watch *watch = readiness->state;
    pace_stop(&watch->pace);
    loop_timer_stop(readiness->loop, &watch->limit);
    kill_try(watch);
    proc_forget(&watch->proc);
    words_fini(&watch->words);
    free(watch->program);
    free(watch->command);
    watch->program = watch->command = NULL;
}

const struct watch watch_exec = {.state_bytes = sizeof(struct exec_watch),
                                 .prepare = prepare,
                                 .start = start,
                                 .note_pending = note_pending,
                                 .stop = stop};
