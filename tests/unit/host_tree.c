#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/loop.h"
#include "host/proc.h"
#include "host/tree.h"

/* This program is its own child: what it is to do as one is its first argument. */
enum { LIMIT_SECONDS = 60, FAN = 200, HOPS = 3000, REPORT_FD = 3 };

/* This test may run several times at once, and its tags must be its own: made of its number, which its children are
 * told. */
static uint32_t app_tag;
static uint32_t other_tag;
static char tag_text[16];

static struct loop *loop;
static char *no_environment[] = {NULL};

/* ---- children: each tells its number to REPORT_FD when it has come as far as it is to come ---- */

static void report_and_wait(void) {
    dprintf(REPORT_FD, "%d\n", getpid());
    for (;;)
        pause();
}

static void ignore_polite_signals(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static void child_waits(void) {
    report_and_wait();
}

/* The classic daemon, with an emptied environment besides; the main process waits on, or is gone at once. */
static void detach(void) {
    if (fork() != 0)
        return;
    setsid();
    if (fork() != 0)
        _exit(0);
    char *argv[] = {"child", "wait", NULL};
    execve("/proc/self/exe", argv, no_environment);
}

static void child_detaches(void) {
    detach();
}

static void child_detaches_and_waits(void) {
    detach();
    pause();
}

static void child_fans_out(void) {
    ignore_polite_signals();
    for (int i = 0; i < FAN; i++) {
        if (fork() == 0) {
            if (i % 2)
                setsid();
            report_and_wait();
        }
    }
    report_and_wait();
}

/* Never where it was: each lives just long enough to start the next. Bounded, should nobody stop it. */
static void child_hops(void) {
    dprintf(REPORT_FD, "%d\n", getpid());
    for (int i = 0; i < HOPS; i++) {
        if (fork() != 0)
            _exit(0);
        setsid();
    }
}

/* Its child is a zombie: somebody whose end nobody takes note of. */
static void child_keeps_a_zombie(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    report_and_wait();
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    (void)proc;
    (void)outcome;
}

/* A supervisor below us, with an instance of its own. */
static void child_supervises(void) {
    char *argv[] = {"child", "wait", NULL};
    struct proc_spec spec = {.path = "/proc/self/exe",
                             .argv = argv,
                             .envp = no_environment,
                             .cwd = "/",
                             .tag = app_tag,
                             .fds = {{.from = REPORT_FD, .to = REPORT_FD}},
                             .fd_count = 1};
    struct proc proc = {0};
    struct proc_failure failure;
    loop = loop_new();
    if (loop && proc_setup(loop, NULL, NULL) == 0 && proc_spawn(&proc, &spec, on_ended, &failure) == 0)
        loop_run(loop);
}

static const struct {
    const char *name;
    void (*run)(void);
} roles[] = {
    {"wait", child_waits},           {"detach", child_detaches}, {"detach-and-wait", child_detaches_and_waits},
    {"fan-out", child_fans_out},     {"hop", child_hops},        {"zombie", child_keeps_a_zombie},
    {"supervise", child_supervises},
};

static int run_role(const char *name) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0)
            roles[i].run();
    return 0;
}

/* ---- helpers ---- */

static struct tree_tags tags;

static void break_loop(void *context) {
    (void)context;
    loop_break(loop);
}

/* Starts a role and waits for `reports` processes to have said their number; returns the last that did. */
static pid_t spawn(struct proc *proc, char *role, uint32_t tag, int reports) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *argv[] = {"child", role, tag_text, NULL};
    struct proc_spec spec = {.path = "/proc/self/exe",
                             .argv = argv,
                             .envp = no_environment,
                             .cwd = "/",
                             .tag = tag,
                             .fds = {{.from = fds[1], .to = REPORT_FD}},
                             .fd_count = 1};
    struct proc_failure failure;
    *proc = (struct proc){0};
    assert_int_equal(proc_spawn(proc, &spec, on_ended, &failure), 0);
    close(fds[1]);
    FILE *stream = fdopen(fds[0], "r");
    pid_t last = 0;
    char line[32];
    for (int i = 0; i < reports; i++) {
        assert_non_null(fgets(line, sizeof line, stream));
        last = atoi(line);
    }
    fclose(stream);
    return last;
}

static bool has_orphans(uint32_t tag) {
    assert_int_equal(tree_orphans(&tags), 0);
    return tree_tags_has(&tags, tag);
}

static void count_visit(void *context, pid_t pid) {
    assert_true(pid > 0);
    ++*(int *)context;
}

static int members(uint32_t tag) {
    int count = 0;
    assert_int_equal(tree_visit(tag, count_visit, &count), 0);
    return count;
}

/* Until the main process and everything else of its tree is gone. */
static void wait_until_empty(const struct proc *proc, uint32_t tag) {
    while (proc->pid != 0 || has_orphans(tag))
        loop_run(loop); /* broken by settled */
    assert_int_equal(members(tag), 0);
}

static void wait_until_main_is_gone(const struct proc *proc) {
    while (proc->pid != 0)
        loop_run(loop);
}

/* ---- tests ---- */

static void a_daemon_that_left_everything_behind_is_found_and_ended(void **state) {
    (void)state;
    struct proc proc;
    pid_t daemon = spawn(&proc, "detach", app_tag, 1);
    wait_until_main_is_gone(&proc);
    assert_int_equal(getsid(daemon) == getsid(0), false);
    assert_int_equal(tree_tag_of(daemon), app_tag);
    assert_true(has_orphans(app_tag));
    assert_false(has_orphans(other_tag));
    assert_int_equal(members(app_tag), 1);
    assert_int_equal(tree_signal(other_tag, SIGKILL, 0, NULL), 0);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), 1);
    wait_until_empty(&proc, app_tag);
}

static void a_main_process_is_no_orphan_and_can_be_left_out(void **state) {
    (void)state;
    struct proc main_process;
    struct proc other;
    spawn(&main_process, "detach-and-wait", app_tag, 1);
    spawn(&other, "wait", other_tag, 1);
    assert_true(has_orphans(app_tag));
    assert_false(has_orphans(other_tag));
    assert_int_equal(tree_signal(app_tag, SIGKILL, main_process.pid, NULL), 1);
    while (has_orphans(app_tag))
        loop_run(loop);
    assert_true(main_process.pid != 0);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), 1);
    assert_int_equal(tree_signal(other_tag, SIGTERM, 0, NULL), 1);
    wait_until_empty(&main_process, app_tag);
    wait_until_empty(&other, other_tag);
}

static void two_hundred_that_ignore_sigterm_are_killed(void **state) {
    (void)state;
    struct proc proc;
    spawn(&proc, "fan-out", app_tag, FAN + 1);
    assert_int_equal(members(app_tag), FAN + 1);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), FAN + 1);
    assert_int_equal(members(app_tag), FAN + 1);
    assert_int_equal(tree_signal(app_tag, SIGKILL, 0, NULL), FAN + 1);
    wait_until_empty(&proc, app_tag);
}

static void one_that_is_always_somewhere_else_is_killed(void **state) {
    (void)state;
    struct proc proc;
    spawn(&proc, "hop", app_tag, 1);
    while (proc.pid != 0 || has_orphans(app_tag)) {
        assert_true(tree_signal(app_tag, SIGKILL, 0, NULL) >= 0);
        if (proc.pid != 0 || has_orphans(app_tag))
            loop_run(loop);
    }
    assert_int_equal(members(app_tag), 0);
}

static void a_zombie_is_not_reached(void **state) {
    (void)state;
    struct proc proc;
    spawn(&proc, "zombie", app_tag, 1);
    assert_int_equal(members(app_tag), 2);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), 1);
    wait_until_empty(&proc, app_tag);
}

static void what_a_killed_supervisor_below_us_leaves_has_its_tag(void **state) {
    (void)state;
    struct proc proc;
    pid_t theirs = spawn(&proc, "supervise", other_tag, 1);
    assert_int_equal(tree_tag_of(theirs), app_tag);
    assert_int_equal(members(other_tag), 1);
    assert_false(has_orphans(app_tag));
    assert_int_equal(tree_signal(other_tag, SIGKILL, 0, NULL), 1);
    wait_until_empty(&proc, other_tag);
    assert_true(has_orphans(app_tag));
    assert_int_equal(tree_signal(app_tag, SIGKILL, 0, NULL), 1);
    wait_until_empty(&proc, app_tag);
}

static void a_stopped_tree_obeys_sigterm(void **state) {
    (void)state;
    struct proc proc;
    pid_t daemon = spawn(&proc, "detach", app_tag, 1);
    wait_until_main_is_gone(&proc);
    assert_int_equal(tree_signal(app_tag, SIGSTOP, 0, NULL), 1);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)daemon, &info, WSTOPPED), 0);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), 1);
    wait_until_empty(&proc, app_tag);
}

static void no_free_descriptor_is_needed(void **state) {
    (void)state;
    struct proc proc;
    spawn(&proc, "detach-and-wait", app_tag, 1);
    struct rlimit kept;
    getrlimit(RLIMIT_NOFILE, &kept);
    struct rlimit none_free = {.rlim_cur = 0, .rlim_max = kept.rlim_max};
    while (fcntl((int)none_free.rlim_cur, F_GETFD) >= 0)
        none_free.rlim_cur++;
    setrlimit(RLIMIT_NOFILE, &none_free);
    assert_int_equal(open("/dev/null", O_RDONLY), -1);
    assert_true(has_orphans(app_tag));
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, NULL), 2);
    wait_until_empty(&proc, app_tag);
    setrlimit(RLIMIT_NOFILE, &kept);
}

/* A kernel without the list of our children: whatever is opened as that list is not one. */
static void orphans_are_found_without_the_list_of_children(void **state) {
    (void)state;
    int list = -1;
    for (int fd = 3; fd < 64 && list < 0; fd++) {
        char link[32];
        char target[64] = {0};
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof target - 1) > 0 && strstr(target, "/children"))
            list = fd;
    }
    assert_true(list >= 0);
    int kept = dup(list);
    close(list);
    struct proc proc;
    struct proc other;
    spawn(&proc, "detach-and-wait", app_tag, 1);
    spawn(&other, "wait", other_tag, 1);
    /* The number may have been taken again by a pidfd, which cannot be read either. */
    assert_true(has_orphans(app_tag));
    assert_false(has_orphans(other_tag));
    assert_int_equal(tree_signal(app_tag, SIGKILL, 0, NULL), 2);
    assert_int_equal(tree_signal(other_tag, SIGKILL, 0, NULL), 1);
    wait_until_empty(&proc, app_tag);
    wait_until_empty(&other, other_tag);
    assert_int_equal(dup2(kept, list), list);
    close(kept);
}

/* As when an app runs something with sudo under a supervisor that is not root. */
static void one_that_may_not_be_signalled_is_named(void **state) {
    (void)state;
    if (getuid() != 0)
        skip();
    struct proc proc;
    spawn(&proc, "wait", app_tag, 1);
    assert_int_equal(setresuid(65534, 65534, 0), 0);
    pid_t refused = 0;
    uint32_t seen = tree_tag_of(proc.pid);
    int reached = tree_signal(app_tag, SIGTERM, 0, &refused);
    assert_int_equal(setresuid(0, 0, 0), 0);
    assert_int_equal(seen, app_tag);
    assert_int_equal(reached, 0);
    assert_int_equal(refused, proc.pid);
    assert_int_equal(tree_signal(app_tag, SIGTERM, 0, &refused), 1);
    assert_int_equal(refused, 0);
    wait_until_empty(&proc, app_tag);
}

static void add_usage(void *context, const struct tree_usage *usage) {
    if (usage->memory_bytes == 0) /* the one in between is a zombie */
        return;
    ++*(int *)context;
    assert_true(usage->pid > 0);
    assert_true(usage->memory_bytes < 1 << 30);
    assert_true(usage->cpu_ms >= 0 && usage->cpu_ms < LIMIT_SECONDS * 1000);
}

static void usage_is_told_of_every_member(void **state) {
    (void)state;
    struct proc proc;
    pid_t daemon = spawn(&proc, "detach-and-wait", app_tag, 1);
    int count = 0;
    assert_int_equal(tree_usage((struct tag_range){app_tag, 1}, add_usage, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(tree_tag_of(getpid()), 0);
    assert_int_equal(tree_tag_of(daemon), app_tag);
    tree_signal(app_tag, SIGKILL, 0, NULL);
    wait_until_empty(&proc, app_tag);
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    return loop ? proc_setup(loop, break_loop, NULL) : -1;
}

static int teardown(void **state) {
    (void)state;
    tree_tags_fini(&tags);
    loop_free(loop);
    return 0;
}

int main(int argc, char **argv) {
    app_tag = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : (uint32_t)getpid() << 8 | 1;
    other_tag = app_tag + 1;
    snprintf(tag_text, sizeof tag_text, "%u", app_tag);
    if (argc > 1)
        return run_role(argv[1]);
    alarm(LIMIT_SECONDS);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_that_left_everything_behind_is_found_and_ended),
        cmocka_unit_test(a_main_process_is_no_orphan_and_can_be_left_out),
        cmocka_unit_test(two_hundred_that_ignore_sigterm_are_killed),
        cmocka_unit_test(one_that_is_always_somewhere_else_is_killed),
        cmocka_unit_test(a_zombie_is_not_reached),
        cmocka_unit_test(what_a_killed_supervisor_below_us_leaves_has_its_tag),
        cmocka_unit_test(a_stopped_tree_obeys_sigterm),
        cmocka_unit_test(no_free_descriptor_is_needed),
        cmocka_unit_test(orphans_are_found_without_the_list_of_children),
        cmocka_unit_test(one_that_may_not_be_signalled_is_named),
        cmocka_unit_test(usage_is_told_of_every_member),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
