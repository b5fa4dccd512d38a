/* What a start costs, beside the least that it can cost on this machine: `bench_spawn [STARTS [DESCRIPTORS]]`.
 *
 * Both sides start the same program (this one, which ends at once) and wait for all of its ends; the raw side is a loop
 * around posix_spawn and waitpid without anything around it. Ours holds DESCRIPTORS open files meanwhile, as a
 * supervisor of many apps does. Five rounds alternate, the medians are compared. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/loop.h"
#include "host/proc.h"

enum { ROUNDS = 5 };

static char program[] = "/proc/self/exe";
static char *arguments[] = {"child", "end", NULL};
static char *environment[] = {NULL};

static struct loop *loop;
static int running;

static double seconds_since(struct mono begin) {
    return (double)(loop_clock().ns - begin.ns) / 1e9;
}

static double raw(int starts) {
    struct mono begin = loop_clock();
    for (int i = 0; i < starts; i++) {
        pid_t pid;
        if (posix_spawn(&pid, program, NULL, NULL, arguments, environment) != 0)
            abort();
    }
    for (int i = 0; i < starts; i++)
        wait(NULL);
    return seconds_since(begin);
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    (void)proc;
    (void)outcome;
    if (--running == 0)
        loop_break(loop);
}

static double ours(int starts, struct proc *procs) {
    struct mono begin = loop_clock();
    struct proc_spec spec = {
        .path = program, .argv = arguments, .envp = environment, .cwd = "/", .fds = {{1, 1}, {2, 2}}, .fd_count = 2};
    struct proc_failure failure;
    for (int i = 0; i < starts; i++) {
        spec.tag = (uint32_t)i + 1;
        if (proc_spawn(&procs[i], &spec, on_ended, &failure) < 0)
            abort();
    }
    running = starts;
    loop_run(loop);
    return seconds_since(begin);
}

static void hold_descriptors(int count) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 1; i < count; i++)
        if (fcntl(fd, F_DUPFD_CLOEXEC, 0) < 0)
            abort();
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

int main(int argc, char **argv) {
    if (argc == 2 && argv[1][0] == 'e')
        return 0;
    int starts = argc > 1 ? atoi(argv[1]) : 1000;
    int descriptors = argc > 2 ? atoi(argv[2]) : 4000;
    struct proc *procs = starts > 0 ? calloc((size_t)starts, sizeof *procs) : NULL;
    loop = loop_new();
    double raw_seconds[ROUNDS];
    double our_seconds[ROUNDS];
    if (!procs || !loop)
        return 1;

    /* The raw loop is measured in a process of its own that holds no descriptors. */
    int pipe_fds[2];
    int turns[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0 || pipe2(turns, O_CLOEXEC) < 0)
        return 1;
    pid_t raw_pid = fork();
    if (raw_pid == 0) {
        char turn;
        close(turns[1]);
        while (read(turns[0], &turn, 1) == 1) {
            double seconds = raw(starts);
            if (write(pipe_fds[1], &seconds, sizeof seconds) != sizeof seconds)
                break;
        }
        _exit(0);
    }
    if (proc_setup(loop, NULL, NULL) < 0)
        return 1;
    hold_descriptors(descriptors);
    for (int i = 0; i < ROUNDS; i++) {
        if (write(turns[1], "", 1) != 1 || read(pipe_fds[0], &raw_seconds[i], sizeof(double)) != sizeof(double))
            return 1;
        our_seconds[i] = ours(starts, procs);
    }
    close(turns[1]);
    double limit = median(raw_seconds);
    double measured = median(our_seconds);
    printf("%d starts: posix_spawn loop %.3f s, proc_spawn with %d descriptors open %.3f s, ratio %.2f\n", starts,
           limit, descriptors, measured, measured / limit);
    loop_free(loop);
    free(procs);
    return 0;
}
