/* fd: a newline or the close of a descriptor that the app was given, as s6's notification-fd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/watch.h"

struct fd_watch {
    struct readiness *readiness;
    struct loop_io io;
    int number;  /* the app's */
    int read_fd; /* meaningful while has_read */
    int write_fd;
    bool has_read;
    bool has_write; /* until the app has it */
};

static void close_read(struct fd_watch *watch) {
    if (!watch->has_read)
        return;
    loop_io_stop(watch->readiness->loop, &watch->io);
    close(watch->read_fd);
    watch->has_read = false;
}

static void close_write(struct fd_watch *watch) {
    if (watch->has_write)
        close(watch->write_fd);
    watch->has_write = false;
}

static void end(struct fd_watch *watch, const char *how) {
    close_read(watch);
    text_printf(&watch->readiness->sentence, "%s descriptor %d", how, watch->number);
    readiness_report(watch->readiness, WATCH_READY);
}

/* A process closes its descriptors while it ends and is a zombie only after that, so its state alone would not tell:
 * the kernel's flag PF_EXITING (include/linux/sched.h, the ninth field of /proc/PID/stat) does. */
static bool is_ending(pid_t pid) {
    enum { PF_EXITING = 0x4, FLAGS_FIELD = 9 };
    char path[32], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(stat, 1, sizeof stat - 1, file) : 0;
    if (file)
        fclose(file);
    stat[len] = '\0';
    const char *field = strrchr(stat, ')'); /* of the name, which may hold anything: the second field */
    for (int i = 2; field && i < FLAGS_FIELD; i++)
        field = strchr(field + 1, ' ');
    return !field || (strtoul(field, NULL, 10) & PF_EXITING);
}

static void on_readable(struct loop_io *io, int events) {
    (void)events;
    struct fd_watch *watch = LOOP_CONTAINER(io, struct fd_watch, io);
    char bytes[256];
    ssize_t len = read(watch->read_fd, bytes, sizeof bytes);
    if (len < 0)
        return;
    if (len > 0 && memchr(bytes, '\n', (size_t)len))
        end(watch, "wrote a newline to");
    else if (len == 0 && !is_ending(watch->readiness->pid))
        end(watch, "closed");
    else if (len == 0)
        close_read(watch); /* its end closed it: the exit is what counts */
}

static int prepare(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct fd_watch *watch = readiness->state;
    struct proc_spec *spec = request->spec;
    watch->readiness = readiness;
    watch->number = request->config->ready.number;
    int fds[2];
    if (spec->fd_count == PROC_MAX_FDS || pipe2(fds, O_CLOEXEC) < 0) {
        int result = spec->fd_count == PROC_MAX_FDS ? -E2BIG : -errno;
        text_printf(error, "cannot make descriptor %d: %s", watch->number, strerror(-result));
        return result;
    }
    watch->read_fd = fds[0];
    watch->write_fd = fds[1];
    watch->has_read = watch->has_write = true;
    (void)fcntl(watch->read_fd, F_SETFL, O_NONBLOCK);
    proc_spec_pass(spec, watch->write_fd, watch->number);
    text_printf(&readiness->answer, "nothing was written to descriptor %d, nor was it closed", watch->number);
    return 0;
}

static void start(struct readiness *readiness) {
    struct fd_watch *watch = readiness->state;
    close_write(watch);
    loop_io_start(readiness->loop, &watch->io, watch->read_fd, LOOP_READ, on_readable);
}

static void stop(struct readiness *readiness) {
    struct fd_watch *watch = readiness->state;
    close_write(watch);
    close_read(watch);
}

const struct watch watch_fd = {
    .state_bytes = sizeof(struct fd_watch), .prepare = prepare, .start = start, .stop = stop};
