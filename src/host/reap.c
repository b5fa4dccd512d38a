#include "host/reap.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BUCKETS = 1024,       /* chains stay short up to some thousand processes, and it never has to grow */
    ENDS_PER_ROUND = 256, /* then others have their turn: orphans may end as fast as we look */
};

static struct proc *table[BUCKETS];

static struct loop *loop;
static void (*settled)(void *context);
static void *settled_context;
static struct loop_post look_again;

/* ---- who is ours ---- */

static struct proc **bucket_of(pid_t pid) {
    return &table[(unsigned)pid % BUCKETS];
}

/* At the front: should an adopted process have ended unseen and its number come back, the newer one is meant. */
void reap_add(struct proc *proc) {
    struct proc **bucket = bucket_of(proc->pid);
    proc->next = *bucket;
    *bucket = proc;
}

void reap_remove(struct proc *proc) {
    for (struct proc **at = bucket_of(proc->pid); *at; at = &(*at)->next) {
        if (*at == proc) {
            *at = proc->next;
            proc->next = NULL;
            return;
        }
    }
}

struct proc *reap_find(pid_t pid) {
    struct proc *proc = *bucket_of(pid);
    while (proc && proc->pid != pid)
        proc = proc->next;
    return proc;
}

/* ---- ends ---- */

static void report(struct proc *proc, struct outcome outcome) {
    proc_forget(proc);
    proc->ended(proc, outcome);
}

static struct outcome outcome_of(const siginfo_t *info) {
    if (info->si_code == CLD_EXITED)
        return (struct outcome){.kind = OUTCOME_EXIT, .number = info->si_status};
    return (struct outcome){
        .kind = OUTCOME_SIGNAL, .number = info->si_status, .core_dumped = info->si_code == CLD_DUMPED};
}

static const struct outcome LOST = {.kind = OUTCOME_LOST};

/* No child is left, so whoever is registered as one ended without our seeing it: somebody made SIGCHLD ignored, or
 * waited in our place. */
static size_t report_all_lost(void) {
    size_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct proc **at = &table[i];
        while (*at) {
            struct proc *proc = *at;
            if (proc->adopted) {
                at = &proc->next;
                continue;
            }
            report(proc, LOST);
            at = &table[i]; /* the callback may have changed the chain */
            count++;
        }
    }
    return count;
}

static void look(struct loop_post *post) {
    (void)post;
    size_t count = 0;
    while (count < ENDS_PER_ROUND) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0) {
            if (errno == ECHILD)
                count += report_all_lost();
            break;
        }
        if (info.si_pid == 0)
            break;
        count++;
        struct proc *proc = reap_find(info.si_pid);
        if (proc)
            report(proc, outcome_of(&info));
    }
    if (count >= ENDS_PER_ROUND)
        loop_post(loop, &look_again, look);
    if (count > 0 && settled)
        settled(settled_context);
}

static void child_ended(void *context, int signal) {
    (void)context;
    (void)signal;
    look(NULL);
}

void reap_discard(pid_t pid) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR) {
    }
}

void reap_gone(struct proc *proc) {
    siginfo_t info = {0};
    bool is_child = waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == proc->pid;
    report(proc, is_child ? outcome_of(&info) : LOST);
    if (settled)
        settled(settled_context);
}

void reap_setup(struct loop *of, void (*call_settled)(void *context), void *context) {
    loop = of;
    settled = call_settled;
    settled_context = context;
    loop_on_signal(loop, SIGCHLD, child_ended, NULL);
    loop_post(loop, &look_again, look);
}

void reap_release(void) {
    loop_post_cancel(loop, &look_again);
    settled = NULL;
}
