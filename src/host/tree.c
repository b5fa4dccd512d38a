#include "host/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/proc.h"
#include "host/reap.h"
#include "host/tag.h"

enum {
    KILL_PASSES = 1000, /* a tree that still grows after so many is beyond us */
    STAT_BYTES = 1024,  /* more than /proc/PID/stat ever has */
    STATM_BYTES = 256,  /* and statm */
};

static int proc_fd = -1;     /* /proc */
static int children_fd = -1; /* our own children; -1 on a kernel without CONFIG_PROC_CHILDREN */
static int spare_fd = -1;    /* given up for a moment when descriptors are short */

int tree_setup(void) {
    proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc_fd < 0)
        return -errno;
    children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    spare_fd = fcntl(proc_fd, F_DUPFD_CLOEXEC, 0);
    return spare_fd < 0 ? -errno : 0;
}

void tree_release(void) {
    int *const fds[] = {&proc_fd, &children_fd, &spare_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* ---- opening, when there may be no free descriptor ---- */

static bool give_up_spare(void) {
    if ((errno != EMFILE && errno != ENFILE) || spare_fd < 0)
        return false;
    close(spare_fd);
    spare_fd = -1;
    return true;
}

static void close_and_restore_spare(int fd) {
    close(fd);
    if (spare_fd < 0)
        spare_fd = fcntl(proc_fd, F_DUPFD_CLOEXEC, 0);
}

static int open_pidfd(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 && give_up_spare())
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd;
}

/* Reads /proc/PID/NAME, NUL-terminated. False when the process is gone. */
static bool read_file_of(pid_t pid, const char *name, char *buffer, size_t size) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name); /* also where no tree_setup() has been, as in upkeep check */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && give_up_spare())
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, buffer, size - 1);
    close_and_restore_spare(fd);
    if (n <= 0)
        return false;
    buffer[n] = '\0';
    return true;
}

/* ---- tags ---- */

/* A process that has changed its user (sudo, a setuid program) is one whose limits prlimit does not tell; the text in
 * /proc is for everybody. */
static uint32_t tag_by_text(pid_t pid) {
    static const char ROW[] = "\nMax file locks";
    char text[4096];
    if (!read_file_of(pid, "limits", text, sizeof text))
        return 0;
    const char *row = strstr(text, ROW);
    return row ? tag_of_limit(strtoul(row + strlen(ROW), NULL, 10)) : 0; /* "unlimited" reads as 0: no tag */
}

uint32_t tree_tag_of(pid_t pid) {
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) == 0)
        return tag_of_limit(limit.rlim_cur);
    return errno == EPERM ? tag_by_text(pid) : 0;
}

/* Spares most of the system calls of a pass: of the main processes we know it. */
static uint32_t known_tag_of(pid_t pid) {
    const struct proc *proc = reap_find(pid);
    return proc && !proc->adopted ? proc->tag : tree_tag_of(pid);
}

/* ---- visiting ---- */

typedef void visit_pid(void *context, pid_t pid);

/* Everything in /proc. 0 or -errno. */
static int visit_all(visit_pid *visit, void *context) {
    if (lseek(proc_fd, 0, SEEK_SET) < 0)
        return -errno;
    _Alignas(struct dirent64) char buffer[8192];
    for (;;) {
        ssize_t n = getdents64(proc_fd, buffer, sizeof buffer);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            at += entry->d_reclen;
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                visit(context, (pid_t)strtol(entry->d_name, NULL, 10));
        }
    }
}

/* Our children, as the kernel lists them: complete, because only reap.c takes one off that list, and not meanwhile.
 * 0 or -errno, when there is no such list. */
static int visit_children(visit_pid *visit, void *context) {
    char buffer[4096];
    off_t offset = 0;
    pid_t pid = 0; /* a number may be torn by the buffer's end */
    for (;;) {
        ssize_t n = pread(children_fd, buffer, sizeof buffer, offset);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        offset += n;
        for (ssize_t i = 0; i < n; i++) {
            if (buffer[i] >= '0' && buffer[i] <= '9') {
                pid = pid * 10 + (buffer[i] - '0');
            } else if (pid != 0) {
                visit(context, pid);
                pid = 0;
            }
        }
    }
}

/* ---- /proc/PID/stat ---- */

/* The name may hold anything, a bracket and a space too; the fields begin after the last bracket, with the third. */
static const char *stat_field(const char *stat, int number) {
    const char *at = strrchr(stat, ')');
    for (int i = 2; at && i < number; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at;
}

static int64_t stat_number(const char *stat, int number) {
    const char *field = stat_field(stat, number);
    return field ? strtoll(field, NULL, 10) : 0;
}

enum { STAT_PPID = 4 };

/* ---- orphans ---- */

struct orphans {
    struct tree_tags *tags;
    int status;
};

static void add_tag(struct orphans *orphans, uint32_t tag) {
    struct tree_tags *tags = orphans->tags;
    if (tree_tags_has(tags, tag))
        return;
    if (tags->count == tags->cap) {
        size_t cap = tags->cap ? 2 * tags->cap : 16;
        uint32_t *list = realloc(tags->list, cap * sizeof *list);
        if (!list) {
            orphans->status = -ENOMEM;
            return;
        }
        tags->list = list;
        tags->cap = cap;
    }
    tags->list[tags->count++] = tag;
}

static void add_orphan(void *context, pid_t pid) {
    uint32_t tag = reap_find(pid) ? 0 : tree_tag_of(pid);
    if (tag != 0)
        add_tag(context, tag);
}

/* The long way, without a list of our children. */
static void add_if_child(void *context, pid_t pid) {
    char stat[STAT_BYTES];
    uint32_t tag = reap_find(pid) ? 0 : tree_tag_of(pid);
    if (tag != 0 && read_file_of(pid, "stat", stat, sizeof stat) && stat_number(stat, STAT_PPID) == getpid())
        add_tag(context, tag);
}

int tree_orphans(struct tree_tags *tags) {
    struct orphans orphans = {.tags = tags};
    tags->count = 0;
    int status = visit_children(add_orphan, &orphans);
    if (status < 0)
        status = visit_all(add_if_child, &orphans);
    return status < 0 ? status : orphans.status;
}

bool tree_tags_has(const struct tree_tags *tags, uint32_t tag) {
    for (size_t i = 0; i < tags->count; i++)
        if (tags->list[i] == tag)
            return true;
    return false;
}

void tree_tags_fini(struct tree_tags *tags) {
    free(tags->list);
    *tags = (struct tree_tags){0};
}

/* ---- signalling ---- */

struct sweep {
    uint32_t tag;
    int signal;
    pid_t except;
    pid_t refused;
    int reached;          /* by this pass */
    uint64_t fingerprint; /* of the set of processes that this pass reached */
};

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static bool has_ended(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void sweep_one(void *context, pid_t pid) {
    struct sweep *sweep = context;
    if (pid == sweep->except || known_tag_of(pid) != sweep->tag)
        return;
    int pidfd = open_pidfd(pid);
    if (pidfd < 0)
        return;
    /* Again, now that the number cannot change its owner. */
    if (tree_tag_of(pid) == sweep->tag && !has_ended(pidfd)) {
        int status = proc_signal_pidfd(pidfd, sweep->signal);
        if (status == 0) {
            sweep->reached++;
            sweep->fingerprint += mix((uint64_t)pid);
        } else if (status == -EPERM) {
            sweep->refused = pid;
        }
    }
    close_and_restore_spare(pidfd);
}

/* A process to which SIGKILL was sent cannot fork any more. So when two passes reach the same set, everybody in it had
 * been sent SIGKILL before the second began: nobody was born meanwhile, and nobody was missed. */
int tree_signal(uint32_t tag, int signal, pid_t except, pid_t *refused_out) {
    struct sweep sweep = {.tag = tag, .signal = signal, .except = except};
    int most = 0;
    int status = 0;
    for (int pass = 0; pass < KILL_PASSES; pass++) {
        uint64_t before = sweep.fingerprint;
        sweep.reached = 0;
        sweep.fingerprint = 0;
        status = visit_all(sweep_one, &sweep);
        if (sweep.reached > most)
            most = sweep.reached;
        if (status < 0 || signal != SIGKILL || sweep.fingerprint == before)
            break;
    }
    if (status < 0 && most == 0)
        return status;
    if (refused_out)
        *refused_out = sweep.refused;
    return most;
}

/* ---- looking ---- */

struct tagged {
    uint32_t tag;
    visit_pid *visit;
    void *context;
};

static void visit_tagged(void *context, pid_t pid) {
    const struct tagged *tagged = context;
    if (known_tag_of(pid) == tagged->tag)
        tagged->visit(tagged->context, pid);
}

int tree_visit(uint32_t tag, visit_pid *visit, void *context) {
    return visit_all(visit_tagged, &(struct tagged){.tag = tag, .visit = visit, .context = context});
}

struct usages {
    struct tag_range range;
    void (*add)(void *context, const struct tree_usage *usage);
    void *context;
    int64_t page_bytes;
};

/* The process's own clock: exact, and cheaper than to have the kernel write and us read its hundredths in
 * /proc/PID/stat. */
static int64_t cpu_ms_of(pid_t pid) {
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) < 0)
        return 0;
    return (int64_t)spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

static void add_usage(void *context, pid_t pid) {
    const struct usages *usages = context;
    char statm[STATM_BYTES];
    uint32_t tag = known_tag_of(pid);
    if (!tag_is_in(usages->range, tag) || !read_file_of(pid, "statm", statm, sizeof statm))
        return;
    const char *resident = strchr(statm, ' '); /* the second field */
    usages->add(usages->context, &(struct tree_usage){
                                     .tag = tag,
                                     .pid = pid,
                                     .memory_bytes = resident ? strtoll(resident, NULL, 10) * usages->page_bytes : 0,
                                     .cpu_ms = cpu_ms_of(pid),
                                 });
}

int tree_usage(struct tag_range range, void (*add)(void *context, const struct tree_usage *usage), void *context) {
    struct usages usages = {
        .range = range,
        .add = add,
        .context = context,
        .page_bytes = sysconf(_SC_PAGESIZE),
    };
    return visit_all(add_usage, &usages);
}
