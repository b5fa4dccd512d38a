#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* On a stack of our own, of which the address sanitizer would say that it does not know it. */
#define CHILD_STACK __attribute__((no_sanitize("address")))

CHILD_STACK static _Noreturn void give_up(struct child_plan *plan, enum proc_step step) {
    struct proc_failure failure = {step, errno};
    plan->failure = failure;
    /* Less than a pipe holds at once; who was to read it can do without. */
    if (plan->report_fd >= 0 && write(plan->report_fd, &failure, sizeof failure) < 0)
        _exit(126);
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

/* Nothing where there is nothing to write. */
static int tell_kernel(const char *path, const char *text) {
    size_t len = strlen(text);
    if (len == 0)
        return 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, len);
    int error = errno;
    close(fd);
    errno = error;
    return written < 0 ? -1 : 0;
}

/* Where the kernel groups processes by session (sched(7), autogroup), nice counts within the session alone, and ours is
 * new: the group has a nice of its own. It is there only where it is needed, and not everybody may set it at any time.
 */
static int set_nice(const struct child_plan *plan) {
    const struct optional *nice = &plan->terms->attributes.nice;
    if (!nice->is_given)
        return 0;
    (void)tell_kernel("/proc/self/autogroup", plan->nice);
    return setpriority(PRIO_PROCESS, 0, (int)nice->number);
}

static int set_limit(int resource, const struct optional *limit) {
    rlim_t number = limit->number == VALUE_UNLIMITED ? RLIM_INFINITY : (rlim_t)limit->number;
    struct rlimit both = {number, number};
    return limit->is_given ? setrlimit((__rlimit_resource_t)resource, &both) : 0;
}

/* Its keys are not for the new user, who would possess them by being in the same session keyring: it joins an empty
 * one. Where there are no keyrings, or a container forbids them, there is nothing to leave. */
static void leave_keyring(void) {
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

/* The library's functions for these want all threads to change, by way of memory that may be the supervisor's: so the
 * kernel is asked. Groups first, as it is the user who has the right to change them. No capability outlives a change to
 * a user who is not root, in whatever set it was. */
static int change_account(const struct account *account) {
    if (!account->keeps_groups && syscall(SYS_setgroups, account->group_count, account->groups) < 0)
        return -1;
    if (syscall(SYS_setresgid, account->gid, account->gid, account->gid) < 0)
        return -1;
    if (account->keeps_groups)
        return 0;
    leave_keyring();
    if (syscall(SYS_setresuid, account->uid, account->uid, account->uid) < 0)
        return -1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    static const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    return account->uid == 0 ? 0 : (int)syscall(SYS_capset, &header, none);
}

/* All that takes rights comes before they are given up. */
CHILD_STACK static void take_terms(struct child_plan *plan) {
    const struct proc_terms *terms = plan->terms;
    if (tell_kernel("/proc/self/oom_score_adj", plan->oom_score_adj) < 0)
        give_up(plan, PROC_STEP_OOM_SCORE_ADJ);
    if (setrlimit(RLIMIT_NOFILE, &plan->nofile) < 0 || setrlimit(RLIMIT_LOCKS, &plan->locks) < 0)
        give_up(plan, PROC_STEP_LIMITS);
    if (set_limit(RLIMIT_NOFILE, &terms->attributes.limit_nofile) < 0)
        give_up(plan, PROC_STEP_LIMIT_NOFILE);
    if (set_limit(RLIMIT_CORE, &terms->attributes.limit_core) < 0)
        give_up(plan, PROC_STEP_LIMIT_CORE);
    if (set_nice(plan) < 0)
        give_up(plan, PROC_STEP_NICE);
    if (terms->attributes.umask.is_given)
        umask((mode_t)terms->attributes.umask.number);
    if (plan->changes_account && change_account(&terms->account) < 0)
        give_up(plan, PROC_STEP_ACCOUNT);
    if (terms->attributes.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
        give_up(plan, PROC_STEP_PRIVILEGES);
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
    take_terms(plan);
    if (chdir(plan->cwd) < 0)
        give_up(plan, PROC_STEP_CWD);
    reset_signals(plan);
    if (plan->pid_text)
        write_pid(plan->pid_text);
    execve(plan->path, plan->argv, plan->envp);
    give_up(plan, PROC_STEP_EXEC);
}
