/* Starting, signalling and waiting for processes.
 *
 * A spawn shares our memory until execve (clone with CLONE_VM | CLONE_VFORK | CLONE_PIDFD), so that it costs no page
 * tables and the step that failed is simply written where we read it. One that changes its user does not:
 * docs/adr/0018. All waiting is in reap.c: SIGCHLD through the loop's signalfd, then waitid for whatever has ended, our
 * own processes and the orphans that come to us as their subreaper alike.
 *
 * Every process is tagged: its soft RLIMIT_LOCKS is set to its instance's tag. No kernel since 2.4.24 looks at that
 * limit, it is kept by fork, execve, setsid and an emptied environment, and it can be read of any process of ours: so
 * it tells whose a process is, however it detached (docs/adr). */
#ifndef UPKEEP_HOST_PROC_H
#define UPKEEP_HOST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/limits.h"
#include "core/outcome.h"
#include "core/value.h"
#include "host/account.h"
#include "host/loop.h"

enum {
    PROC_MAX_FDS = 4 + LIMIT_LISTEN,
    PROC_PID_DIGITS = 10, /* as many as a pid can have */
};

/* What a start consists of, in order; the step that failed is part of the report. */
enum proc_step {
    PROC_STEP_FORK,
    PROC_STEP_DESCRIPTORS,
    PROC_STEP_OOM_SCORE_ADJ,
    PROC_STEP_LIMITS,
    PROC_STEP_LIMIT_NOFILE,
    PROC_STEP_LIMIT_CORE,
    PROC_STEP_NICE,
    PROC_STEP_ACCOUNT,
    PROC_STEP_PRIVILEGES,
    PROC_STEP_CWD,
    PROC_STEP_EXEC
};

/* Who a process is to be, and what it is to have, that is not as we are and have it. Zero-initialised is nothing. */
struct proc_terms {
    struct account account; /* with its groups; owned */
    struct spawn_attributes attributes;
};

struct proc_spec {
    const char *path; /* of the program; absolute, or relative to cwd */
    char *const *argv;
    char *const *envp;
    const char *cwd;                /* absolute; entered with the rights of whoever it is to be */
    const struct proc_terms *terms; /* NULL: none; needed during the call only */
    uint32_t tag; /* of the instance; not 0, and no other supervisor's on this machine: drawn from a random base */
    struct {
        int from;        /* ours */
        int to;          /* the child's number */
    } fds[PROC_MAX_FDS]; /* 0, 1 and 2 that are not named become /dev/null */
    size_t fd_count;
    char *pid_text; /* in one of envp: room for PROC_PID_DIGITS and a NUL, where the child writes its pid; NULL: none */
};

/* Has the child find ours under the number to. There is room for PROC_MAX_FDS. */
static inline void proc_spec_pass(struct proc_spec *spec, int ours, int to) {
    spec->fds[spec->fd_count].from = ours;
    spec->fds[spec->fd_count++].to = to;
}

struct proc_failure {
    enum proc_step step;
    int error; /* errno */
};

/* One process of ours. Memory is the caller's, zero-initialised; must not move while running. */
struct proc {
    pid_t pid; /* 0: not running */
    int pidfd;
    uint32_t tag;
    bool adopted;
    void (*ended)(struct proc *proc, struct outcome outcome); /* once, from the loop, after the process is gone */
    struct proc *next;                                        /* of reap's table */
    struct loop_io exit; /* of an adopted one, whose end may be told to somebody else */
};

/* Prepares this process to supervise: subreaper, RLIMIT_NOFILE to its hard limit (children get the old one back) less a
 * reserve, inherited descriptors close-on-exec, the signals of writes (SIGPIPE, SIGXFSZ, SIGTTOU) ignored, SIGCHLD
 * watched. settled (may be NULL) is called after each round of ended() callbacks, and when only orphans ended. 0 or
 * -errno. */
int proc_setup(struct loop *loop, void (*settled)(void *context), void *context);

/* For a process that goes on to do something else: gives back what proc_setup() took (but for close-on-exec), so that
 * whatever it starts next is none the wiser. No proc runs any more; the loop is there still. */
void proc_release(void);

/* The last few descriptor numbers are kept back for what must work when apps have taken all others: between true and
 * false they can be had, and what was opened by then is kept. Nothing before proc_setup. */
void proc_use_reserve(bool use);

/* Own session and process group, signals and mask reset, only the named descriptors. Blocks until execve has succeeded
 * or failed. 0, or -errno with the step in *failure_out. ended is called later, never from within. */
int proc_spawn(struct proc *proc, const struct proc_spec *spec, void (*ended)(struct proc *, struct outcome),
               struct proc_failure *failure_out) __attribute__((warn_unused_result));

/* Has the end of a process that something else of the tree has started reported as one of ours: by MAINPID= an app
 * names another main process, which becomes our child when its parent ends. When it ends before that, its status goes
 * to its parent: the outcome is OUTCOME_LOST. 0 or -errno: -ESRCH when there is no such process or its tag is another,
 * -EEXIST when its end is reported already. */
int proc_adopt(struct proc *proc, pid_t pid, uint32_t tag, void (*ended)(struct proc *, struct outcome))
    __attribute__((warn_unused_result));

/* Reports nothing more of it; the process goes on. */
void proc_forget(struct proc *proc);

/* Through the pidfd; SIGCONT follows every signal but SIGKILL and those that stop. 0 or -errno; -ESRCH when it is not
 * running. */
int proc_signal(const struct proc *proc, int signal);

/* The same, for whoever has a pidfd of their own. */
int proc_signal_pidfd(int pidfd, int signal);

/* `cannot enter`, `cannot execute`, …: the words for a step, to be followed by what it was about and the error. */
const char *proc_step_words(enum proc_step step);

#endif
