#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/loop.h"
#include "host/proc.h"
#include "host/tree.h"

/* This program is its own child: what it is to do as one is its first argument. */
enum { LIMIT_SECONDS = 60, NOFILE_BEFORE = 200 };

/* Made of this program's number: other tests run beside this one, and signal by tag. */
static uint32_t tag;

static struct loop *loop;
static int settled_count;
static char *no_environment[] = {NULL};

/* ---- children ---- */

static void child_lists_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (*entry->d_name != '.' && atoi(entry->d_name) != dirfd(dir))
            printf("%s ", entry->d_name);
    closedir(dir);
}

/* What each descriptor above 2 leads to is told its number. */
static void child_writes_numbers(void) {
    for (int fd = 3; fd < 100; fd++)
        dprintf(fd, "%d", fd);
}

static void child_tells_signals(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0)
            printf("%s", strtok(strchr(line, ':') + 1, " \t\n"));
    fclose(status);
}

static void child_tells_place(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    char cwd[256];
    printf("%d %d %d %s", getsid(0) == getpid(), getpgrp() == getpid(), (int)limit.rlim_cur, getcwd(cwd, sizeof cwd));
}

static void child_tells_its_pid(void) {
    printf("%d %s", getpid(), getenv("SOME_PID"));
}

static void child_tells_who_it_is(void) {
    gid_t groups[8];
    int count = getgroups(8, groups);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("%u %u %u %u %d %u, %d %d", (unsigned)getuid(), (unsigned)geteuid(), (unsigned)getgid(), (unsigned)getegid(),
           count, count > 0 ? (unsigned)groups[0] : 0, (int)limit.rlim_cur, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static long session_keyring(void) {
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

static void child_tells_its_keyring(void) {
    printf("%ld", session_keyring());
}

static void child_waits(void) {
    printf("x");
    fflush(stdout);
    pause();
}

/* The main process hands its role to its child, and ends when that has said its number. */
static void child_hands_over(void) {
    if (fork() == 0) {
        printf("%d", getpid());
        fflush(stdout);
        fclose(stdout);
        pause();
    }
    pause();
}

static const struct {
    const char *name;
    void (*run)(void);
} roles[] = {
    {"descriptors", child_lists_descriptors},
    {"numbers", child_writes_numbers},
    {"signals", child_tells_signals},
    {"place", child_tells_place},
    {"pid", child_tells_its_pid},
    {"who", child_tells_who_it_is},
    {"keyring", child_tells_its_keyring},
    {"wait", child_waits},
    {"hand-over", child_hands_over},
};

static int run_role(const char *name) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].name, name) == 0) {
            roles[i].run();
            return 0;
        }
    }
    return atoi(name); /* `exit` N */
}

/* ---- helpers ---- */

static void on_settled(void *context) {
    assert_ptr_equal(context, &settled_count);
    settled_count++;
}

struct watched {
    struct proc proc;
    struct outcome outcome;
    int ends;
};

static void on_ended(struct proc *proc, struct outcome outcome) {
    struct watched *watched = LOOP_CONTAINER(proc, struct watched, proc);
    watched->outcome = outcome;
    watched->ends++;
    assert_int_equal(proc->pid, 0);
    loop_break(loop);
}

static const struct proc_terms *terms_in_use;

static struct proc_spec spec_of(char *const *argv) {
    return (struct proc_spec){.path = "/proc/self/exe",
                              .argv = argv,
                              .envp = no_environment,
                              .cwd = "/tmp",
                              .terms = terms_in_use,
                              .tag = tag};
}

static int spawn(struct watched *watched, const struct proc_spec *spec, struct proc_failure *failure) {
    *watched = (struct watched){0};
    return proc_spawn(&watched->proc, spec, on_ended, failure);
}

static struct outcome wait_for(struct watched *watched) {
    while (watched->ends == 0)
        loop_run(loop);
    assert_int_equal(watched->ends, 1);
    return watched->outcome;
}

static size_t read_all(int fd, char *buffer, size_t size) {
    size_t len = 0;
    for (ssize_t n; (n = read(fd, buffer + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    buffer[len] = '\0';
    return len;
}

/* Runs a role to its end and returns what it wrote. */
static const char *output_of(char *role) {
    static char text[512];
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *argv[] = {"child", role, NULL};
    struct proc_spec spec = spec_of(argv);
    spec.fds[spec.fd_count].from = fds[1];
    spec.fds[spec.fd_count++].to = 1;
    struct watched watched;
    struct proc_failure failure;
    assert_int_equal(spawn(&watched, &spec, &failure), 0);
    close(fds[1]);
    read_all(fds[0], text, sizeof text);
    close(fds[0]);
    wait_for(&watched);
    return text;
}

/* A child that waits, and has begun to. */
static void spawn_waiting(struct watched *watched) {
    int fds[2];
    char byte;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *argv[] = {"child", "wait", NULL};
    struct proc_spec spec = spec_of(argv);
    spec.fds[spec.fd_count].from = fds[1];
    spec.fds[spec.fd_count++].to = 1;
    struct proc_failure failure;
    assert_int_equal(spawn(watched, &spec, &failure), 0);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    close(fds[1]);
}

static size_t open_descriptors(void) {
    size_t count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static bool has_children(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* ---- tests ---- */

static void an_end_is_told_as_it_was(void **state) {
    (void)state;
    struct watched watched;
    struct proc_failure failure;
    char *argv[] = {"child", "42", NULL};
    struct proc_spec spec = spec_of(argv);
    int settled_before = settled_count;
    assert_int_equal(spawn(&watched, &spec, &failure), 0);
    struct outcome outcome = wait_for(&watched);
    assert_int_equal(outcome.kind, OUTCOME_EXIT);
    assert_int_equal(outcome.number, 42);
    assert_int_equal(settled_count, settled_before + 1);

    spawn_waiting(&watched);
    assert_int_equal(proc_signal(&watched.proc, SIGUSR1), 0);
    outcome = wait_for(&watched);
    assert_int_equal(outcome.kind, OUTCOME_SIGNAL);
    assert_int_equal(outcome.number, SIGUSR1);
    assert_int_equal(proc_signal(&watched.proc, SIGUSR1), -ESRCH);
}

static void assert_fails(const struct proc_spec *spec, enum proc_step step, int error) {
    struct watched watched;
    struct proc_failure failure = {0};
    size_t before = open_descriptors();
    assert_int_equal(spawn(&watched, spec, &failure), -error);
    assert_int_equal(failure.step, step);
    assert_int_equal(failure.error, error);
    assert_int_equal(watched.proc.pid, 0);
    assert_int_equal(open_descriptors(), before);
    assert_false(has_children());
    assert_true(strlen(proc_step_words(step)) > 0);
}

static void a_failed_start_says_which_step(void **state) {
    (void)state;
    char *argv[] = {"child", "0", NULL};
    struct proc_spec spec = spec_of(argv);

    spec.path = "/none/at/all";
    assert_fails(&spec, PROC_STEP_EXEC, ENOENT);
    spec.path = "/tmp";
    assert_fails(&spec, PROC_STEP_EXEC, EACCES);
    spec = spec_of(argv);
    spec.cwd = "/none";
    assert_fails(&spec, PROC_STEP_CWD, ENOENT);
    spec.cwd = "/proc/self/status";
    assert_fails(&spec, PROC_STEP_CWD, ENOTDIR);
    spec = spec_of(argv);
    spec.fds[0].from = 4000;
    spec.fds[0].to = 1;
    spec.fd_count = 1;
    assert_fails(&spec, PROC_STEP_DESCRIPTORS, EBADF);

    char script[] = "/tmp/upkeep-script-XXXXXX";
    int fd = mkostemp(script, O_CLOEXEC);
    assert_int_equal(write(fd, "exit 0\n", 7), 7);
    fchmod(fd, 0755);
    close(fd);
    spec = spec_of(argv);
    spec.path = script;
    assert_fails(&spec, PROC_STEP_EXEC, ENOEXEC);
    unlink(script);
}

static void without_descriptors_a_start_fails_cleanly(void **state) {
    (void)state;
    struct rlimit kept;
    getrlimit(RLIMIT_NOFILE, &kept);
    struct rlimit none_free = {.rlim_cur = 0, .rlim_max = kept.rlim_max};
    while (fcntl((int)none_free.rlim_cur, F_GETFD) >= 0)
        none_free.rlim_cur++;
    setrlimit(RLIMIT_NOFILE, &none_free);
    char *argv[] = {"child", "0", NULL};
    struct proc_spec spec = spec_of(argv);
    assert_fails(&spec, PROC_STEP_FORK, EMFILE);
    setrlimit(RLIMIT_NOFILE, &kept);
}

static void a_child_has_the_standard_descriptors_and_no_other(void **state) {
    (void)state;
    int stray = open("/dev/null", O_RDONLY); /* inheritable, by somebody's mistake */
    int high = fcntl(stray, F_DUPFD, 150);
    assert_string_equal(output_of("descriptors"), "0 1 2 ");
    close(stray);
    close(high);
}

/* The numbers are those at which proc.c stages, in a bad order, and one far away. */
static void a_child_has_each_named_descriptor_at_its_number(void **state) {
    (void)state;
    static const int numbers[PROC_MAX_FDS] = {9, 3, 4, 14, 8, 5, 99, 20, 30, 7, 11, 26, 10, 27, 6, 40, 13, 12, 25, 21};
    int fds[PROC_MAX_FDS][2];
    char *argv[] = {"child", "numbers", NULL};
    struct proc_spec spec = spec_of(argv);
    for (size_t i = 0; i < PROC_MAX_FDS; i++) {
        assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
        spec.fds[i].from = fds[i][1];
        spec.fds[i].to = numbers[i];
    }
    spec.fd_count = PROC_MAX_FDS;
    struct watched watched;
    struct proc_failure failure;
    assert_int_equal(spawn(&watched, &spec, &failure), 0);
    for (size_t i = 0; i < PROC_MAX_FDS; i++) {
        char text[16];
        close(fds[i][1]);
        assert_true(read_all(fds[i][0], text, sizeof text) > 0); /* to its end: nothing was left open here */
        assert_int_equal(atoi(text), numbers[i]);
        close(fds[i][0]);
    }
    wait_for(&watched);
}

/* The kernel marks the memory of who changes its user, which must not be ours. */
static void another_user_has_memory_of_his_own(void **state) {
    (void)state;
    enum { STRANGER = 54321 };
    gid_t groups[] = {STRANGER + 2};
    const struct proc_terms terms = {
        .account = {.is_given = true, .uid = STRANGER, .gid = STRANGER + 1, .groups = groups, .group_count = 1},
        .attributes = {.limit_nofile = {true, 123}, .no_new_privileges = true},
    };
    if (geteuid() != 0)
        skip();
    terms_in_use = &terms;
    assert_string_equal(output_of("who"), "54321 54321 54322 54322 1 54323, 123 1");
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    assert_string_equal(output_of("descriptors"), "0 1 2 ");
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0) {
        char ours[32];
        snprintf(ours, sizeof ours, "%ld", session_keyring());
        assert_string_not_equal(output_of("keyring"), ours);
        terms_in_use = NULL;
        assert_string_equal(output_of("keyring"), ours);
        terms_in_use = &terms;
    }
    char *argv[] = {"child", "0", NULL};
    struct proc_spec spec = spec_of(argv);
    spec.path = "/none/at/all";
    assert_fails(&spec, PROC_STEP_EXEC, ENOENT);
    spec.cwd = "/root";
    struct stat st;
    if (stat("/root", &st) == 0 && !(st.st_mode & S_IXOTH))
        assert_fails(&spec, PROC_STEP_CWD, EACCES);
    terms_in_use = NULL;
}

static void a_child_writes_its_pid_into_its_environment(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *argv[] = {"child", "pid", NULL};
    char variable[] = "SOME_PID=##########";
    char *envp[] = {variable, NULL};
    struct proc_spec spec = spec_of(argv);
    spec.envp = envp;
    spec.pid_text = strchr(variable, '=') + 1;
    spec.fds[spec.fd_count].from = fds[1];
    spec.fds[spec.fd_count++].to = 1;
    struct watched watched;
    struct proc_failure failure;
    assert_int_equal(spawn(&watched, &spec, &failure), 0);
    char expected[64];
    char text[64];
    snprintf(expected, sizeof expected, "%d %d", watched.proc.pid, watched.proc.pid);
    close(fds[1]);
    read_all(fds[0], text, sizeof text);
    close(fds[0]);
    wait_for(&watched);
    assert_string_equal(text, expected);
}

static void a_child_has_no_signal_blocked_or_ignored(void **state) {
    (void)state;
    assert_string_equal(output_of("signals"), "00000000000000000000000000000000");
}

static void a_child_has_its_own_session_and_the_old_limit(void **state) {
    (void)state;
    char expected[64];
    snprintf(expected, sizeof expected, "1 1 %d /tmp", NOFILE_BEFORE);
    assert_string_equal(output_of("place"), expected);
}

static void a_stopped_child_obeys_sigterm(void **state) {
    (void)state;
    struct watched watched;
    spawn_waiting(&watched);
    assert_int_equal(proc_signal(&watched.proc, SIGSTOP), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)watched.proc.pid, &info, WSTOPPED), 0);
    assert_int_equal(proc_signal(&watched.proc, SIGTERM), 0);
    assert_int_equal(wait_for(&watched).number, SIGTERM);
}

static int ended_count;

static void count_end(struct proc *proc, struct outcome outcome) {
    (void)proc;
    assert_int_equal(outcome.kind, OUTCOME_EXIT);
    assert_int_equal(outcome.number, 3);
    ended_count++;
    loop_break(loop);
}

static void five_hundred_starts_leave_nothing(void **state) {
    (void)state;
    enum { STARTS = 500, AT_ONCE = 50 };
    static struct proc procs[AT_ONCE];
    char *argv[] = {"child", "3", NULL};
    struct proc_spec spec = spec_of(argv);
    struct proc_failure failure;
    size_t before = open_descriptors();
    ended_count = 0;
    for (int started = 0; started < STARTS; started++) {
        struct proc *free_one = NULL;
        while (!free_one) {
            for (size_t i = 0; i < AT_ONCE; i++)
                if (procs[i].pid == 0)
                    free_one = &procs[i];
            if (!free_one)
                loop_run(loop);
        }
        assert_int_equal(proc_spawn(free_one, &spec, count_end, &failure), 0);
    }
    while (ended_count < STARTS)
        loop_run(loop);
    assert_int_equal(ended_count, STARTS);
    assert_int_equal(open_descriptors(), before);
    assert_false(has_children());
}

static void a_status_that_somebody_else_took_is_lost(void **state) {
    (void)state;
    struct watched watched;
    spawn_waiting(&watched);
    kill(watched.proc.pid, SIGKILL);
    assert_int_equal(waitpid(watched.proc.pid, NULL, 0), watched.proc.pid);
    assert_int_equal(wait_for(&watched).kind, OUTCOME_LOST);
}

static void an_adopted_process_is_reported_like_a_first_one(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *argv[] = {"child", "hand-over", NULL};
    struct proc_spec spec = spec_of(argv);
    spec.fds[spec.fd_count].from = fds[1];
    spec.fds[spec.fd_count++].to = 1;
    for (int taken_by_parent = 0; taken_by_parent < 2; taken_by_parent++) {
        struct watched first;
        struct watched second = {0};
        struct proc_failure failure;
        char text[16] = {0};
        assert_int_equal(spawn(&first, &spec, &failure), 0);
        assert_true(read(fds[0], text, sizeof text - 1) > 0);
        pid_t pid = atoi(text);
        assert_int_equal(proc_adopt(&second.proc, pid, tag + 1, on_ended), -ESRCH);
        assert_int_equal(proc_adopt(&second.proc, first.proc.pid, tag, on_ended), -EEXIST);
        assert_int_equal(proc_adopt(&second.proc, pid, tag, on_ended), 0);
        if (!taken_by_parent) {
            proc_signal(&first.proc, SIGKILL);
            wait_for(&first);
        }
        proc_signal(&second.proc, SIGTERM);
        assert_int_equal(wait_for(&second).kind, taken_by_parent ? OUTCOME_LOST : OUTCOME_SIGNAL);
        if (taken_by_parent) {
            proc_signal(&first.proc, SIGKILL);
            wait_for(&first);
        }
    }
    close(fds[0]);
    close(fds[1]);
}

static void a_forgotten_process_goes_on_unreported(void **state) {
    (void)state;
    struct watched watched;
    spawn_waiting(&watched);
    pid_t pid = watched.proc.pid;
    proc_forget(&watched.proc);
    assert_int_equal(watched.proc.pid, 0);
    assert_int_equal(kill(pid, 0), 0);
    kill(pid, SIGKILL);
    while (kill(pid, 0) == 0) { /* reaped, as an orphan */
        struct watched other;
        struct proc_failure failure;
        char *argv[] = {"child", "0", NULL};
        struct proc_spec spec = spec_of(argv);
        assert_int_equal(spawn(&other, &spec, &failure), 0);
        wait_for(&other);
    }
    assert_int_equal(watched.ends, 0);
}

/* docs/adr/0001: the limit that carries the tag means nothing to locks. */
static void file_locks_are_not_limited_by_the_tag(void **state) {
    (void)state;
    enum { LOCKS = 20 };
    struct rlimit kept;
    getrlimit(RLIMIT_LOCKS, &kept);
    struct rlimit one = {.rlim_cur = 1, .rlim_max = kept.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_LOCKS, &one), 0);
    int fds[LOCKS];
    for (int i = 0; i < LOCKS; i++) {
        char path[] = "/tmp/upkeep-lock-XXXXXX";
        fds[i] = mkostemp(path, O_CLOEXEC);
        unlink(path);
        struct flock range = {.l_type = F_WRLCK, .l_start = i, .l_len = 1};
        assert_int_equal(flock(fds[i], LOCK_EX | LOCK_NB), 0);
        assert_int_equal(fcntl(fds[i], F_SETLK, &range), 0);
    }
    for (int i = 0; i < LOCKS; i++)
        close(fds[i]);
    setrlimit(RLIMIT_LOCKS, &kept);
}

static int count_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < NOFILE_BEFORE; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* As it was before setup() called proc_setup(); and all of it can be had once more. */
static void what_was_taken_is_given_back(void **state) {
    (void)state;
    int first_count = 0;
    for (int i = 0; i < 3; i++) {
        proc_release();
        loop_free(loop);
        struct rlimit limit;
        struct sigaction action;
        sigset_t mask;
        int is_subreaper = 1;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(limit.rlim_cur, NOFILE_BEFORE);
        assert_int_equal(sigaction(SIGCHLD, NULL, &action), 0);
        assert_true(action.sa_handler == SIG_IGN);
        assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
        assert_true(action.sa_handler == SIG_DFL);
        assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
        assert_true(sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGCHLD));
        assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper), 0);
        assert_int_equal(is_subreaper, 0);
        first_count = i == 0 ? count_descriptors() : first_count;
        assert_int_equal(count_descriptors(), first_count);

        loop = loop_new();
        assert_non_null(loop);
        assert_int_equal(proc_setup(loop, on_settled, &settled_count), 0);
        char *argv[] = {"self", "5", NULL};
        struct proc_spec spec = spec_of(argv);
        struct proc_failure failure;
        struct watched watched;
        assert_int_equal(spawn(&watched, &spec, &failure), 0);
        assert_int_equal(wait_for(&watched).number, 5);
    }
}

static int setup(void **state) {
    (void)state;
    signal(SIGHUP, SIG_IGN); /* as under nohup */
    signal(SIGCHLD, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = NOFILE_BEFORE;
    setrlimit(RLIMIT_NOFILE, &limit);
    loop = loop_new();
    return loop ? proc_setup(loop, on_settled, &settled_count) : -1;
}

static int teardown(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1)
        return run_role(argv[1]);
    alarm(LIMIT_SECONDS);
    tag = (uint32_t)getpid() << 8 | 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_told_as_it_was),
        cmocka_unit_test(a_failed_start_says_which_step),
        cmocka_unit_test(without_descriptors_a_start_fails_cleanly),
        cmocka_unit_test(a_child_has_the_standard_descriptors_and_no_other),
        cmocka_unit_test(a_child_has_each_named_descriptor_at_its_number),
        cmocka_unit_test(another_user_has_memory_of_his_own),
        cmocka_unit_test(a_child_writes_its_pid_into_its_environment),
        cmocka_unit_test(a_child_has_no_signal_blocked_or_ignored),
        cmocka_unit_test(a_child_has_its_own_session_and_the_old_limit),
        cmocka_unit_test(a_stopped_child_obeys_sigterm),
        cmocka_unit_test(five_hundred_starts_leave_nothing),
        cmocka_unit_test(a_status_that_somebody_else_took_is_lost),
        cmocka_unit_test(an_adopted_process_is_reported_like_a_first_one),
        cmocka_unit_test(a_forgotten_process_goes_on_unreported),
        cmocka_unit_test(file_locks_are_not_limited_by_the_tag),
        cmocka_unit_test(what_was_taken_is_given_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
