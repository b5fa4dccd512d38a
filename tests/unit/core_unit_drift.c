#include "core/unit_drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char wanted[] =
    "# made\n[Unit]\nDescription=shop\n[Service]\nType=notify\nExecStart=\"/usr/bin/upkeep\" run\n"
    "TimeoutStopSec=75s\nWatchdogSec=30s\nReadWritePaths=-/usr/local/shop\nUser=deploy\n";

static void expect(const char *installed, const char *drop_in, const char *said) {
    struct unit_source sources[] = {{"shop.service", installed, strlen(installed)},
                                    {"override.conf", drop_in ? drop_in : "", drop_in ? strlen(drop_in) : 0}};
    struct diags diags = {0};
    struct text text TEXT_AUTO = {0};
    unit_drift(wanted, sources, drop_in ? 2 : 1, &diags);
    for (size_t i = 0; i < diags.count; i++) {
        text_str(&text, diags.list[i].severity == DIAG_ERROR ? "error " : "warning ");
        diag_print(&diags.list[i], &text);
        text_char(&text, '\n');
    }
    assert_string_equal(text_get(&text), said);
    diags_fini(&diags);
}

#define REST "WatchdogSec=30s\nReadWritePaths=-/usr/local/shop\nUser=deploy\n"

static void the_same_is_silent(void **state) {
    (void)state;
    expect(wanted, NULL, "");
    expect("[Service]\n Type = notify \nExecStart=\"/usr/bin/upkeep\"\\\nrun\nTimeoutStopSec=75s\nNice=5\n" REST, NULL,
           ""); /* blanks are no difference, what is added is the owner's */
}

static void longer_times_are_fine_and_shorter_are_not(void **state) {
    (void)state;
    expect(wanted, "[Service]\nTimeoutStopSec=2min\n", "");
    expect(wanted, "[Service]\nTimeoutStopSec=infinity\n", "");
    expect(wanted, "[Service]\nTimeoutStopSec=1min 15s\n", "");
    expect(wanted, "[Service]\n\nTimeoutStopSec=1min\n",
           "error override.conf:3: TimeoutStopSec is 1min, the manifest makes it 75s: systemd would kill apps that are "
           "still within their kill_timeout\n");
}

static void the_last_word_counts(void **state) {
    (void)state;
    expect("[Service]\nType=simple\nType=notify\nExecStart=\"/usr/bin/upkeep\" run\nTimeoutStopSec=75s\n" REST, NULL,
           "");
    expect(
        wanted, "[Service]\nType=forking\n",
        "error override.conf:2: Type is forking, the manifest makes it notify: systemctl start would not wait for the "
        "apps\n");
    expect(wanted, "[Unit]\nType=forking\n", "");
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    expect(
        "[Service]\nType=notify\nExecStart=\"/usr/bin/upkeep\" run\nTimeoutStopSec=75s\nUser=root\n"
        "ReadWritePaths=-/usr/local/shop\nReadWritePaths=\n",
        NULL,
        "warning shop.service: WatchdogSec is not set, the manifest makes it 30s\n"
        "error shop.service: ReadWritePaths is not set, the manifest makes it -/usr/local/shop: an app could not write "
        "there\n"
        "warning shop.service:5: User is root, the manifest makes it deploy\n");
}

/* What is said of a unit that somebody wrote by hand. */
static void expect_harm(const char *installed, const char *said) {
    struct unit_source source = {"hand.service", installed, strlen(installed)};
    struct diags diags = {0};
    struct text text TEXT_AUTO = {0};
    unit_harm(wanted, &source, 1, &diags);
    for (size_t i = 0; i < diags.count; i++) {
        assert_int_equal(diags.list[i].severity, DIAG_WARNING);
        diag_print(&diags.list[i], &text);
        text_char(&text, '\n');
    }
    assert_string_equal(text_get(&text), said);
    diags_fini(&diags);
}

static void by_hand_only_harm_is_said(void **state) {
    (void)state;
    expect_harm("[Service]\nType=notify\nExecStart=/opt/upkeep run web\nUser=www\n", "");
    expect_harm("[Service]\nType=forking\nExecStart=/opt/upkeep start\nTimeoutStopSec=10\n",
                "hand.service:2: Type is forking, the manifest makes it notify: systemctl start would not wait for the "
                "apps\n"
                "hand.service:4: TimeoutStopSec is 10, the manifest makes it 75s: systemd would kill apps that are "
                "still within their kill_timeout\n"
                "hand.service:3: ExecStart does not call upkeep run: only that stays in the foreground, where systemd "
                "can see it\n");
}

static bool runs(const char *unit) {
    return unit_runs(&(struct unit_source){"x.service", unit, strlen(unit)}, 1, "/srv/my shop/upkeep.ini");
}

static void a_unit_is_of_the_manifest_that_it_runs(void **state) {
    (void)state;
    assert_true(runs("[Service]\nExecStart=\"/usr/bin/upkeep\" -f \"/srv/my shop/upkeep.ini\" run\n"));
    assert_true(runs("[Service]\nExecStart=-upkeep -f '/srv/my shop/upkeep.ini' start\n"));
    assert_true(runs("[Service]\nWorkingDirectory=/srv/my shop/\nExecStart=/opt/bin/upkeep run\n"));
    assert_false(runs("[Service]\nWorkingDirectory=/srv/my shop\nExecStart=/opt/bin/upkeep -f b.ini run\n"));
    assert_false(runs("[Service]\nWorkingDirectory=/srv/my\nExecStart=/opt/bin/upkeep run\n"));
    assert_false(runs("[Service]\nExecStart=cat \"/srv/my shop/upkeep.ini\"\n"));
    assert_false(runs("[Service]\nExecStart=upkeep -f \"/srv/my shop/upkeep.ini.old\" run\n"));
    assert_false(runs("[Unit]\nExecStart=upkeep -f \"/srv/my shop/upkeep.ini\" run\n"));
    assert_false(runs(""));
}

static void the_user_of_a_unit(void **state) {
    (void)state;
    static const char unit[] = "[Unit]\nUser=x\n[Service]\nUser=www\n";
    static const char drop_in[] = "[Service]\nUser=shop\n";
    const struct unit_source sources[] = {{"x.service", unit, strlen(unit)}, {"10.conf", drop_in, strlen(drop_in)}};
    struct text user TEXT_AUTO = {0};
    unit_print_user(sources, 1, &user);
    text_char(&user, ' ');
    unit_print_user(sources, 2, &user);
    unit_print_user(NULL, 0, &user);
    assert_string_equal(text_get(&user), "www shop");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand_only_harm_is_said), cmocka_unit_test(a_unit_is_of_the_manifest_that_it_runs),
        cmocka_unit_test(the_same_is_silent),        cmocka_unit_test(longer_times_are_fine_and_shorter_are_not),
        cmocka_unit_test(the_user_of_a_unit),        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(what_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
