/* A child that does every bad thing, scripted by its arguments, each carried out in turn:
 *
 *   say TEXT           a line on stdout          part TEXT     the same without its newline
 *   err TEXT           a line on stderr          env NAME      a line NAME=VALUE
 *   burst N            N lines of 100 bytes      fds           the open descriptors, one line
 *   pid                a line pid=PID
 *   exit N             die SIGNAL                run           wait for signals for ever
 *   sleep MS           (to be late, not to wait for something)
 *   on SIGNAL exit N   on SIGNAL ignore          on SIGNAL say TEXT
 *   await PATH         until there is such a file
 *   listen PORT        on 127.0.0.1              listen-on ADDRESS PORT        unix PATH
 *   listen-fd N        the inherited descriptor is the last listener
 *   serve              answer every connection on the last listener with HTTP 200, for ever
 *   answer CODE N      answer N connections with this HTTP status
 *   obey PATH          answer every connection with the HTTP status that the file holds (200 when there is none; 0: no
 *                      answer, the connection stays open), for ever, and say so: `asked, STATUS`
 *   notify TEXT        to NOTIFY_SOCKET (`\n` is a newline)
 *   notify-child TEXT  the same from a child of ours, which is gone at once
 *   notify-main TEXT   the same with our MAINPID=  notify-barrier      wait until all that was sent has been read
 *   spawn              go on in a child too, that does what follows up to `--`; the parent goes on behind it
 *   fork               go on in a child, the parent waits for it and exits with its code
 *   orphan             go on in a grandchild that has left session and parent (double fork, setsid) up to `--`;
 *                      the first of us goes on behind it
 *   clean-exec         become this program again with an empty environment and the rest of the words
 *   write-fd N TEXT    close-fd N                touch PATH      eat BYTES
 *   --                 where the other side of a spawn or orphan goes on
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **words;
static int listener = -1;
static struct {
    int exit_code; /* -1: do not exit */
    const char *text;
} handlers[65];

static const char *next_word(void) {
    if (!*words) {
        fprintf(stderr, "child: a word is missing\n");
        exit(99);
    }
    return *words++;
}

static int next_number(void) {
    return atoi(next_word());
}

static int signal_number(const char *name) {
    static const struct {
        const char *name;
        int number;
    } names[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"TERM", SIGTERM}, {"USR1", SIGUSR1},
                 {"USR2", SIGUSR2}, {"KILL", SIGKILL}, {"SEGV", SIGSEGV}, {"ABRT", SIGABRT}, {"STOP", SIGSTOP}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].number;
    return atoi(name);
}

static void handle(int number) {
    if (handlers[number].text) {
        dprintf(1, "%s\n", handlers[number].text);
        return;
    }
    _exit(handlers[number].exit_code);
}

static void do_say(void) {
    dprintf(1, "%s\n", next_word());
}
static void do_part(void) {
    dprintf(1, "%s", next_word());
}
static void do_err(void) {
    dprintf(2, "%s\n", next_word());
}
static void do_env(void) {
    const char *name = next_word();
    const char *value = getenv(name);
    dprintf(1, "%s=%s\n", name, value ? value : "(unset)");
}

static void do_pid(void) {
    dprintf(1, "pid=%d\n", (int)getpid());
}

static void do_burst(void) {
    int count = next_number();
    static char block[100 * 512];
    for (int i = 0; i < count;) {
        int n = 0;
        for (; n < 512 && i < count; n++, i++) {
            char line[128];
            snprintf(line, sizeof line, "%08u %090u", (unsigned)i % 100000000U, 0U);
            memcpy(block + n * 100, line, 99);
            block[n * 100 + 99] = '\n';
        }
        for (ssize_t done = 0, size = n * 100; done < size;) {
            ssize_t w = write(1, block + done, (size_t)(size - done));
            if (w < 0)
                exit(98);
            done += w;
        }
    }
}

static void do_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    char line[1024] = "fds";
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(dir)) {
            strcat(line, " ");
            strcat(line, e->d_name);
        }
    closedir(dir);
    dprintf(1, "%s\n", line);
}

static void do_exit(void) {
    exit(next_number());
}
static void do_die(void) {
    int number = signal_number(next_word());
    signal(number, SIG_DFL);
    raise(number);
}
static void do_run(void) {
    for (;;)
        pause();
}
static void do_sleep(void) {
    int ms = next_number();
    struct timespec left = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static void do_await(void) {
    const char *path = next_word();
    while (access(path, F_OK) < 0)
        poll(NULL, 0, 1);
}

static void do_on(void) {
    int number = signal_number(next_word());
    const char *what = next_word();
    if (strcmp(what, "ignore") == 0) {
        signal(number, SIG_IGN);
        return;
    }
    if (strcmp(what, "exit") == 0)
        handlers[number].exit_code = next_number();
    else
        handlers[number].text = next_word();
    signal(number, handle);
}

static void check(int r, const char *what) {
    if (r < 0) {
        dprintf(2, "child: %s: %s\n", what, strerror(errno));
        exit(97);
    }
}

/* An IPv6 socket takes IPv6 alone. */
static void listen_on(const char *address, int port) {
    int on = 1;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
    if (!is_v6)
        check(inet_pton(AF_INET, address, &v4.sin_addr) - 1, address);
    listener = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_v6)
        setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    check(is_v6 ? bind(listener, (struct sockaddr *)&v6, sizeof v6) : bind(listener, (struct sockaddr *)&v4, sizeof v4),
          "bind");
    check(listen(listener, 64), "listen");
}
static void do_listen(void) {
    listen_on("127.0.0.1", next_number());
}
static void do_listen_on(void) {
    const char *address = next_word();
    listen_on(address, next_number());
}

static void do_unix(void) {
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", next_word());
    unlink(a.sun_path);
    check(bind(listener, (struct sockaddr *)&a, sizeof a), "bind");
    check(listen(listener, 64), "listen");
}

static void do_listen_fd(void) {
    listener = next_number();
}

static void respond(int client, int code) {
    char request[1024];
    if (read(client, request, sizeof request) > 0)
        dprintf(client, "HTTP/1.1 %d Whatever\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n", code);
    close(client);
}
static void answer(int code) {
    int client = accept(listener, NULL, NULL);
    if (client >= 0)
        respond(client, code);
}
static void do_serve(void) {
    for (;;)
        answer(200);
}
static void do_answer(void) {
    int code = next_number();
    for (int i = next_number(); i > 0; i--)
        answer(code);
}

static int status_in(const char *path) {
    char text[16] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 200;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 ? atoi(text) : 200;
}
static void do_obey(void) {
    const char *path = next_word();
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        int code = status_in(path);
        if (code != 0)
            respond(client, code);
        dprintf(1, "asked, %d\n", code);
    }
}

/* passed: a descriptor to go along, or -1. */
static void notify_with(const char *word, int passed) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path)
        return;
    char text[512];
    size_t text_len = 0;
    for (; *word && text_len < sizeof text; word++) {
        int is_newline = word[0] == '\\' && word[1] == 'n';
        text[text_len++] = is_newline ? '\n' : *word;
        word += is_newline;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    memcpy(a.sun_path, path, len);
    if (path[0] == '@')
        a.sun_path[0] = '\0';
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.align = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    memcpy(CMSG_DATA(&control.align), &passed, sizeof passed);
    struct iovec iov = {text, text_len};
    struct msghdr message = {.msg_name = &a,
                             .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = passed < 0 ? NULL : &control,
                             .msg_controllen = passed < 0 ? 0 : sizeof control};
    check((int)sendmsg(fd, &message, 0), "notify");
    close(fd);
}
static void notify(const char *text) {
    notify_with(text, -1);
}
static void do_notify(void) {
    notify(next_word());
}
static void do_notify_main(void) {
    char text[512];
    snprintf(text, sizeof text, "%s\\nMAINPID=%d", next_word(), (int)getpid());
    notify(text);
}
static void do_notify_barrier(void) {
    int fds[2];
    check(pipe(fds), "pipe");
    notify_with("BARRIER=1", fds[1]);
    close(fds[1]);
    struct pollfd closed = {.fd = fds[0]};
    check(poll(&closed, 1, 20000) - 1, "barrier");
    close(fds[0]);
}
static void do_notify_child(void) {
    const char *text = next_word();
    pid_t pid = fork();
    if (pid == 0) {
        notify(text);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* To the words behind the next `--`. */
static void skip(void) {
    while (*words && strcmp(*words, "--") != 0)
        words++;
    if (*words)
        words++;
}

static void do_fork(void) {
    pid_t pid = fork();
    if (pid == 0)
        return;
    int status;
    while (waitpid(pid, &status, 0) < 0)
        ;
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void do_orphan(void) {
    pid_t pid = fork();
    if (pid != 0) {
        waitpid(pid, NULL, 0);
        skip();
        return;
    }
    setsid();
    if (fork() != 0)
        _exit(0);
}

static void do_spawn(void) {
    if (fork() != 0)
        skip();
}

static void do_clean_exec(void) {
    char *none[] = {NULL};
    char **argv = words - 1;
    argv[0] = "child";
    execve("/proc/self/exe", argv, none);
    exit(96);
}

static void do_write_fd(void) {
    int fd = next_number();
    dprintf(fd, "%s\n", next_word());
}
static void do_close_fd(void) {
    close(next_number());
}
static void do_touch(void) {
    int fd = open(next_word(), O_WRONLY | O_CREAT, 0600);
    check(fd, "touch");
    close(fd);
}
static void do_eat(void) {
    size_t size = (size_t)atol(next_word());
    char *memory = malloc(size);
    for (size_t i = 0; memory && i < size; i += 4096)
        ((volatile char *)memory)[i] = 1;
}
static void do_nothing(void) {
    exit(0); /* the end of our side of a fork */
}

static const struct {
    const char *word;
    void (*run)(void);
} actions[] = {
    {"say", do_say},
    {"part", do_part},
    {"err", do_err},
    {"env", do_env},
    {"burst", do_burst},
    {"fds", do_fds},
    {"exit", do_exit},
    {"die", do_die},
    {"run", do_run},
    {"sleep", do_sleep},
    {"on", do_on},
    {"listen", do_listen},
    {"unix", do_unix},
    {"serve", do_serve},
    {"notify", do_notify},
    {"notify-child", do_notify_child},
    {"fork", do_fork},
    {"orphan", do_orphan},
    {"spawn", do_spawn},
    {"clean-exec", do_clean_exec},
    {"write-fd", do_write_fd},
    {"close-fd", do_close_fd},
    {"touch", do_touch},
    {"eat", do_eat},
    {"await", do_await},
    {"listen-on", do_listen_on},
    {"answer", do_answer},
    {"obey", do_obey},
    {"listen-fd", do_listen_fd},
    {"pid", do_pid},
    {"notify-main", do_notify_main},
    {"notify-barrier", do_notify_barrier},
    {"--", do_nothing},
};

int main(int argc, char **argv) {
    (void)argc;
    words = argv + 1;
    while (*words) {
        const char *word = next_word();
        size_t i = 0;
        while (i < sizeof actions / sizeof *actions && strcmp(actions[i].word, word) != 0)
            i++;
        if (i == sizeof actions / sizeof *actions) {
            fprintf(stderr, "child: unknown action %s\n", word);
            return 99;
        }
        actions[i].run();
    }
    return 0;
}
