#include "host/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/child.h"
#include "host/reap.h"
#include "host/tag.h"
#include "host/tree.h"

/* Needs Linux 5.11: CLONE_PIDFD and pidfd_open (5.3), close_range (5.9) and its CLOSE_RANGE_CLOEXEC (5.11). */

enum {
    NOFILE_CAP = 1 << 20, /* descriptors for us, where the hard limit has no end */
    NOFILE_RESERVE = 8,   /* of them, see proc_use_reserve() */
    STACK_BYTES = 64 * 1024,
    SETUP_SIGNALS = 4,
    SLOTS = CHILD_MAX_MOVES + 1, /* one for the report of a child that does not share our memory */
    HELD_NUDGE_MS = 20,          /* so often is such a child woken that somebody may have stopped */
    HELD_MAX_MS = 5000,          /* and after that it is killed */
};

/* What proc_setup() found and made, for all spawns. */
static struct {
    struct loop *loop;
    struct rlimit nofile; /* as we were given it, for the children */
    rlim_t nofile_top;    /* ours, with the reserve */
    int ignored[_NSIG];
    size_t ignored_count;
    struct sigaction before[SETUP_SIGNALS]; /* of setup_signals() */
    sigset_t mask;
    int null_fd;
    int slots[SLOTS];      /* low numbers, kept occupied by /dev/null, where descriptors are staged for a child */
    unsigned first_closed; /* one above the highest slot */
    char *stack_top;
} common;

/* ---- setup ---- */

static int setup_limits(void) {
    if (getrlimit(RLIMIT_NOFILE, &common.nofile) < 0)
        return -errno;
    struct rlimit raised = common.nofile;
    rlim_t wanted = raised.rlim_max > NOFILE_CAP ? NOFILE_CAP : raised.rlim_max;
    if (wanted > raised.rlim_cur)
        raised.rlim_cur = wanted;
    common.nofile_top = raised.rlim_cur;
    if (raised.rlim_cur > 2UL * NOFILE_RESERVE)
        raised.rlim_cur -= NOFILE_RESERVE;
    if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
        return -errno;
    return tag_setup();
}

void proc_use_reserve(bool use) {
    if (common.nofile_top <= 2UL * NOFILE_RESERVE)
        return;
    struct rlimit limit = {common.nofile_top - (use ? 0 : NOFILE_RESERVE), common.nofile.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A reader that is gone, a file that reached RLIMIT_FSIZE, a terminal that wants no output from the background (stty
 * tostop): errors of a write, not our end. Were SIGCHLD inherited as ignored, the kernel would throw the children's
 * statuses away. */
static const int setup_of[SETUP_SIGNALS] = {SIGPIPE, SIGXFSZ, SIGTTOU, SIGCHLD};

static void setup_signals(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigprocmask(SIG_SETMASK, NULL, &common.mask);
    for (size_t i = 0; i < SETUP_SIGNALS; i++) {
        if (setup_of[i] == SIGCHLD)
            action = (struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
        sigaction(setup_of[i], &action, &common.before[i]);
    }

    common.ignored_count = 0;
    for (int signal = 1; signal < _NSIG; signal++)
        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            common.ignored[common.ignored_count++] = signal;
}

static int setup_slots(void) {
    common.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (common.null_fd < 0)
        return -errno;
    for (size_t i = 0; i < SLOTS; i++) {
        int slot = fcntl(common.null_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (slot < 0)
            return -errno;
        common.slots[i] = slot;
        common.first_closed = (unsigned)slot + 1; /* they are given lowest first */
    }
    return 0;
}

static int setup_stack(void) {
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    char *stack = mmap(NULL, guard + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack + guard, STACK_BYTES, PROT_READ | PROT_WRITE) < 0)
        return -errno;
    common.stack_top = stack + guard + STACK_BYTES;
    return 0;
}

int proc_setup(struct loop *loop, void (*settled)(void *context), void *context) {
    common.loop = loop;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -errno;
    setup_signals();
    int status = setup_limits();
    if (status == 0)
        status = setup_slots();
    if (status == 0)
        status = setup_stack();
    if (status == 0)
        status = tree_setup();
    if (status == 0)
        reap_setup(loop, settled, context);
    return status;
}

void proc_release(void) {
    reap_release();
    tree_release();
    for (size_t i = 0; i < SLOTS; i++)
        close(common.slots[i]);
    close(common.null_fd);
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    munmap(common.stack_top - STACK_BYTES - guard, guard + STACK_BYTES);
    (void)setrlimit(RLIMIT_NOFILE, &common.nofile);
    for (size_t i = 0; i < SETUP_SIGNALS; i++)
        sigaction(setup_of[i], &common.before[i], NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    sigprocmask(SIG_SETMASK, &common.mask, NULL);
}

/* ---- spawning ---- */

static bool is_target(const struct proc_spec *spec, int fd) {
    for (size_t i = 0; i < spec->fd_count; i++)
        if (spec->fds[i].to == fd)
            return true;
    return false;
}

/* A slot that is itself a number which the child is to have is used for just that, so that no move overwrites what
 * another has yet to take. */
static int choose_slot(const struct proc_spec *spec, int to, size_t *next) {
    for (size_t i = 0; i < SLOTS; i++)
        if (common.slots[i] == to)
            return to;
    while (is_target(spec, common.slots[*next]))
        ++*next;
    return common.slots[(*next)++];
}

/* The first fd_count moves are those of the spec; then come the standard descriptors that it does not name, for which
 * a slot holds /dev/null as it is. There are enough slots: each move takes one, at most. */
static int stage(const struct proc_spec *spec, struct child_plan *plan) {
    assert(spec->fd_count <= PROC_MAX_FDS);
    size_t next = 0;
    for (size_t i = 0; i < spec->fd_count; i++) {
        int slot = choose_slot(spec, spec->fds[i].to, &next);
        plan->moves[plan->move_count].staged = slot;
        plan->moves[plan->move_count++].to = spec->fds[i].to;
        if (dup3(spec->fds[i].from, slot, O_CLOEXEC) < 0)
            return -errno;
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (is_target(spec, fd))
            continue;
        plan->moves[plan->move_count].staged = choose_slot(spec, fd, &next);
        plan->moves[plan->move_count++].to = fd;
    }
    return 0;
}

/* Gives back what was staged: a pipe or socket that the child closes must not stay open here. */
static void unstage(const struct child_plan *plan, size_t staged_count) {
    for (size_t i = 0; i < staged_count && i < plan->move_count; i++)
        dup3(common.null_fd, plan->moves[i].staged, O_CLOEXEC);
}

/* All signals are blocked, so that one from the terminal cannot hit the child before it has its own session. */
static pid_t clone_child(struct child_plan *plan, int flags, int *pidfd_out) {
    sigset_t all;
    sigset_t kept;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &kept);
    pid_t pid = clone(child_main, common.stack_top, flags | CLONE_PIDFD | SIGCHLD, plan, pidfd_out);
    int error = errno;
    sigprocmask(SIG_SETMASK, &kept, NULL);
    return pid < 0 ? -error : pid;
}

/* ---- a child that changes its user (docs/adr/0018) ---- */

static bool is_free(const struct child_plan *plan, int slot) {
    for (size_t i = 0; i < plan->move_count; i++)
        if (plan->moves[i].staged == slot || plan->moves[i].to == slot)
            return false;
    return true;
}

/* Each move takes one slot, at most: so one is left. */
static int free_slot(const struct child_plan *plan) {
    size_t i = 0;
    while (!is_free(plan, common.slots[i]))
        i++;
    return common.slots[i];
}

/* Until execve closes the other end, or a failure is reported there. Its user may stop the child meanwhile, and we must
 * not stand still with it. */
static void await_report(int report, int pidfd, struct proc_failure *failure) {
    struct pollfd readable = {.fd = report, .events = POLLIN};
    struct mono deadline = mono_add_ms(loop_clock(), HELD_MAX_MS);
    while (poll(&readable, 1, HELD_NUDGE_MS) <= 0) {
        bool is_late = mono_ms_between(loop_clock(), deadline) <= 0;
        (void)syscall(SYS_pidfd_send_signal, pidfd, is_late ? SIGKILL : SIGCONT, NULL, 0);
        if (is_late) {
            *failure = (struct proc_failure){PROC_STEP_ACCOUNT, ETIMEDOUT};
            return;
        }
    }
    struct proc_failure told;
    if (read(report, &told, sizeof told) == (ssize_t)sizeof told)
        *failure = told;
}

static pid_t clone_apart(struct child_plan *plan, int *pidfd_out) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int slot = free_slot(plan);
    pid_t pid = -EMFILE;
    if (dup3(ends[1], slot, O_CLOEXEC) >= 0) {
        plan->report_fd = slot;
        pid = clone_child(plan, 0, pidfd_out);
        dup3(common.null_fd, slot, O_CLOEXEC);
    }
    close(ends[1]);
    if (pid > 0)
        await_report(ends[0], *pidfd_out, &plan->failure);
    close(ends[0]);
    return pid;
}

static int fail(struct proc_failure *failure_out, enum proc_step step, int status) {
    *failure_out = (struct proc_failure){.step = step, .error = -status};
    return status;
}

int proc_spawn(struct proc *proc, const struct proc_spec *spec, void (*ended)(struct proc *, struct outcome),
               struct proc_failure *failure_out) {
    static const struct proc_terms no_terms;
    assert(proc->pid == 0 && spec->tag != 0);
    const struct proc_terms *terms = spec->terms ? spec->terms : &no_terms;
    struct child_plan plan = {
        .path = spec->path,
        .argv = spec->argv,
        .envp = spec->envp,
        .cwd = spec->cwd,
        .pid_text = spec->pid_text,
        .terms = terms,
        .changes_account = !account_is_ours(&terms->account),
        .report_fd = -1,
        .nofile = common.nofile,
        .locks = tag_limit(spec->tag),
        .ignored = common.ignored,
        .ignored_count = common.ignored_count,
        .first_closed = common.first_closed,
    };
    if (terms->attributes.oom_score_adj.is_given)
        (void)snprintf(plan.oom_score_adj, sizeof plan.oom_score_adj, "%d\n",
                       (int)terms->attributes.oom_score_adj.number);
    if (terms->attributes.nice.is_given)
        (void)snprintf(plan.nice, sizeof plan.nice, "%d\n", (int)terms->attributes.nice.number);
    int status = stage(spec, &plan);
    if (status < 0) {
        unstage(&plan, spec->fd_count);
        return fail(failure_out, PROC_STEP_DESCRIPTORS, status);
    }
    int pidfd = -1;
    pid_t pid = plan.changes_account ? clone_apart(&plan, &pidfd)
                                     : clone_child(&plan, CLONE_VM | CLONE_VFORK | CLONE_FILES, &pidfd);
    unstage(&plan, spec->fd_count);
    if (pid < 0)
        return fail(failure_out, PROC_STEP_FORK, pid);
    if (plan.failure.error != 0) {
        close(pidfd);
        reap_discard(pid);
        return fail(failure_out, plan.failure.step, -plan.failure.error);
    }
    *proc = (struct proc){.pid = pid, .pidfd = pidfd, .tag = spec->tag, .ended = ended};
    reap_add(proc);
    return 0;
}

/* ---- adopting ---- */

static void adopted_ended(struct loop_io *io, int events) {
    (void)events;
    reap_gone(LOOP_CONTAINER(io, struct proc, exit));
}

int proc_adopt(struct proc *proc, pid_t pid, uint32_t tag, void (*ended)(struct proc *, struct outcome)) {
    assert(proc->pid == 0);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return -errno;
    int refused = reap_find(pid) ? -EEXIST : tree_tag_of(pid) != tag ? -ESRCH : 0;
    if (refused) {
        close(pidfd);
        return refused;
    }
    *proc = (struct proc){.pid = pid, .pidfd = pidfd, .tag = tag, .ended = ended, .adopted = true};
    reap_add(proc);
    loop_io_start(common.loop, &proc->exit, pidfd, LOOP_READ, adopted_ended);
    return 0;
}

void proc_forget(struct proc *proc) {
    if (proc->pid == 0)
        return;
    loop_io_stop(common.loop, &proc->exit);
    reap_remove(proc);
    close(proc->pidfd);
    proc->pid = 0;
    proc->pidfd = -1;
}

/* ---- signalling ---- */

/* A stopped process acts on a signal only once it runs on. */
static bool needs_continue(int signal) {
    switch (signal) {
    case 0:
    case SIGKILL:
    case SIGCONT:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return false;
    default:
        return true;
    }
}

int proc_signal_pidfd(int pidfd, int signal) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0)
        return -errno;
    if (needs_continue(signal))
        syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
    return 0;
}

int proc_signal(const struct proc *proc, int signal) {
    return proc->pid == 0 ? -ESRCH : proc_signal_pidfd(proc->pidfd, signal);
}

const char *proc_step_words(enum proc_step step) {
    switch (step) {
    case PROC_STEP_FORK:
        return "cannot make a process for";
    case PROC_STEP_DESCRIPTORS:
        return "cannot hand over the descriptors of";
    case PROC_STEP_OOM_SCORE_ADJ:
        return "cannot set the oom_score_adj of";
    case PROC_STEP_LIMITS:
        return "cannot set the limits of";
    case PROC_STEP_LIMIT_NOFILE:
        return "cannot set the limit_nofile of";
    case PROC_STEP_LIMIT_CORE:
        return "cannot set the limit_core of";
    case PROC_STEP_NICE:
        return "cannot set nice for";
    case PROC_STEP_ACCOUNT:
        return "cannot change the user of";
    case PROC_STEP_PRIVILEGES:
        return "cannot set no_new_privileges for";
    case PROC_STEP_CWD:
        return "cannot enter";
    case PROC_STEP_EXEC:
        return "cannot execute";
    }
    return "";
}
