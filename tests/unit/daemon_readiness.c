/* Readiness over real processes and sockets. This program is its own app: what it is to do as one is its first
 * argument, as a script of steps (see child_steps). */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/output.h"
#include "daemon/readiness.h"
#include "daemon/say.h"
#include "daemon/trial.h"
#include "host/address.h"
#include "host/tree.h"

enum { LIMIT_MS = 30000, TIME_FD = 9 };

/* From our pid: another run of this test beside us must not find, and end, our children. */
static uint32_t tag;
static struct trial_nest nest;

/* ---- as the app ---- */

static void sleep_ms(int ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static void tell_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    (void)!write(TIME_FD, &ns, sizeof ns);
}

/* ADDRESS@PORT */
static int listen_at(const char *where, bool share) {
    char numeric[64] = "";
    int port = 0;
    struct in6_addr address;
    struct sockaddr_in6 name;
    if (sscanf(where, "%63[^@]@%d", numeric, &port) != 2 || !address_parse(numeric, &address))
        return -1;
    socklen_t len = address_to_socket(&address, port, &name);
    int fd = socket(name.sin6_family, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (share)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    return bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, 64) == 0 ? fd : -1;
}

static int listen_at_path(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 8) == 0 ? fd : -1;
}

static void send_notify(const char *text) {
    const char *address = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", address ? address : "/nowhere");
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name.sun_path));
    if (name.sun_path[0] == '@')
        name.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)sendto(fd, text, strlen(text), 0, (struct sockaddr *)&name, len);
    close(fd);
}

/* Answers each connection with the next of these statuses, 0 for no answer at all; the last goes on. */
static void serve(int fd, const char *statuses) {
    for (;;) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        char request[1024];
        if (client < 0 || recv(client, request, sizeof request, 0) <= 0) {
            close(client);
            continue;
        }
        int status = 0, used = 0;
        sscanf(statuses, "%d%n", &status, &used);
        if (statuses[used] == ',')
            statuses += used + 1;
        if (status == 0)
            continue;
        dprintf(client, "HTTP/1.1 %d X\r\nConnection: close\r\n\r\nbody", status);
        close(client);
    }
}

/* Steps, one an argument: a letter and its operand. */
static int child_steps(char **steps) {
    int fd = -1;
    for (; *steps; steps++) {
        const char *operand = *steps + 1;
        char number[32];
        switch (**steps) {
        case 's': /* sleep, in ms */
            sleep_ms(atoi(operand));
            break;
        case 'l': /* listen, and say when */
            fd = listen_at(operand, false);
            if (fd < 0)
                return 10;
            tell_time();
            break;
        case 'L': /* listen, sharing the port */
            if (listen_at(operand, true) < 0)
                return 11;
            break;
        case 'u':
            if (listen_at_path(operand) < 0)
                return 12;
            break;
        case 'h': /* serve on what listens */
            serve(fd, operand);
            break;
        case 'n':
            send_notify(operand);
            break;
        case 'm': /* MAINPID of the next child's parent: ours */
            snprintf(number, sizeof number, "MAINPID=%d", (int)getpid());
            send_notify(number);
            break;
        case 'f': /* fork: the child goes on with the steps, the parent waits for the end */
            if (fork() > 0)
                for (;;)
                    pause();
            break;
        case 'c': /* fork: the child takes one step and ends, the parent goes on when it is gone */
            if (fork() == 0)
                return child_steps((char *[]){(char *)(uintptr_t)operand, NULL});
            wait(NULL);
            break;
        case 'd': /* detach: a grandchild in a session of its own goes on */
            if (fork() > 0)
                for (;;)
                    pause();
            setsid();
            if (fork() > 0)
                _exit(0);
            break;
        case 'w': /* write to a descriptor: N=TEXT */
            (void)!write(atoi(operand), strchr(operand, '=') + 1, strlen(strchr(operand, '=') + 1));
            break;
        case 'x': /* close a descriptor */
            close(atoi(operand));
            break;
        case 'e': /* exit */
            _exit(atoi(operand));
        case 't': /* exit 0 when the file is there, else make it and exit 1 */
            _exit(access(operand, F_OK) == 0 ? 0 : creat(operand, 0600) < 0 ? 2 : 1);
        case 'p': /* pause */
            for (;;)
                pause();
        default:
            return 13;
        }
    }
    return 0;
}

/* ---- as the test ---- */

void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format,
            ...) {
    (void)place, (void)level, (void)about, (void)format;
}

static struct loop *loop;
static char folder[] = "/tmp/upkeep-readiness-XXXXXX";
static char program[512];

static struct world {
    struct readiness *readiness;
    struct output_hub *hub;
    struct output *output;
    struct app_config config;
    struct env env;
    struct proc proc;
    struct loop_timer look;
    struct mono deadline;
    bool (*is_done)(void);
    int time_fds[2];
    pid_t stranger;
    struct text error;

    bool ready, unfit, stopping, ended, alive;
    struct mono verdict_at;
    char sentence[512];
    char status[LIMIT_STATUS + 1];
    pid_t main_pid;
} world;

static void on_ready(void *context, const char *how) {
    assert_ptr_equal(context, &world);
    assert_false(world.ready || world.unfit);
    world.ready = true;
    world.verdict_at = loop_clock();
    snprintf(world.sentence, sizeof world.sentence, "%s", how);
}

static void on_unfit(void *context, const char *why) {
    on_ready(context, why);
    world.ready = false;
    world.unfit = true;
}

static void on_main_pid(void *context, pid_t pid) {
    (void)context;
    world.main_pid = pid;
}

static void on_said(void *context, const struct notify_message *message) {
    (void)context;
    if (message->has_status)
        snprintf(world.status, sizeof world.status, "%s", message->status);
    world.stopping |= message->stopping;
    world.alive |= message->watchdog;
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    (void)proc, (void)outcome;
    world.ended = true;
}

static void look(struct loop_timer *timer) {
    struct mono now = loop_clock();
    if (world.is_done() || mono_reached(world.deadline, now))
        loop_break(loop);
    else
        loop_timer_at(loop, timer, mono_add_ms(now, 1), look);
}

static void run_until(bool (*is_done)(void)) {
    world.is_done = is_done;
    world.deadline = mono_add_ms(loop_clock(), LIMIT_MS);
    loop_timer_at(loop, &world.look, loop_clock(), look);
    loop_run(loop);
    if (!is_done())
        fail_msg("waited too long; last answer: %s", readiness_last_answer(world.readiness));
}

static bool has_verdict(void) {
    return world.ready || world.unfit;
}

static bool has_ended(void) {
    return world.ended;
}

static int setup(void **state) {
    (void)state;
    static const struct readiness_events events = {on_ready, on_unfit, on_main_pid, on_said};
    world = (struct world){.time_fds = {-1, -1}};
    world.config.ready_owner = true;
    world.config.ready_timeout_ms = LIMIT_MS;
    world.hub = output_hub_new(loop, folder, folder, -1);
    world.output = output_new(world.hub, "web");
    world.readiness = readiness_new(loop, folder, "web", tag, &nest, &events, &world);
    return pipe2(world.time_fds, O_CLOEXEC);
}

static void end_app(void) {
    readiness_stop(world.readiness);
    if (world.proc.pid > 0) {
        assert_true(tree_signal(tag, SIGKILL, 0, NULL) > 0);
        run_until(has_ended);
    }
    (void)tree_signal(tag, SIGKILL, 0, NULL);
    if (world.stranger > 0) {
        kill(world.stranger, SIGKILL);
        waitpid(world.stranger, NULL, 0);
    }
    world.stranger = 0;
    world.ready = world.unfit = world.ended = world.alive = false;
}

static int teardown(void **state) {
    (void)state;
    end_app();
    readiness_free(world.readiness);
    output_free(world.output);
    output_hub_free(world.hub);
    condition_fini(&world.config.ready);
    env_fini(&world.env);
    text_fini(&world.error);
    close(world.time_fds[0]);
    close(world.time_fds[1]);
    return 0;
}

/* A port that nobody uses at the moment, outside the range of ports that the kernel gives out by itself. */
static int free_port(void) {
    static int next;
    if (next == 0)
        next = 20000 + getpid() % 5000;
    for (;; next++) {
        char where[32];
        snprintf(where, sizeof where, "0.0.0.0@%d", next);
        int fd = listen_at(where, false);
        if (fd < 0)
            continue;
        close(fd);
        return next++;
    }
}

static const char *format(const char *form, ...) __attribute__((format(printf, 1, 2)));
static const char *format(const char *form, ...) {
    static char strings[8][256];
    static unsigned next;
    char *string = strings[next++ % 8];
    va_list args;
    va_start(args, form);
    vsnprintf(string, sizeof *strings, form, args);
    va_end(args);
    return string;
}

static void set_condition(const char *string) {
    condition_fini(&world.config.ready);
    TEXT_AUTO struct text error = {0};
    if (!condition_parse(string, &world.config.ready, &error))
        fail_msg("%s", text_get(&error));
}

static int prepare(struct proc_spec *spec, char **argv) {
    env_clear(&world.env);
    assert_true(env_set(&world.env, "PATH", 4, "/usr/bin:/bin", "test", 0));
    text_clear(&world.error);
    assert_int_equal(output_prepare(world.output, &world.config, folder, &world.env, &world.error), 0);
    *spec = (struct proc_spec){.tag = tag};
    int result = readiness_prepare(world.readiness, &world.config, folder, &world.env, spec, &world.error);
    spec->path = program;
    spec->argv = argv;
    spec->envp = env_envp(&world.env);
    spec->cwd = folder;
    int fds[2];
    output_fds(world.output, &fds[0], &fds[1]);
    const int pairs[][2] = {{fds[0], 1}, {fds[1], 2}, {world.time_fds[1], TIME_FD}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        spec->fds[spec->fd_count].from = pairs[i][0];
        spec->fds[spec->fd_count++].to = pairs[i][1];
    }
    return result;
}

/* Starts the app with these steps. */
static void start(const char *const *steps) {
    char *argv[16] = {program, (char *)"app"};
    for (size_t i = 0; steps[i]; i++)
        argv[i + 2] = (char *)(uintptr_t)steps[i];
    struct proc_spec spec;
    struct proc_failure failure;
    if (prepare(&spec, argv) < 0)
        fail_msg("%s", text_get(&world.error));
    assert_int_equal(proc_spawn(&world.proc, &spec, on_ended, &failure), 0);
    readiness_start(world.readiness, world.proc.pid, spec.envp, world.output);
}
#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

/* A process that is not of the app, once it says that it has done its steps (its last step must be to wait). */
static void start_stranger(const char *const *steps) {
    int told[2];
    assert_return_code(pipe(told), errno);
    world.stranger = fork();
    if (world.stranger == 0) {
        char *argv[16];
        size_t count = 0;
        for (; steps[count]; count++)
            argv[count] = (char *)(uintptr_t)steps[count];
        argv[count++] = (char *)(uintptr_t)format("w%d=x", told[1]);
        argv[count++] = (char *)"p";
        argv[count] = NULL;
        _exit(child_steps(argv));
    }
    close(told[1]);
    assert_int_equal(read(told[0], &(char){0}, 1), 1);
    close(told[0]);
}
#define STRANGER(...) start_stranger((const char *const[]){__VA_ARGS__, NULL})

static void expect_ready(const char *sentence) {
    run_until(has_verdict);
    assert_string_equal(world.sentence, sentence);
    assert_true(world.ready);
}

static void expect_stranger(const char *what) {
    char expected[128], name[32];
    FILE *comm = fopen(format("/proc/%d/comm", (int)world.stranger), "re");
    assert_non_null(fgets(name, sizeof name, comm));
    fclose(comm);
    name[strcspn(name, "\n")] = '\0';
    snprintf(expected, sizeof expected, "%s is held by pid %d (%s, user ", what, (int)world.stranger, name);
    const char *sentence = world.unfit ? world.sentence : text_get(&world.error);
    if (strncmp(sentence, expected, strlen(expected)) != 0)
        fail_msg("%s", sentence);
}

/* How long after the app said the time readiness was known. */
static double verdict_delay_ms(void) {
    int64_t ns;
    assert_int_equal(read(world.time_fds[0], &ns, sizeof ns), sizeof ns);
    return (double)(world.verdict_at.ns - ns) / 1e6;
}

/* ---- port ---- */

static void port_late(void **state) {
    (void)state;
    world.config.port = free_port();
    set_condition("port");
    START("s50", format("l127.0.0.1@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
    double delay = verdict_delay_ms();
    print_message("ready known %.2f ms after listen(), 50 ms after the start\n", delay);
    assert_true(delay < 100);
    end_app();
    START("s700", format("l0.0.0.0@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
    delay = verdict_delay_ms();
    print_message("ready known %.2f ms after listen(), 700 ms after the start\n", delay);
    assert_true(delay < 100);
}

static void port_on_ipv6(void **state) {
    (void)state;
    if (listen_at("::1@0", false) < 0)
        skip();
    world.config.port = free_port();
    set_condition("port");
    START(format("l::1@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
}

static void port_on_another_address(void **state) {
    (void)state;
    world.config.port = free_port();
    set_condition("port");
    START(format("l127.0.0.5@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections on 127.0.0.5:%d", (int)world.config.port, (int)world.config.port));
}

static bool has_found_elsewhere(void) {
    const char *answer = readiness_last_answer(world.readiness);
    return answer && strstr(answer, "; it listens on ");
}

static void another_port_is_named(void **state) {
    (void)state;
    world.config.port = free_port();
    int other = free_port();
    set_condition("port");
    START(format("l127.0.0.1@%d", other), "p");
    run_until(has_found_elsewhere);
    assert_false(has_verdict());
    assert_string_equal(
        readiness_last_answer(world.readiness),
        format("connection refused on 127.0.0.1:%d; it listens on 127.0.0.1:%d", (int)world.config.port, other));
}

static void another_address_is_named(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("tcp:127.0.0.1:%d", port));
    START(format("l127.0.0.5@%d", port), "p");
    run_until(has_found_elsewhere);
    assert_false(has_verdict());
    assert_string_equal(readiness_last_answer(world.readiness),
                        format("connection refused on 127.0.0.1:%d; it listens on 127.0.0.5:%d", port, port));
}

static void port_of_a_descendant(void **state) {
    (void)state;
    world.config.port = free_port();
    set_condition("port");
    START("f", "f", format("l127.0.0.1@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
    end_app();
    START("d", format("l127.0.0.1@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
}

static void port_held_before(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "::", "::1"};
    world.config.port = free_port();
    set_condition("spawned");
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        STRANGER(format("l%s@%d", addresses[i], (int)world.config.port));
        struct proc_spec spec;
        assert_int_equal(prepare(&spec, NULL), -EADDRINUSE);
        expect_stranger(format("port %d", (int)world.config.port));
        end_app();
    }
    struct proc_spec spec;
    assert_int_equal(prepare(&spec, NULL), 0);
}

static void port_held_elsewhere_is_no_obstacle(void **state) {
    (void)state;
    world.config.port = free_port();
    set_condition("port");
    STRANGER(format("l127.0.0.9@%d", (int)world.config.port));
    START(format("l127.0.0.1@%d", (int)world.config.port), "p");
    expect_ready(format("port %d accepts connections", (int)world.config.port));
}

static void port_taken_by_a_stranger(void **state) {
    (void)state;
    world.config.port = free_port();
    set_condition("port");
    START("p");
    STRANGER(format("l127.0.0.1@%d", (int)world.config.port));
    run_until(has_verdict);
    assert_true(world.unfit);
    expect_stranger(format("port %d", (int)world.config.port));
}

static void port_shared_with_a_stranger(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("tcp:localhost:%d", port));
    START("s100", format("L127.0.0.1@%d", port), "p");
    STRANGER(format("L127.0.0.1@%d", port));
    run_until(has_verdict);
    assert_true(world.unfit);
    expect_stranger(format("127.0.0.1:%d", port));
}

static void port_of_anybody(void **state) {
    (void)state;
    int port = free_port();
    world.config.ready_owner = false;
    set_condition(format("tcp:127.0.0.1:%d", port));
    STRANGER(format("l127.0.0.1@%d", port));
    START("p");
    expect_ready(format("127.0.0.1:%d accepts connections", port));
}

static void tcp_held_before(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("tcp:127.0.0.1:%d", port));
    STRANGER(format("l0.0.0.0@%d", port));
    struct proc_spec spec;
    assert_int_equal(prepare(&spec, NULL), -EADDRINUSE);
    expect_stranger(format("127.0.0.1:%d", port));
}

/* ---- unix ---- */

static void unix_socket(void **state) {
    (void)state;
    const char *path = format("%s/app.sock", folder);
    set_condition("unix:app.sock");
    close(listen_at_path(path)); /* a stale file */
    START("s30", format("u%s", path), "p");
    expect_ready(format("%s accepts connections", path));
    end_app();
    START("d", format("u%s", path), "p");
    expect_ready(format("%s accepts connections", path));
    unlink(path);
}

static void unix_socket_of_a_stranger(void **state) {
    (void)state;
    /* Another name than before: who had that one may be dying still, and was ours. */
    const char *path = format("%s/other.sock", folder);
    set_condition("unix:other.sock");
    STRANGER(format("u%s", path));
    struct proc_spec spec;
    assert_int_equal(prepare(&spec, NULL), -EADDRINUSE);
    expect_stranger(format("socket %s", path));
    end_app();
    START("p");
    STRANGER(format("u%s", path));
    run_until(has_verdict);
    assert_true(world.unfit);
    expect_stranger(format("socket %s", path));
    unlink(path);
}

/* ---- http ---- */

static void http_error_first(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("http://127.0.0.1:%d/health", port));
    START(format("l127.0.0.1@%d", port), "h500,404,204", "p");
    expect_ready(format("http://127.0.0.1:%d/health answered 204", port));
}

static bool has_answer_500(void) {
    const char *answer = readiness_last_answer(world.readiness);
    return answer && strstr(answer, " answered 500");
}

static void http_error_is_told(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("http://localhost:%d/", port));
    START(format("l127.0.0.1@%d", port), "h500", "p");
    run_until(has_answer_500);
    assert_string_equal(readiness_last_answer(world.readiness), format("http://localhost:%d/ answered 500", port));
    assert_false(has_verdict());
}

static void http_that_hangs_is_tried_again(void **state) {
    (void)state;
    int port = free_port();
    world.config.ready_timeout_ms = 1; /* the shortest limit of a try there is */
    set_condition(format("http://127.0.0.1:%d/", port));
    START(format("l127.0.0.1@%d", port), "h0,200", "p");
    expect_ready(format("http://127.0.0.1:%d/ answered 200", port));
}

static void http_of_a_stranger(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("http://127.0.0.1:%d/", port));
    START("p");
    world.stranger = fork();
    if (world.stranger == 0)
        _exit(child_steps((char *[]){(char *)(uintptr_t)format("l127.0.0.1@%d", port), (char *)"h404", NULL}));
    run_until(has_verdict);
    assert_true(world.unfit);
    expect_stranger(format("127.0.0.1:%d", port));
}

/* ---- notify ---- */

static bool has_status(void) {
    return world.status[0] != '\0';
}

static bool is_stopping(void) {
    return world.stopping;
}

static void notify(void **state) {
    (void)state;
    set_condition("notify");
    START("s20", "nSTATUS=loading", "nREADY=1\nSTATUS=up", "s50", "nSTOPPING=1", "p");
    assert_string_equal(readiness_last_answer(world.readiness), "READY=1 did not come");
    expect_ready("notified READY=1");
    run_until(is_stopping);
    assert_string_equal(world.status, "up");
}

static void notify_from_descendants(void **state) {
    (void)state;
    set_condition("notify");
    START("f", "f", "nREADY=1", "p");
    expect_ready("notified READY=1");
    end_app();
    START("d", "nREADY=1", "p");
    expect_ready("notified READY=1");
    end_app();
    START("cnREADY=1", "p"); /* which has ended by the time that its message is read */
    expect_ready("notified READY=1");
}

static bool was_ignored(void) {
    const char *answer = readiness_last_answer(world.readiness);
    return answer && strstr(answer, "was ignored");
}

static void notify_from_a_stranger(void **state) {
    (void)state;
    set_condition("notify");
    START("s300", "nREADY=1", "p");
    setenv("NOTIFY_SOCKET", env_get(&world.env, "NOTIFY_SOCKET"), 1);
    STRANGER("nREADY=1\nSTATUS=hijacked", "m");
    unsetenv("NOTIFY_SOCKET");
    run_until(was_ignored);
    assert_false(world.ready);
    assert_non_null(strstr(readiness_last_answer(world.readiness), format("pid %d (", (int)world.stranger)));
    expect_ready("notified READY=1");
    assert_false(has_status());
    assert_int_equal(world.main_pid, 0);
}

static bool has_main_pid(void) {
    return world.main_pid != 0;
}

static void notify_main_pid(void **state) {
    (void)state;
    set_condition("notify");
    START("nMAINPID=1", "f", "m", "nREADY=1", "p");
    run_until(has_main_pid);
    assert_int_equal(tree_tag_of(world.main_pid), tag);
    assert_int_not_equal(world.main_pid, world.proc.pid);
    expect_ready("notified READY=1");
}

static bool is_alive(void) {
    return world.alive;
}

/* What has a watchdog can be heard whatever makes it ready, and READY=1 is not that then. */
static void watchdog_with_another_kind(void **state) {
    (void)state;
    set_condition("log:up and running");
    world.config.watchdog_ms = 1500;
    START("nREADY=1", "nWATCHDOG=1", "s20", "nWATCHDOG=1", "p");
    assert_string_equal(env_get(&world.env, "WATCHDOG_USEC"), "1500000");
    assert_null(env_get(&world.env, "WATCHDOG_PID"));
    run_until(is_alive);
    assert_false(has_verdict());
    const char *path = env_get(&world.env, "NOTIFY_SOCKET");
    assert_int_equal(access(path, F_OK), 0);
    readiness_give_up(world.readiness);
    assert_int_equal(access(path, F_OK), 0);
    readiness_stop(world.readiness);
    assert_int_equal(access(path, F_OK), -1);
    world.config.watchdog_ms = 0;
}

/* An app that is being stopped may still say so. */
static void notify_while_stopping(void **state) {
    (void)state;
    set_condition("notify");
    START("s50", "nREADY=1\nSTATUS=closing", "nSTOPPING=1", "p");
    readiness_give_up(world.readiness);
    run_until(is_stopping);
    assert_string_equal(world.status, "closing");
    assert_false(has_verdict());
}

static void giving_up_ends_the_tries(void **state) {
    (void)state;
    int port = free_port();
    set_condition(format("tcp:127.0.0.1:%d", port));
    START(format("l127.0.0.1@%d", port), "w1=x\n", "e0");
    readiness_give_up(world.readiness);
    run_until(has_ended);
    assert_false(has_verdict());
}

/* What the process before has sent does not count for the next. */
static void notify_is_forgotten_between_starts(void **state) {
    (void)state;
    set_condition("notify");
    char *argv[] = {program, (char *)"app", (char *)"nREADY=1", NULL};
    struct proc_spec spec;
    struct proc_failure failure;
    assert_int_equal(prepare(&spec, argv), 0);
    assert_int_equal(proc_spawn(&world.proc, &spec, on_ended, &failure), 0);
    run_until(has_ended);
    readiness_stop(world.readiness);
    world.ended = false;
    START("s100", "nSTATUS=x", "p");
    run_until(has_status);
    assert_false(has_verdict());
}

/* ---- exec, log, fd ---- */

static void exec(void **state) {
    (void)state;
    const char *flag = format("%s/flag", folder);
    set_condition(format("exec:%s app t%s", program, flag));
    START("p");
    expect_ready(format("%s app t%s exited with code 0", program, flag));
    assert_string_equal(readiness_last_answer(world.readiness), format("%s app t%s exited with code 1", program, flag));
    unlink(flag);
}

static void count_process(void *context, pid_t pid) {
    (void)pid;
    ++*(int *)context;
}

static int process_count(void) {
    int count = 0;
    assert_int_equal(tree_visit(tag, count_process, &count), 0);
    assert_int_equal(tree_visit(nest.tag, count_process, &count), 0);
    return count;
}

static bool has_two_processes(void) {
    return process_count() == 2;
}

static bool has_no_process(void) {
    return process_count() == 0;
}

static void exec_ends_with_the_watching(void **state) {
    (void)state;
    assert_return_code(symlink("/bin/sleep", format("%s/hang", folder)), errno);
    set_condition("exec:./hang 1000");
    START("p");
    run_until(has_two_processes);
    readiness_stop(world.readiness);
    assert_int_equal(proc_signal(&world.proc, SIGKILL), 0);
    run_until(has_no_process);
    run_until(has_ended);
    unlink(format("%s/hang", folder));
}

static void exec_that_is_not_there(void **state) {
    (void)state;
    set_condition("exec:no-such-program -x");
    struct proc_spec spec;
    assert_int_equal(prepare(&spec, NULL), -EINVAL);
    assert_string_equal(text_get(&world.error),
                        "cannot find no-such-program, which exec: runs: No such file or directory");
}

static void log_line(void **state) {
    (void)state;
    set_condition("log:^server (up|ready)$");
    START("w1=not the server up\nserver re", "s30", "w1=ady\n", "p");
    assert_string_equal(readiness_last_answer(world.readiness), "no line matched /^server (up|ready)$/");
    expect_ready("wrote a line matching /^server (up|ready)$/");
    end_app();
    START("w2=server up\n", "w2=server up\n", "p");
    expect_ready("wrote a line matching /^server (up|ready)$/");
}

static void fd_newline(void **state) {
    (void)state;
    set_condition("fd:5");
    START("w5=almost", "s20", "w5= there\n", "p");
    expect_ready("wrote a newline to descriptor 5");
}

static void fd_close(void **state) {
    (void)state;
    set_condition("fd:5");
    START("s20", "x5", "p");
    expect_ready("closed descriptor 5");
}

static void fd_close_by_dying(void **state) {
    (void)state;
    set_condition("fd:5");
    for (int i = 0; i < 20; i++) {
        START("s1", "e0");
        run_until(has_ended);
        assert_false(has_verdict());
        end_app();
    }
}

static void spawned_is_nothing_to_watch(void **state) {
    (void)state;
    set_condition("spawned");
    START("s20", "e0");
    run_until(has_ended);
    assert_false(has_verdict());
    assert_null(readiness_last_answer(world.readiness));
}

/* ---- all ---- */

static int count_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* A start that is given up at any point leaves nothing open. */
static void stopping_leaves_nothing(void **state) {
    (void)state;
    const char *conditions[] = {"notify",   "fd:5",      "log:x", "exec:true", format("tcp:127.0.0.1:%d", free_port()),
                                "unix:x.s", "exec:false"};
    struct proc_spec spec;
    set_condition("spawned");
    assert_int_equal(prepare(&spec, NULL), 0);
    int before = count_descriptors();
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        set_condition(conditions[i]);
        assert_int_equal(prepare(&spec, NULL), 0);
        readiness_stop(world.readiness);
        readiness_stop(world.readiness);
        assert_int_equal(count_descriptors(), before);
        START("p");
        end_app();
        assert_int_equal(count_descriptors(), before);
    }
}

static int setup_all(void **state) {
    (void)state;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    loop = loop_new();
    return len > 0 && loop && mkdtemp(folder) ? proc_setup(loop, NULL, NULL) : -1;
}

static int teardown_all(void **state) {
    (void)state;
    loop_free(loop);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv) {
    tag = 2 * (uint32_t)getpid();
    nest.tag = tag + 1;
    if (argc > 1 && strcmp(argv[1], "app") == 0)
        return child_steps(argv + 2);
    const struct CMUnitTest tests[] = {
        TEST(port_late),
        TEST(port_on_ipv6),
        TEST(port_on_another_address),
        TEST(another_port_is_named),
        TEST(another_address_is_named),
        TEST(port_of_a_descendant),
        TEST(port_held_before),
        TEST(port_held_elsewhere_is_no_obstacle),
        TEST(port_taken_by_a_stranger),
        TEST(port_shared_with_a_stranger),
        TEST(port_of_anybody),
        TEST(tcp_held_before),
        TEST(unix_socket),
        TEST(unix_socket_of_a_stranger),
        TEST(http_error_first),
        TEST(http_error_is_told),
        TEST(http_that_hangs_is_tried_again),
        TEST(http_of_a_stranger),
        TEST(notify),
        TEST(notify_from_descendants),
        TEST(notify_from_a_stranger),
        TEST(notify_main_pid),
        TEST(watchdog_with_another_kind),
        TEST(notify_while_stopping),
        TEST(giving_up_ends_the_tries),
        TEST(notify_is_forgotten_between_starts),
        TEST(exec),
        TEST(exec_ends_with_the_watching),
        TEST(exec_that_is_not_there),
        TEST(log_line),
        TEST(fd_newline),
        TEST(fd_close),
        TEST(fd_close_by_dying),
        TEST(spawned_is_nothing_to_watch),
        TEST(stopping_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
