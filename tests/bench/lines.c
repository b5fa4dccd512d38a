/* What carrying one million lines of 100 bytes from an app's pipe to its log file costs the supervisor, beside readers
 * that do nothing but read and write. Processor time (user and system) of the reading process, medians of `rounds`:
 *
 *     bench_lines [ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "daemon/output.h"
#include "daemon/say.h"

enum { LINES = 1000000, LINE = 100, MAX_ROUNDS = 99, BATCH = 64 * 1024 };
static const size_t TOTAL = (size_t)LINES * LINE;

void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format,
            ...) {
    (void)place, (void)level, (void)about;
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    abort();
}

static char dir[] = "/tmp/upkeep-bench-XXXXXX";
static char log_path[64];

static void check(bool is_good, const char *what) {
    if (is_good)
        return;
    (void)fprintf(stderr, "bench_lines: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- who writes ---- */

static void write_lines(int fd, bool one_by_one) {
    static char block[BATCH / LINE * LINE];
    memset(block, 'x', sizeof block);
    for (size_t i = LINE - 1; i < sizeof block; i += LINE)
        block[i] = '\n';
    size_t step = one_by_one ? LINE : sizeof block;
    for (size_t left = TOTAL; left > 0;) {
        ssize_t n = write(fd, block, left < step ? left : step);
        if (n <= 0)
            _exit(1);
        left -= (size_t)n;
    }
    _exit(0);
}

static pid_t start_writer(int fd, bool one_by_one) {
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        write_lines(fd, one_by_one);
    return pid;
}

/* ---- who reads ---- */

static size_t log_size(void) {
    struct stat st;
    return stat(log_path, &st) == 0 ? (size_t)st.st_size : 0;
}

/* Reads as much as there is at each wake-up, after a rest. */
static void read_plainly(bool one_by_one, int pipe_bytes, long rest_ns) {
    static char buffer[1 << 20];
    int fds[2];
    check(pipe2(fds, O_CLOEXEC) == 0, "pipe");
    if (pipe_bytes > 0)
        check(fcntl(fds[0], F_SETPIPE_SZ, pipe_bytes) > 0, "F_SETPIPE_SZ");
    int out = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    check(out >= 0, log_path);
    pid_t pid = start_writer(fds[1], one_by_one);
    for (size_t done = 0; done < TOTAL;) {
        struct pollfd polled = {.fd = fds[0], .events = POLLIN};
        check(poll(&polled, 1, -1) == 1, "poll");
        if (rest_ns > 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = rest_ns}, NULL);
        ssize_t n = read(fds[0], buffer, sizeof buffer);
        check(n > 0 && write(out, buffer, (size_t)n) == n, "copy");
        done += (size_t)n;
    }
    check(waitpid(pid, NULL, 0) == pid, "waitpid");
    close(fds[0]);
    close(fds[1]);
    close(out);
}

static void read_batched(bool one_by_one) {
    read_plainly(one_by_one, LIMIT_PIPE, 0);
}

static void read_rested(bool one_by_one) {
    read_plainly(one_by_one, LIMIT_PIPE, 1000000);
}

static void read_each_wakeup(bool one_by_one) {
    read_plainly(one_by_one, 0, 0);
}

struct look {
    struct loop *loop;
    struct loop_timer timer;
};

static void look(struct loop_timer *timer) {
    struct look *l = LOOP_CONTAINER(timer, struct look, timer);
    if (log_size() == TOTAL)
        loop_break(l->loop);
    else
        loop_timer_at(l->loop, timer, mono_add_ms(loop_clock(), 20), look);
}

static void read_with(bool one_by_one, enum log_format format) {
    struct look l = {.loop = loop_new()};
    struct output_hub *hub = l.loop ? output_hub_new(l.loop, dir, dir, -1) : NULL;
    struct output *output = hub ? output_new(hub, "app") : NULL;
    check(output, "output_new");
    struct app_config config = {.stderr_target.kind = LOG_TO_STDOUT, .log_format = format};
    struct env env = {0};
    struct text error = {0};
    check(output_prepare(output, &config, dir, &env, &error) == 0, "output_prepare");
    int fds[2];
    output_fds(output, &fds[0], &fds[1]);
    pid_t pid = start_writer(fds[0], one_by_one);
    loop_timer_at(l.loop, &l.timer, loop_clock(), look);
    loop_run(l.loop);
    check(waitpid(pid, NULL, 0) == pid, "waitpid");
    output_hub_free(hub);
    loop_free(l.loop);
}

static void read_as_upkeep(bool one_by_one) {
    read_with(one_by_one, LOG_RAW);
}

/* ---- figures ---- */

static double cpu_ms(void) {
    struct rusage usage;
    check(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct contestant {
    const char *name;
    void (*read)(bool one_by_one);
    double ms[MAX_ROUNDS];
};

static double median(struct contestant *contestant, int rounds) {
    qsort(contestant->ms, (size_t)rounds, sizeof *contestant->ms, by_value);
    return contestant->ms[rounds / 2];
}

/* The contestants take turns, so that a noisy neighbour is everybody's. The first is the limit. */
static void compare(const char *title, bool one_by_one, struct contestant *contestants, size_t count, int rounds) {
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            double before = cpu_ms();
            contestants[i].read(one_by_one);
            contestants[i].ms[round] = cpu_ms() - before;
            check(log_size() == TOTAL, "size of the log");
            check(unlink(log_path) == 0, "unlink");
        }
    }
    printf("%s\n", title);
    double limit = median(&contestants[0], rounds);
    for (size_t i = 0; i < count; i++) {
        double ms = median(&contestants[i], rounds);
        printf("  %-44s %7.1f ms  %5.2fx\n", contestants[i].name, ms, ms / limit);
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    if (rounds < 1 || rounds > MAX_ROUNDS) {
        (void)fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    check(mkdtemp(dir), "mkdtemp");
    (void)snprintf(log_path, sizeof log_path, "%s/app.log", dir);
    struct contestant batched[] = {{.name = "reader with a pipe of 1 MiB (the limit)", .read = read_batched},
                                   {.name = "upkeep", .read = read_as_upkeep}};
    compare("1000000 lines of 100 bytes, written in blocks: CPU of the reader", false, batched, 2, rounds);
    struct contestant single[] = {{.name = "reader with 1 MiB, resting 1 ms (the limit)", .read = read_rested},
                                  {.name = "reader that wakes up whenever it can", .read = read_each_wakeup},
                                  {.name = "upkeep", .read = read_as_upkeep}};
    compare("the same, one write a line", true, single, 3, rounds);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 ? 0 : 1;
}
