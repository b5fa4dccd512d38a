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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_silent),
        cmocka_unit_test(longer_times_are_fine_and_shorter_are_not),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(what_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
