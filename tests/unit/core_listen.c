#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/listen.h"

static void takes_addresses_and_paths(void **state) {
    (void)state;
    static const struct {
        const char *string, *name, *place, *host;
        int port;
    } rows[] = {
        {"127.0.0.1:14200", "", "127.0.0.1:14200", "127.0.0.1", 14200},
        {"[::1]:80", "", "[::1]:80", "::1", 80},
        {"[::]:65535", "", "[::]:65535", "::", 65535},
        {"web=0.0.0.0:1", "web", "0.0.0.0:1", "0.0.0.0", 1},
        {"/run/app.sock", "", "/run/app.sock", NULL, 0},
        {"admin.v2=./run/a=b.sock", "admin.v2", "./run/a=b.sock", NULL, 0},
        {"run/odd name:80", "", "run/odd name:80", NULL, 0},
        {"/a=b", "", "/a=b", NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct listen_address address;
        struct text error TEXT_AUTO = {0};
        assert_true(listen_parse(rows[i].string, &address, &error));
        assert_string_equal(address.name, rows[i].name);
        assert_string_equal(address.place, rows[i].place);
        assert_int_equal(address.is_path, !rows[i].host);
        if (rows[i].host)
            assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
    }
}

static void says_what_to_write_instead(void **state) {
    (void)state;
    static const struct {
        const char *string, *error;
    } rows[] = {
        {"8080", "\"8080\" is only a port: write 127.0.0.1:8080"},
        {"web=8080", "\"8080\" is only a port: write 127.0.0.1:8080"},
        {":80", "\":80\": write 127.0.0.1:PORT, or 0.0.0.0:PORT to be reached from everywhere"},
        {"*:80", "\"*:80\": write 127.0.0.1:PORT, or 0.0.0.0:PORT to be reached from everywhere"},
        {"localhost:80", "\"localhost:80\": which localhost is meant? Write 127.0.0.1:PORT or [::1]:PORT"},
        {"::1:80", "\"::1:80\": write an IPv6 address in brackets: [::1]:80"},
        {"[127.0.0.1]:80", "\"[127.0.0.1]:80\": 127.0.0.1 is not a numeric address"},
        {"example.org:80", "\"example.org:80\": example.org is not a numeric address"},
        {"web.sock", "\"web.sock\" is not ADDRESS:PORT, [ADDRESS]:PORT or /PATH, perhaps with NAME= before it"},
        {"127.0.0.1:", "\"127.0.0.1:\" is not ADDRESS:PORT, [ADDRESS]:PORT or /PATH, perhaps with NAME= before it"},
        {"", "\"\" is not ADDRESS:PORT, [ADDRESS]:PORT or /PATH, perhaps with NAME= before it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct listen_address address;
        struct text error TEXT_AUTO = {0};
        assert_false(listen_parse(rows[i].string, &address, &error));
        assert_string_equal(text_get(&error), rows[i].error);
    }
}

static void refuses_ports_that_are_none(void **state) {
    (void)state;
    static const char *const strings[] = {"127.0.0.1:0", "127.0.0.1:65536", "[::1]:99999999999999999999"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct listen_address address;
        struct text error TEXT_AUTO = {0};
        assert_false(listen_parse(strings[i], &address, &error));
        assert_true(error.len > 0);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_addresses_and_paths),
        cmocka_unit_test(says_what_to_write_instead),
        cmocka_unit_test(refuses_ports_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
