#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/address.h"
#include "host/probe.h"

enum { LIMIT_MS = 10000, TRY_MS = 5000 };

static struct loop *loop;
static struct loop_timer limit;
static struct probe probe;
static enum probe_answer answered;

static void give_up(struct loop_timer *timer) {
    (void)timer;
    fail_msg("waited too long");
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    limit = (struct loop_timer){0};
    probe = (struct probe){0};
    return loop ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    probe_cancel(&probe);
    loop_free(loop);
    return 0;
}

static void on_done(struct probe *done, enum probe_answer answer) {
    assert_ptr_equal(done, &probe);
    answered = answer;
    loop_break(loop);
}

static void run(void) {
    loop_timer_at(loop, &limit, mono_add_ms(loop_clock(), LIMIT_MS), give_up);
    loop_run(loop);
    loop_timer_stop(loop, &limit);
}

static struct in6_addr loopback(void) {
    struct in6_addr address;
    assert_true(address_parse("127.0.0.1", &address));
    return address;
}

static int make_listener(int *port_out) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(fd, (struct sockaddr *)&name, sizeof name), errno);
    assert_return_code(listen(fd, 8), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&name, &(socklen_t){sizeof name}), errno);
    *port_out = ntohs(name.sin_port);
    return fd;
}

static enum probe_answer try_port(int port, const char *request, int64_t limit_ms) {
    struct in6_addr address = loopback();
    enum probe_answer answer = probe_tcp(&probe, loop, &address, port, request, limit_ms, on_done);
    if (answer != PROBE_PENDING)
        return answer;
    run();
    return answered;
}

static void assert_words(const char *target, const char *expected) {
    TEXT_AUTO struct text text = {0};
    probe_print(&probe, target, &text);
    assert_string_equal(text_get(&text), expected);
}

static void connects_to_a_port(void **state) {
    (void)state;
    int port;
    int fd = make_listener(&port);
    assert_int_equal(try_port(port, NULL, TRY_MS), PROBE_YES);
    assert_true(probe.connected);
    close(fd);
    assert_int_equal(try_port(port, NULL, TRY_MS), PROBE_NO);
    assert_false(probe.connected);
    assert_words("127.0.0.1:80", "connection refused on 127.0.0.1:80");
}

/* ---- http ---- */

static const char *reply; /* NULL: none, and the connection stays open */
static size_t reply_len;
static bool reply_bytewise;
static struct {
    struct loop_io io;
    int fd;
} server;
static struct loop_io client_io;
static int client = -1;
static struct text request_seen;

static void on_request(struct loop_io *io, int events) {
    (void)events;
    char bytes[4096];
    ssize_t len = recv(client, bytes, sizeof bytes, 0);
    if (len > 0)
        text_append(&request_seen, bytes, (size_t)len);
    if (len > 0 && !reply)
        return;
    loop_io_stop(loop, io);
    size_t step = reply_bytewise ? 1 : reply_len;
    for (size_t i = 0; reply && i < reply_len; i += step)
        (void)!send(client, reply + i, step, MSG_NOSIGNAL);
    close(client);
    client = -1;
}

static void on_connection(struct loop_io *io, int events) {
    (void)io, (void)events;
    client = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC);
    loop_io_start(loop, &client_io, client, LOOP_READ, on_request);
}

/* One GET at a server that answers with these bytes. */
static enum probe_answer get(const char *bytes, size_t len, int64_t limit_ms) {
    int port;
    reply = bytes;
    reply_len = len;
    text_clear(&request_seen);
    memset(&client_io, 0, sizeof client_io);
    memset(&server, 0, sizeof server);
    server.fd = make_listener(&port);
    loop_io_start(loop, &server.io, server.fd, LOOP_READ, on_connection);
    TEXT_AUTO struct text request = {0};
    char host[32];
    snprintf(host, sizeof host, "127.0.0.1:%d", port);
    probe_print_request(host, "/health?x=1", &request);
    enum probe_answer answer = try_port(port, text_get(&request), limit_ms);
    loop_io_stop(loop, &server.io);
    close(server.fd);
    if (client >= 0) {
        loop_io_stop(loop, &client_io);
        close(client);
        client = -1;
    }
    return answer;
}

static enum probe_answer get_string(const char *bytes) {
    return get(bytes, strlen(bytes), TRY_MS);
}

static void asks_politely(void **state) {
    (void)state;
    assert_int_equal(get_string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), PROBE_YES);
    assert_int_equal(probe.status, 200);
    const char *request = text_get(&request_seen);
    assert_memory_equal(request, "GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:", 42);
    assert_non_null(strstr(request, "\r\nUser-Agent: upkeep\r\n"));
    assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
    assert_string_equal(request + strlen(request) - 4, "\r\n\r\n");
    text_fini(&request_seen);
}

static void tells_the_status(void **state) {
    (void)state;
    assert_int_equal(get_string("HTTP/1.0 204\r\n\r\n"), PROBE_YES);
    assert_int_equal(get_string("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"), PROBE_YES);
    assert_int_equal(get_string("HTTP/1.1 404 Not Found\r\n\r\n"), PROBE_YES);
    assert_int_equal(get_string("HTTP/1.1 503 Busy\r\n\r\n"), PROBE_YES);
    assert_int_equal(probe.status, 503);
    assert_true(probe.connected);
    assert_words("http://x/", "http://x/ answered 503");
    text_fini(&request_seen);
}

static void understands_an_answer_in_pieces(void **state) {
    (void)state;
    reply_bytewise = true;
    assert_int_equal(get_string("HTTP/1.1 200 OK\r\n\r\n"), PROBE_YES);
    reply_bytewise = false;
    text_fini(&request_seen);
}

static void refuses_what_is_not_http(void **state) {
    (void)state;
    assert_int_equal(get_string("SSH-2.0-OpenSSH_9.2\r\n"), PROBE_NO);
    assert_words("http://x/", "what http://x/ answers is not HTTP");
    assert_int_equal(get_string("HTTP/1.1 20"), PROBE_NO);
    assert_words("http://x/", "http://x/ closed the connection without an answer");
    assert_int_equal(get("", 0, TRY_MS), PROBE_NO);
    assert_words("http://x/", "http://x/ closed the connection without an answer");
    text_fini(&request_seen);
}

static void gives_up_on_a_server_that_hangs(void **state) {
    (void)state;
    assert_int_equal(get(NULL, 0, 50), PROBE_NO);
    assert_true(probe.connected);
    assert_words("http://x/", "no answer from http://x/ within 50ms");
    text_fini(&request_seen);
}

static int full_listener;

static void take_filler(struct loop_timer *timer) {
    (void)timer;
    int fd = accept4(full_listener, NULL, NULL, SOCK_CLOEXEC);
    assert_return_code(fd, errno);
    close(fd);
}

/* A full queue drops the first attempt; the kernel makes the next after a second. */
static void has_one_limit_for_connection_and_answer(void **state) {
    (void)state;
    enum { LIMIT = 2000, SLACK = 900 };
    int port;
    full_listener = make_listener(&port);
    assert_return_code(listen(full_listener, 0), errno);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)port)};
    int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(connect(filler, (struct sockaddr *)&name, sizeof name), errno);
    struct loop_timer timer = {0};
    struct mono begun = loop_clock();
    loop_timer_at(loop, &timer, mono_add_ms(begun, 100), take_filler);
    assert_int_equal(try_port(port, "GET / HTTP/1.1\r\n\r\n", LIMIT), PROBE_NO);
    assert_true(probe.connected);
    assert_words("x", "no answer from x within 2s");
    assert_in_range(mono_ms_between(begun, loop_clock()), LIMIT - 1, LIMIT + SLACK);
    close(filler);
    close(full_listener);
}

static void parses_a_status_line(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
    } rows[] = {
        {"", 0},
        {"HTTP/1.1 20", 0},
        {"HTTP/1.1 200", 0},
        {"HTTP/1.1 200 ", 200},
        {"HTTP/1.1 200\r", 200},
        {"HTTP/1.0 599\n", 599},
        {"HTTP/1.1 2000", -1},
        {"HTTP/1.1 099 ", -1},
        {"HTTP/2 200 OK", -1},
        {"http/1.1 200 ", -1},
        {"HTTP/1.1  200", -1},
        {"<html>", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(probe_parse_status(rows[i].line, strlen(rows[i].line)), rows[i].status);
}

/* ---- unix ---- */

static void connects_to_a_unix_socket_in_a_deep_folder(void **state) {
    (void)state;
    enum { DEPTH = 2 };
    char path[512] = "/tmp/upkeep-probe-XXXXXX";
    assert_non_null(mkdtemp(path));
    size_t base = strlen(path);
    static const char below[] = "/0123456789012345678901234567890123456789012345678901234567890123456789";
    for (size_t i = 0; i < DEPTH; i++) {
        strcat(path, below);
        assert_return_code(mkdir(path, 0700), errno);
    }
    char *here = getcwd(NULL, 0);
    assert_return_code(chdir(path), errno);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "a.sock"};
    strcat(path, "/a.sock");
    assert_int_equal(probe_unix(&probe, loop, path), PROBE_NO);
    assert_words("/x.sock", "/x.sock does not exist");
    assert_return_code(bind(fd, (struct sockaddr *)&name, sizeof name), errno);
    assert_int_equal(probe_unix(&probe, loop, path), PROBE_NO);
    assert_words("/x.sock", "connection refused on /x.sock");
    assert_return_code(listen(fd, 8), errno);
    assert_int_equal(probe_unix(&probe, loop, path), PROBE_YES);
    assert_int_equal(probe.peer, getpid());
    assert_int_equal(probe.peer_uid, geteuid());
    close(fd);
    assert_int_equal(probe_unix(&probe, loop, path), PROBE_NO);
    unlink("a.sock");
    assert_return_code(chdir(here), errno);
    free(here);
    for (size_t i = 0; i <= DEPTH; i++) {
        path[base + (DEPTH - i) * (sizeof below - 1)] = '\0';
        assert_return_code(rmdir(path), errno);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connects_to_a_port, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_politely, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_the_status, setup, teardown),
        cmocka_unit_test_setup_teardown(understands_an_answer_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_http, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_up_on_a_server_that_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(has_one_limit_for_connection_and_answer, setup, teardown),
        cmocka_unit_test(parses_a_status_line),
        cmocka_unit_test_setup_teardown(connects_to_a_unix_socket_in_a_deep_folder, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
