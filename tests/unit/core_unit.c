#include "core/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct unit_spec spec_of(void) {
    return (struct unit_spec){
        .identity = UNIT_OF_USER,
        .user = "deploy",
        .name = "shop",
        .program = "/usr/bin/upkeep",
        .manifest = "/srv/shop/upkeep.ini",
        .root = "/srv/shop",
        .runtime_dir = "/srv/shop/.upkeep",
        .log_dir = "/srv/shop/logs",
        .times = {.start_ms = 60000, .stop_ms = 20000},
    };
}

static void expect_in(const struct unit_spec *spec, const char *part) {
    struct text text TEXT_AUTO = {0};
    unit_print(spec, &text);
    if (!strstr(text_get(&text), part))
        fail_msg("%s\n... does not hold: %s", text_get(&text), part);
}

static void expect_not_in(const struct unit_spec *spec, const char *part) {
    struct text text TEXT_AUTO = {0};
    unit_print(spec, &text);
    if (strstr(text_get(&text), part))
        fail_msg("%s\n... holds: %s", text_get(&text), part);
}

static void words_are_quoted(void **state) {
    (void)state;
    static const struct {
        const char *word, *printed;
    } rows[] = {
        {"/srv/shop/upkeep.ini", "/srv/shop/upkeep.ini"},
        {"/srv/my shop/upkeep.ini", "\"/srv/my shop/upkeep.ini\""},
        {"/srv/100%/upkeep.ini", "/srv/100%%/upkeep.ini"},
        {"/srv/$HOME/upkeep.ini", "/srv/$$HOME/upkeep.ini"},
        {"/srv/Bücher/upkeep.ini", "/srv/Bücher/upkeep.ini"},
        {"/srv/a\"b\\c", "\"/srv/a\\\"b\\\\c\""},
        {"/srv/it's", "\"/srv/it's\""},
        {"/srv/line\nbreak", "\"/srv/line\\x0abreak\""},
        {"", "\"\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text TEXT_AUTO = {0};
        unit_print_word(rows[i].word, &text);
        assert_string_equal(text_get(&text), rows[i].printed);
    }
}

static void names_become_file_names(void **state) {
    (void)state;
    static const struct {
        const char *name, *file;
    } rows[] = {
        {"shop", "shop.service"},     {"shop_2.b", "shop_2.b.service"}, {"my shop", "my-shop.service"},
        {"a@b", "a-b.service"},       {"..", "upkeep.service"},         {"-rf", "rf.service"},
        {"Bücher", "B-cher.service"}, {"", "upkeep.service"},           {"a/../b", "a-..-b.service"},
        {"shop!!!", "shop.service"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text TEXT_AUTO = {0};
        unit_file_name(rows[i].name, &text);
        assert_string_equal(text_get(&text), rows[i].file);
    }
    char name[1024];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    struct text text TEXT_AUTO = {0};
    unit_file_name(name, &text);
    assert_true(text.len < 240);
}

static void programs_that_systemd_refuses_are_known(void **state) {
    (void)state;
    assert_true(unit_is_program("/opt/my tools/100%/Bücher/upkeep"));
    assert_false(unit_is_program("/opt/it's/upkeep"));
    assert_false(unit_is_program("/opt/a\"b/upkeep"));
    assert_false(unit_is_program("/opt/a\\b/upkeep"));
    assert_false(unit_is_program("/opt/a\nb/upkeep"));
}

static void times_come_from_the_manifest(void **state) {
    (void)state;
    struct unit_spec spec = spec_of();
    expect_in(&spec, "\nTimeoutStartSec=75s\n");
    expect_in(&spec, "\nTimeoutStopSec=35s\n");
    expect_in(&spec, "\nStartLimitIntervalSec=666s\n");
    spec.times.start_ms = 7200000;
    expect_in(&spec, "\nTimeoutStartSec=7215s\n");
    expect_in(&spec, "\nStartLimitIntervalSec=3600s\n");
    spec.times = (struct unit_times){.start_ms = 1, .stop_ms = 0};
    expect_in(&spec, "\nTimeoutStartSec=16s\n");
    expect_in(&spec, "\nTimeoutStopSec=15s\n");
    expect_in(&spec, "\nStartLimitIntervalSec=600s\n");
}

static void identities_differ(void **state) {
    (void)state;
    struct unit_spec spec = spec_of();
    expect_in(&spec, "\nUser=deploy\n");
    expect_in(&spec, "\nProtectSystem=full\n");
    expect_not_in(&spec, "\nNoNewPrivileges=");
    expect_not_in(&spec, "\nProtectKernelModules="); /* implies NoNewPrivileges= for a user */
    spec.identity = UNIT_OF_ROOT;
    expect_in(&spec, "\nUser=root\n");
    expect_in(&spec, "\nProtectKernelModules=yes\n");
    expect_in(&spec, "\nWantedBy=multi-user.target\n");
    spec.identity = UNIT_OF_MANAGER;
    expect_not_in(&spec, "\nUser=");
    expect_not_in(&spec, "\nProtect");
    expect_in(&spec, "\nWantedBy=default.target\n");
}

static void folders_of_root_are_made(void **state) {
    (void)state;
    struct unit_spec spec = spec_of();
    expect_not_in(&spec, "Directory=");
    spec.runtime_dir = "/run/upkeep/shop";
    spec.log_dir = "/var/log/shop";
    expect_in(&spec, "\nRuntimeDirectory=upkeep/shop\nRuntimeDirectoryMode=0700\nRuntimeDirectoryPreserve=restart\n");
    expect_in(&spec, "\nLogsDirectory=shop\n");
    spec.identity = UNIT_OF_MANAGER;
    expect_not_in(&spec, "Directory=");
    spec = spec_of();
    spec.root = "/usr/local/my shop";
    expect_in(&spec, "\nReadWritePaths=-\"/usr/local/my shop\"\n");
    spec.runtime_dir = "/run/../etc/x";
    expect_not_in(&spec, "RuntimeDirectory=");
}

static void nothing_can_break_out_of_its_line(void **state) {
    (void)state;
    struct unit_spec spec = spec_of();
    spec.name = "shop\nExecStartPre=/bin/evil \\";
    spec.manifest = "/srv/a\nUser=root\n/upkeep.ini";
    struct text text TEXT_AUTO = {0};
    unit_print(&spec, &text);
    assert_null(strstr(text_get(&text), "\nExecStartPre="));
    assert_null(strstr(text_get(&text), "\nUser=root"));
    expect_not_in(&spec, "RequiresMountsFor");
}

static void low_port_and_profile(void **state) {
    (void)state;
    struct unit_spec spec = spec_of();
    expect_not_in(&spec, "AmbientCapabilities");
    spec.has_low_port = true;
    spec.profile = "staging";
    spec.listeners = 100;
    expect_in(&spec, "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n");
    expect_in(&spec, "\nExecStart=\"/usr/bin/upkeep\" -f /srv/shop/upkeep.ini --profile staging run\n");
    expect_in(&spec, "\nFileDescriptorStoreMax=200\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted),
        cmocka_unit_test(names_become_file_names),
        cmocka_unit_test(programs_that_systemd_refuses_are_known),
        cmocka_unit_test(times_come_from_the_manifest),
        cmocka_unit_test(identities_differ),
        cmocka_unit_test(folders_of_root_are_made),
        cmocka_unit_test(nothing_can_break_out_of_its_line),
        cmocka_unit_test(low_port_and_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
