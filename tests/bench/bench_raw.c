/* The physical limits: the same work with nothing around it.
 *
 *   raw spawn FILE N CHILD        vfork and execve N children that pause; then SIGTERM to all and wait
 *   raw crash FILE N CHILD        start a child that ends at once, N times
 *   raw read FILE LINES BATCH MODE CHILD
 *                                 read what the child writes and write it to a file; MODE batched (1 MiB pipe, a rest
 * of a millisecond after each read) or eager (wakes for whatever is there) Prints one line of figures in milliseconds.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct board *board_of(const char *path) {
    int fd = open(path, O_RDWR);
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED)
        exit(2);
    close(fd);
    return board;
}

/* Not inlined, and with nothing of the parent's changed after vfork() but through execve or _exit. */
static __attribute__((noinline)) pid_t start(char **argv, int out) {
    pid_t pid = vfork();
    if (pid == 0) {
        setsid();
        if (out >= 0)
            dup2(out, 1);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static int spawn(char *file, int count, char *child) {
    struct board *board = board_of(file);
    char *argv[] = {child, file, "pause", NULL};
    pid_t *pids = calloc((size_t)count, sizeof *pids);
    double begin = now_ms();
    for (int i = 0; i < count; i++)
        pids[i] = start(argv, -1);
    double spawned = now_ms();
    while (board->begun < count)
        usleep(200);
    double begun = now_ms();
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGTERM);
    for (int i = 0; i < count; i++)
        waitpid(pids[i], NULL, 0);
    double ended = now_ms();
    printf("%.2f %.2f %.2f\n", spawned - begin, begun - begin, ended - begun);
    free(pids);
    return 0;
}

static int crash(char *file, int count, char *child) {
    char *argv[] = {child, file, "crash", NULL};
    for (int i = 0; i < count; i++)
        waitpid(start(argv, -1), NULL, 0);
    return 0;
}

static double cpu_ms(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static int read_lines(char *file, char *lines, char *batch, const char *mode, char *child) {
    struct board *board = board_of(file);
    char *argv[] = {child, file, "lines", lines, batch, NULL};
    int is_batched = strcmp(mode, "batched") == 0;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return 2;
    if (is_batched)
        fcntl(pipes[0], F_SETPIPE_SZ, 1 << 20);
    char path[] = "/tmp/bench-raw-XXXXXX";
    int out = mkostemp(path, O_APPEND | O_CLOEXEC);
    unlink(path);
    char *buffer = malloc(1 << 20);
    memset(buffer, 0, 1 << 20);
    double before = cpu_ms();
    pid_t pid = start(argv, pipes[1]);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    for (int is_last = 0;;) {
        is_last = board->done != 0;
        ssize_t n = read(pipes[0], buffer, 1 << 20);
        if (n > 0 && write(out, buffer, (size_t)n) != n)
            return 2;
        if (n <= 0 && is_last)
            break;
        if (n > 0 && is_batched)
            usleep(1000);
        if (n <= 0) {
            struct pollfd p = {.fd = pipes[0], .events = POLLIN};
            poll(&p, 1, 20);
        }
    }
    double used = cpu_ms() - before;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    printf("%.2f\n", used);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "spawn") == 0)
        return spawn(argv[2], atoi(argv[3]), argv[4]);
    if (argc == 5 && strcmp(argv[1], "crash") == 0)
        return crash(argv[2], atoi(argv[3]), argv[4]);
    if (argc == 7 && strcmp(argv[1], "read") == 0)
        return read_lines(argv[2], argv[3], argv[4], argv[5], argv[6]);
    return 2;
}
