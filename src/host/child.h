/* The code between clone and execve. It runs in the supervisor's own memory, on a stack of its own, while the
 * supervisor stands still: so it may call nothing but async-signal-safe functions (a test looks at its symbols) and
 * write nothing but its report and its pid. Descriptors are shared too, until the child takes its copy of the lowest
 * few. Only a child that changes its user has memory and descriptors of its own from the start. */
#ifndef UPKEEP_HOST_CHILD_H
#define UPKEEP_HOST_CHILD_H

#include <stddef.h>
#include <sys/resource.h>

#include "host/proc.h"

enum { CHILD_MAX_MOVES = PROC_MAX_FDS + 3 };

/* Borrowed by the child until execve. */
struct child_plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *cwd;
    char *pid_text;                 /* see proc.h */
    const struct proc_terms *terms; /* never NULL */
    bool changes_account;           /* terms->account is not ours */
    char oom_score_adj[8];          /* as it is written to /proc, with a newline; empty: it stays */
    char nice[8];                   /* likewise */
    struct rlimit nofile;
    struct rlimit locks;
    const int *ignored; /* signals to be set to their default */
    size_t ignored_count;
    struct {
        int staged; /* below first_closed, close-on-exec */
        int to;     /* no other move's `staged` */
    } moves[CHILD_MAX_MOVES];
    size_t move_count;
    unsigned first_closed; /* descriptors from here on do not exist for the child */

    int report_fd;               /* the report is written there, too; -1: our memory is shared */
    struct proc_failure failure; /* the report: error is 0 when execve succeeded, or when the child was killed before */
};

/* For clone(): context is a struct child_plan. Never returns. */
int child_main(void *context);

#endif
