#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

/* On a stack of our own, of which the address sanitizer would say that it does not know it. */
#define CHILD_STACK __attribute__((no_sanitize("address")))

CHILD_STACK static _Noreturn void give_up(struct child_plan *plan, enum proc_step step) {
    plan->failure.error = errno;
    plan->failure.step = step;
    _exit(127);
}

/* Copying a table of thousands of descriptors, to close them all at execve, costs more than the rest of a spawn. So the
 * child shares the supervisor's table at first, and copies only what lies below first_closed: what it is to have was
 * put there by proc.c. */
static int take_descriptors(const struct child_plan *plan) {
    if (close_range(plan->first_closed, ~0U, CLOSE_RANGE_UNSHARE) < 0)
        return -1;
    for (size_t i = 0; i < plan->move_count; i++) {
        int staged = plan->moves[i].staged;
        int to = plan->moves[i].to;
        if ((staged == to ? fcntl(to, F_SETFD, 0) : dup2(staged, to)) < 0)
            return -1;
    }
    return 0;
}

/* Into the memory that the supervisor's environment for us stands in; nobody else looks at it until execve. */
static void write_pid(char *text) {
    char digits[PROC_PID_DIGITS];
    size_t count = 0;
    for (pid_t pid = getpid(); pid > 0; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count > 0)
        *text++ = digits[--count];
    *text = '\0';
}

/* No signal of ours has a handler, and execve would reset it; what was ignored would stay so. */
static void reset_signals(const struct child_plan *plan) {
    struct sigaction to_default = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < plan->ignored_count; i++)
        sigaction(plan->ignored[i], &to_default, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

CHILD_STACK int child_main(void *context) {
    struct child_plan *plan = context;
    setsid(); /* cannot fail: a new process leads no group */
    if (take_descriptors(plan) < 0)
        give_up(plan, PROC_STEP_DESCRIPTORS);
    if (chdir(plan->cwd) < 0)
        give_up(plan, PROC_STEP_CWD);
    if (setrlimit(RLIMIT_NOFILE, &plan->nofile) < 0 || setrlimit(RLIMIT_LOCKS, &plan->locks) < 0)
        give_up(plan, PROC_STEP_LIMITS);
    reset_signals(plan);
    if (plan->pid_text)
        write_pid(plan->pid_text);
    execve(plan->path, plan->argv, plan->envp);
    give_up(plan, PROC_STEP_EXEC);
}
