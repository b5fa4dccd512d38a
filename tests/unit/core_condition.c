/* Every kind of condition, both ways, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/condition.h"

static const struct {
    const char *string;
    const char *printed; /* NULL: as it was written */
    struct condition condition;
} good[] = {
    {"spawned", NULL, {.kind = CONDITION_SPAWNED}},
    {"notify", NULL, {.kind = CONDITION_NOTIFY}},
    {"port", NULL, {.kind = CONDITION_PORT}},
    {"exit", NULL, {.kind = CONDITION_EXIT}},
    {"tcp:127.0.0.1:8080", NULL, {.kind = CONDITION_TCP, .host = "127.0.0.1", .number = 8080}},
    {"tcp:localhost:1", NULL, {.kind = CONDITION_TCP, .host = "localhost", .number = 1}},
    {"tcp:10.0.0.5:65535", NULL, {.kind = CONDITION_TCP, .host = "10.0.0.5", .number = 65535}},
    {"tcp:[::1]:80", NULL, {.kind = CONDITION_TCP, .host = "::1", .number = 80}},
    {"tcp:[::ffff:127.0.0.1]:80", NULL, {.kind = CONDITION_TCP, .host = "::ffff:127.0.0.1", .number = 80}},
    {"unix:run/app.sock", NULL, {.kind = CONDITION_UNIX, .path = "run/app.sock"}},
    {"unix:~/a b:c", NULL, {.kind = CONDITION_UNIX, .path = "~/a b:c"}},
    {"http://localhost/", NULL, {.kind = CONDITION_HTTP, .host = "localhost", .path = "/", .number = 80}},
    {"http://LocalHost", "http://LocalHost/", {.kind = CONDITION_HTTP, .host = "LocalHost", .path = "/", .number = 80}},
    {"http://[::1]:80/x", "http://[::1]/x", {.kind = CONDITION_HTTP, .host = "::1", .path = "/x", .number = 80}},
    {"http://127.0.0.1:14200/api/health?full=1&a=:/",
     NULL,
     {.kind = CONDITION_HTTP, .host = "127.0.0.1", .path = "/api/health?full=1&a=:/", .number = 14200}},
    {"http://[::1]:8080/x", NULL, {.kind = CONDITION_HTTP, .host = "::1", .path = "/x", .number = 8080}},
    {"http://[::1]", "http://[::1]/", {.kind = CONDITION_HTTP, .host = "::1", .path = "/", .number = 80}},
    {"exec:pg_isready -q -h 'a b'", NULL, {.kind = CONDITION_EXEC, .path = "pg_isready -q -h 'a b'"}},
    {"log:listening on [0-9]+$", NULL, {.kind = CONDITION_LOG, .path = "listening on [0-9]+$"}},
    {"log:a|(b:c)", NULL, {.kind = CONDITION_LOG, .path = "a|(b:c)"}},
    {"fd:3", NULL, {.kind = CONDITION_FD, .number = 3}},
};

static void expect_same(const char *a, const char *b) {
    if (!a || !b)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void expect_parsed(const char *string, const struct condition *expected, const char *printed) {
    struct condition condition = {0};
    TEXT_AUTO struct text error = {0};
    TEXT_AUTO struct text again = {0};
    if (!condition_parse(string, &condition, &error))
        fail_msg("%s: %s", string, text_get(&error));
    assert_int_equal(condition.kind, expected->kind);
    assert_int_equal(condition.number, expected->number);
    expect_same(condition.host, expected->host);
    expect_same(condition.path, expected->path);
    condition_print(&condition, &again);
    assert_string_equal(text_get(&again), printed);
    condition_fini(&condition);
    assert_null(condition.text);
}

static void test_kinds_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *printed = good[i].printed ? good[i].printed : good[i].string;
        expect_parsed(good[i].string, &good[i].condition, printed);
        expect_parsed(printed, &good[i].condition, printed);
    }
}

static void test_expected_status(void **state) {
    (void)state;
    static const struct {
        const char *string;
        const char *printed;
        const char *expected;
        int min, max;
    } rows[] = {
        {"http://localhost/ws", "http://localhost/ws", "", 200, 399},
        {"http://localhost/ws = 426", "http://localhost/ws = 426", "426", 426, 426},
        {"http://localhost:80/ws =4XX", "http://localhost/ws = 4xx", "4xx", 400, 499},
        {"http://localhost/ws\t=\t 2xx", "http://localhost/ws = 2xx", "2xx", 200, 299},
        {"http://localhost = 101", "http://localhost/ = 101", "101", 101, 101},
        {"http://localhost/?status=200 = 599", "http://localhost/?status=200 = 599", "599", 599, 599},
        {"http://localhost/?status=200", "http://localhost/?status=200", "", 200, 399},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct condition condition = {0};
        TEXT_AUTO struct text printed = {0};
        TEXT_AUTO struct text expected = {0};
        TEXT_AUTO struct text url = {0};
        TEXT_AUTO struct text error = {0};
        assert_true(condition_parse(rows[i].string, &condition, &error));
        condition_print(&condition, &printed);
        condition_print_expected(&condition, &expected);
        condition_print_url(&condition, &url);
        assert_string_equal(text_get(&printed), rows[i].printed);
        assert_string_equal(text_get(&expected), rows[i].expected);
        assert_memory_equal(text_get(&url), rows[i].printed, url.len);
        assert_int_equal(url.len, strlen(rows[i].printed) - (expected.len > 0 ? expected.len + 3 : 0));
        assert_int_equal(condition.status_min, rows[i].min);
        assert_int_equal(condition.status_max, rows[i].max);
        condition_fini(&condition);
    }
}

#define HTTP_STATUS "http://HOST[:PORT]/PATH: behind the = stands one status (426), or a class of them (4xx)"

static void test_refuses_what_is_no_status(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"http://localhost/ =", HTTP_STATUS},
        {"http://localhost/ = ", HTTP_STATUS},
        {"http://localhost/ = 4x", HTTP_STATUS},
        {"http://localhost/ = 4xxx", HTTP_STATUS},
        {"http://localhost/ = 099", HTTP_STATUS},
        {"http://localhost/ = 600", HTTP_STATUS},
        {"http://localhost/ = 0xx", HTTP_STATUS},
        {"http://localhost/ = 200, 204", HTTP_STATUS},
        {"http://localhost/ = 2 0", HTTP_STATUS},
        {"http://localhost/ == 200", HTTP_STATUS},
        {"http://localhost/ws=426", "http://HOST[:PORT]/PATH: a status that is expected stands behind a blank (/PATH = "
                                    "426)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct condition condition = {0};
        TEXT_AUTO struct text error = {0};
        assert_false(condition_parse(rows[i][0], &condition, &error));
        assert_string_equal(text_get(&error), rows[i][1]);
    }
}

static void test_default_prints_nothing(void **state) {
    (void)state;
    struct condition condition = {0};
    TEXT_AUTO struct text out = {0};
    condition_print(&condition, &out);
    assert_string_equal(text_get(&out), "");
    condition_fini(&condition);
}

#define NO_NAME "the host must be an address or localhost, as looking up a name could hold up every other app"
#define HTTP "http://HOST[:PORT]/PATH: "
#define HTTP_BLANK                                                                                                     \
    HTTP "a request's path holds no blanks, control bytes or # (write them as %XX; a status that "                     \
         "is expected as = 426)"

static void test_refusals(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "not a known condition: one of spawned, notify, port, tcp:HOST:PORT, unix:PATH, "
             "http://HOST[:PORT]/PATH, exec:COMMAND, log:REGEX, fd:N, exit"},
        {"prot", "not a known condition (did you mean port?)"},
        {"Port", "not a known condition (did you mean port?)"},
        {"port:8080", "not a known condition (did you mean port?)"},
        {"tpc:h:1", "not a known condition (did you mean tcp:?)"},
        {"notify ", "not a known condition (did you mean notify?)"},
        {"https://h/", "https:// is not probed: use http:// behind the proxy, or exec:curl -fsS with the address"},
        {"tcp:", "tcp:HOST:PORT: the host is missing"},
        {"tcp:8080", "tcp:HOST:PORT: the host is missing (tcp:127.0.0.1:8080?)"},
        {"tcp::8080", "tcp:HOST:PORT: the host is missing"},
        {"tcp:h", "tcp:HOST:PORT: the port is missing"},
        {"tcp:[::1]", "tcp:HOST:PORT: the port is missing"},
        {"tcp:h:", "tcp:HOST:PORT: port \"\" is not a whole number"},
        {"tcp:h:x", "tcp:HOST:PORT: port \"x\" is not a whole number"},
        {"tcp:h:0", "tcp:HOST:PORT: port \"0\" is out of range: 1 to 65535"},
        {"tcp:h:65536", "tcp:HOST:PORT: port \"65536\" is out of range: 1 to 65535"},
        {"tcp:h:80/x", "tcp:HOST:PORT: port \"80/x\" is not a whole number"},
        {"tcp:::1:80", "tcp:HOST:PORT: an IPv6 address stands in brackets ([::1])"},
        {"tcp:fe80::1:80", "tcp:HOST:PORT: an IPv6 address stands in brackets ([::1])"},
        {"tcp:[::1:80", "tcp:HOST:PORT: brackets hold an IPv6 address ([::1])"},
        {"tcp:[]:80", "tcp:HOST:PORT: brackets hold an IPv6 address ([::1])"},
        {"tcp:[h]:80", "tcp:HOST:PORT: brackets hold an IPv6 address ([::1])"},
        {"tcp:[127.0.0.1]:80", "tcp:HOST:PORT: brackets hold an IPv6 address ([::1])"},
        {"tcp:[::1]80", "tcp:HOST:PORT: the host holds a byte that is in no host name"},
        {"tcp:a b:80", "tcp:HOST:PORT: the host holds a byte that is in no host name"},
        {"tcp:db.internal:5432", "tcp:HOST:PORT: " NO_NAME},
        {"http://backend:8000/health", HTTP NO_NAME},
        {"http://1.2.3/", HTTP NO_NAME},
        {"http://", HTTP "the host is missing"},
        {"http:///x", HTTP "the host is missing"},
        {"http://:80/", HTTP "the host is missing"},
        {"http://user@h/", HTTP "the host holds a byte that is in no host name"},
        {"http://h?x", HTTP "the host holds a byte that is in no host name"},
        {"http://h:0/", HTTP "port \"0\" is out of range: 1 to 65535"},
        {"http://h:/", HTTP "port \"\" is not a whole number"},
        {"http://h/a b", HTTP_BLANK},
        {"http://h/a\r\nX: y", HTTP_BLANK},
        {"http://h/#top", HTTP_BLANK},
        {"unix:", "unix:PATH: the path is missing"},
        {"exec:", "exec:COMMAND: the command is missing"},
        {"exec:  ", "exec:COMMAND: the command is missing"},
        {"exec:a 'b", "exec:COMMAND: a single quote (') is never closed"},
        {"log:", "log:REGEX: the regular expression is missing"},
        {"fd:", "fd:N: \"\" is not a whole number"},
        {"fd:2", "fd:N: \"2\" is out of range: 3 to 1023"},
        {"fd:1024", "fd:N: \"1024\" is out of range: 3 to 1023"},
        {"fd:x", "fd:N: \"x\" is not a whole number"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct condition condition = {.number = 42};
        TEXT_AUTO struct text error = {0};
        if (condition_parse(rows[i][0], &condition, &error))
            fail_msg("%s is taken", rows[i][0]);
        if (strcmp(text_get(&error), rows[i][1]) != 0)
            fail_msg("%s says [%s], not [%s]", rows[i][0], text_get(&error), rows[i][1]);
        assert_int_equal(condition.number, 42);
    }
    struct condition condition;
    TEXT_AUTO struct text error = {0};
    assert_false(condition_parse("log:a(b", &condition, &error)); /* the rest of the sentence is the C library's */
    assert_non_null(strstr(text_get(&error), "log:REGEX: not a POSIX extended regular expression: "));
}

/* The help has a row for each kind, and each names a syntax that begins as the parser wants it. */
static void test_help(void **state) {
    (void)state;
    size_t count = 0;
    for (const struct condition_help *help; (help = condition_help(count)); count++) {
        assert_non_null(help->syntax);
        assert_true(strlen(help->text) > 10);
    }
    assert_int_equal(count, CONDITION_EXIT);
    assert_string_equal(condition_help(0)->syntax, "spawned");
    assert_string_equal(condition_help(count - 1)->syntax, "exit");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_both_ways),
        cmocka_unit_test(test_expected_status),
        cmocka_unit_test(test_refuses_what_is_no_status),
        cmocka_unit_test(test_default_prints_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
