#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/code.h"

enum {
    BACKGROUND_FD = 3,                  /* where the supervisor finds the pipe */
    BACKGROUND_WAIT_MS = 30 * 1000,     /* for the socket to answer: no app is started within this */
    BACKGROUND_NAP_MS = 10,             /* between two looks at that */
    BACKGROUND_LINE = 1024,             /* bytes of the supervisor's one line that are shown */
    BACKGROUND_LOG_BYTES = 1024 * 1024, /* a log longer than this is put aside as supervisor.log.1 */
};

/* Made like the supervisor makes it: 0700, parents as the umask says. 0 or -errno. */
static int background_make_dir(const char *path) {
    struct text prefix TEXT_AUTO = {0};
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        text_clear(&prefix);
        text_append(&prefix, path, (size_t)(slash - path));
        if (mkdir(text_get(&prefix), 0777) < 0 && errno != EEXIST)
            return -errno;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* The supervisor's own output, appended. The descriptor or -errno. */
static int background_open_log(const char *path) {
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > BACKGROUND_LOG_BYTES) {
        struct text aside TEXT_AUTO = {0};
        text_printf(&aside, "%s.1", path);
        (void)rename(path, text_get(&aside));
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* What the child needs, made before the fork. */
struct background {
    char *program;
    char *argv[10];
    const char *folder;
    int log;
    int pipe[2];
};

/* Only what is async-signal-safe: the program may have threads one day. */
__attribute__((noreturn)) static void background_child(const struct background *background) {
    (void)setsid();
    /* The folder of the manifest is there as long as the supervisor has a meaning; the user's may be removed. */
    (void)!chdir(background->folder);
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(background->log, STDOUT_FILENO) < 0 ||
        dup2(background->log, STDERR_FILENO) < 0)
        _exit(CODE_FAILED);
    if (background->pipe[1] == BACKGROUND_FD)
        (void)fcntl(BACKGROUND_FD, F_SETFD, 0);
    else if (dup2(background->pipe[1], BACKGROUND_FD) < 0)
        _exit(CODE_FAILED);
    (void)close_range(BACKGROUND_FD + 1, ~0U, 0);
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)execv(background->program, background->argv);
    _exit(CODE_FAILED);
}

/* Our own program's path; /proc/self/exe itself where that is gone (an upgrade replaced it), though the process is then
 * called `exe`. */
static char *background_program(void) {
    char *path = realpath("/proc/self/exe", NULL);
    if (path && access(path, X_OK) == 0)
        return path;
    free(path);
    return strdup("/proc/self/exe");
}

/* Reads what the supervisor has to say until it closes the pipe, or one byte says all. Returns false at the time limit.
 */
static bool background_listen(int fd, struct text *said) {
    int64_t end_ms = session_now_ms() + BACKGROUND_WAIT_MS;
    while (said->len < BACKGROUND_LINE) {
        int64_t left_ms = end_ms - session_now_ms();
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0)
            return false;
        if (poll(&watched, 1, (int)left_ms) <= 0)
            continue;
        char buffer[256];
        ssize_t len = read(fd, buffer, sizeof buffer);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return true;
        text_append(said, buffer, (size_t)len);
        if (buffer[len - 1] == '\n')
            return true;
    }
    return true;
}

/* Whether a supervisor holds the lock of the session's manifest. */
static bool background_has_rival(const struct session *session) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/lock", session->manifest.supervisor.runtime_dir);
    int fd = open(text_get(&path), O_RDONLY | O_CLOEXEC);
    bool is_held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        (void)close(fd);
    return is_held;
}

/* Two commands at once start two supervisors, of which the lock lets one live. The other's user gets the living one,
 * which may hold the lock for a moment before its socket is there. */
static bool background_meet_rival(struct session *session) {
    for (int waited_ms = 0; waited_ms < BACKGROUND_WAIT_MS; waited_ms += BACKGROUND_NAP_MS) {
        int error = session_connect(session, &session->client);
        if (error == 0)
            return true;
        if (error == -EEXIST || !background_has_rival(session))
            return false;
        (void)poll(NULL, 0, BACKGROUND_NAP_MS);
    }
    return false;
}

static int background_meet(struct session *session, int fd, const char *log_path) {
    struct text said TEXT_AUTO = {0};
    if (!background_listen(fd, &said))
        return code_fail(CODE_TIMED_OUT, "the supervisor of %s does not answer (its log: %s)", session->path, log_path);
    if (strcmp(text_get(&said), "\n") == 0) {
        int error = session_connect(session, &session->client);
        return error < 0 ? session_refused(session, error) : CODE_DONE;
    }
    if (background_meet_rival(session))
        return CODE_DONE;
    if (said.len == 0)
        return code_fail(CODE_FAILED, "the supervisor of %s ended at once (its log: %s)", session->path, log_path);
    said.data[strcspn(said.data, "\n")] = '\0';
    return code_fail(CODE_FAILED, "%s", text_get(&said));
}

static void background_arguments(const struct session *session, struct background *background) {
    static char upkeep[] = "upkeep";
    static char manifest[] = "-f";
    static char profile[] = "--profile";
    static char run[] = "run";
    static char started_fd[] = "--started-fd=3";
    _Static_assert(BACKGROUND_FD == 3, "as started_fd says");
    size_t n = 0;
    background->argv[n++] = upkeep;
    background->argv[n++] = manifest;
    background->argv[n++] = session->path;
    if (session->manifest.profile) {
        background->argv[n++] = profile;
        background->argv[n++] = session->manifest.profile;
    }
    background->argv[n++] = run;
    background->argv[n++] = started_fd;
    background->argv[n] = NULL;
}

static int background_spawn(struct session *session, struct background *background, const char *log_path) {
    const char *runtime_dir = session->manifest.supervisor.runtime_dir;
    const char *root = session->manifest.supervisor.root;
    if (access(root, F_OK) < 0)
        return code_fail(CODE_FAILED, "%s: cannot enter root %s: %s", session->path, root, strerror(errno));
    int error = background_make_dir(runtime_dir);
    if (error < 0)
        return code_fail(CODE_FAILED, "cannot make the runtime dir %s: %s", runtime_dir, strerror(-error));
    background->log = background_open_log(log_path);
    if (background->log < 0)
        return code_fail(CODE_FAILED, "cannot open %s: %s", log_path, strerror(-background->log));
    background->program = background_program();
    background_arguments(session, background);
    if (!background->program || pipe2(background->pipe, O_CLOEXEC) < 0)
        return code_fail(CODE_FAILED, "cannot start a supervisor: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        return code_fail(CODE_FAILED, "cannot start a supervisor: %s", strerror(errno));
    if (child == 0)
        background_child(background);
    (void)close(background->pipe[1]);
    background->pipe[1] = -1;
    return background_meet(session, background->pipe[0], log_path);
}

int background_start(struct session *session) {
    struct background background = {.log = -1, .pipe = {-1, -1}, .folder = session->manifest.dir};
    struct text log_path TEXT_AUTO = {0};
    text_printf(&log_path, "%s/" SESSION_LOG, session->manifest.supervisor.runtime_dir);
    int code = background_spawn(session, &background, text_get(&log_path));
    const int fds[] = {background.log, background.pipe[0], background.pipe[1]};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    free(background.program);
    return code;
}
