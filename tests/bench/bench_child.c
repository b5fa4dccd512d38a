/* What is supervised in the benchmarks. Tells its times through a shared file, so that measuring costs next to nothing:
 *
 *   bench_child FILE pause              counts itself in, then waits to be ended
 *   bench_child FILE deaf               the same, ignoring SIGTERM
 *   bench_child FILE crash              notes how long after the last end it began, then ends
 *   bench_child FILE listen PORT MS     after MS milliseconds listens on PORT and notes when, then waits
 *   bench_child FILE notify MS          the same with READY=1 to NOTIFY_SOCKET
 *   bench_child FILE after              notes when it began, then waits
 *   bench_child FILE lines N BATCH      writes N lines of 100 bytes, BATCH a write, then waits
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

static struct board *board;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void sleep_ms(int ms) {
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static void crash(void) {
    int64_t now = now_ns();
    if (board->last_end != 0 && board->gaps < BOARD_GAPS)
        board->gap[board->gaps++] = now - board->last_end;
    board->last_end = now_ns();
    _exit(1);
}

static void announce_listen(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
        _exit(2);
    board->ready = now_ns();
    if (listen(fd, 8) < 0)
        _exit(2);
}

static void announce_notify(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path)
        _exit(2);
    memcpy(a.sun_path, path, strlen(path));
    if (path[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    board->ready = now_ns();
    sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&a,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

static void lines(int count, int batch) {
    char *block = malloc((size_t)batch * 100);
    memset(block, 'x', (size_t)batch * 100);
    for (int i = 0; i < batch; i++)
        block[i * 100 + 99] = '\n';
    for (int i = 0; i < count; i += batch)
        for (size_t done = 0, size = (size_t)batch * 100; done < size;) {
            ssize_t n = write(1, block + done, size - done);
            if (n <= 0)
                _exit(3);
            done += (size_t)n;
        }
    board->done = 1;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    int fd = open(argv[1], O_RDWR);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED)
        return 2;
    close(fd);
    const char *what = argv[2];
    if (strcmp(what, "crash") == 0)
        crash();
    if (strcmp(what, "after") == 0)
        board->after = now_ns();
    if (strcmp(what, "deaf") == 0)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(what, "listen") == 0 && argc > 4) {
        sleep_ms(atoi(argv[4]));
        announce_listen(atoi(argv[3]));
    }
    if (strcmp(what, "notify") == 0 && argc > 3) {
        sleep_ms(atoi(argv[3]));
        announce_notify();
    }
    atomic_fetch_add(&board->begun, 1);
    if (strcmp(what, "lines") == 0 && argc > 4)
        lines(atoi(argv[3]), atoi(argv[4]));
    for (;;)
        pause();
}
