/* The words of every cause, to be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "core/why.h"

#define EXIT_0                                                                                                         \
    { OUTCOME_EXIT, 0, false }
#define EXIT_3                                                                                                         \
    { OUTCOME_EXIT, 3, false }
#define TERMINATED                                                                                                     \
    { OUTCOME_SIGNAL, SIGTERM, false }
#define CRASHED                                                                                                        \
    { OUTCOME_SIGNAL, SIGSEGV, true }
#define LOST                                                                                                           \
    { OUTCOME_LOST, 0, false }
#define NONE                                                                                                           \
    { OUTCOME_NONE, 0, false }

static const struct {
    struct why why;
    const char *detail;
    const char *sentence;
} sentences[] = {
    {{CAUSE_NONE, NONE, 0}, NULL, ""},
    {{CAUSE_NONE, NONE, 0}, "sent SIGHUP", "sent SIGHUP"},

    {{CAUSE_ASKED_START, NONE, 0}, NULL, "asked to start"},
    {{CAUSE_ASKED_START, NONE, 0}, "user www (uid 33, pid 812)", "asked to start by user www (uid 33, pid 812)"},
    {{CAUSE_ASKED_STOP, NONE, 0}, NULL, "asked to stop"},
    {{CAUSE_ASKED_STOP, NONE, 0}, "signal SIGTERM", "asked to stop by signal SIGTERM"},
    {{CAUSE_ASKED_STOP, EXIT_0, 192000}, NULL, "asked to stop, exited with code 0 after 3m12s"},
    {{CAUSE_ASKED_STOP, TERMINATED, 1200}, "systemd", "asked to stop by systemd, killed by SIGTERM after 1.2s"},
    {{CAUSE_ASKED_RESTART, NONE, 0}, NULL, "asked to restart"},
    {{CAUSE_ASKED_RESTART, EXIT_0, 850}, NULL, "asked to restart, exited with code 0 after 850ms"},
    {{CAUSE_ASKED_KILL, NONE, 0}, NULL, "asked to end at once"},

    {{CAUSE_DEPENDENCY_READY, NONE, 0}, NULL, "everything it depends on is ready"},
    {{CAUSE_DEPENDENCY_READY, NONE, 0}, "backend", "backend is ready"},
    {{CAUSE_DEPENDENCY_MISSING, NONE, 0}, NULL, "waiting for what it depends on"},
    {{CAUSE_DEPENDENCY_MISSING, NONE, 0}, "backend", "waiting for backend"},
    {{CAUSE_DEPENDENCY_MISSING, EXIT_3, 1200}, "backend", "waiting for backend"},
    {{CAUSE_DEPENDENCY_FAILED, NONE, 0}, NULL, "something it depends on has failed"},
    {{CAUSE_DEPENDENCY_FAILED, NONE, 0}, "backend", "backend has failed"},

    {{CAUSE_BACKOFF_OVER, NONE, 1600}, NULL, "tried again after 1.6s"},
    {{CAUSE_SPAWNED, NONE, 0}, NULL, "spawned"},
    {{CAUSE_SPAWNED, NONE, 0}, "npm run migrate", "spawned: npm run migrate"},
    {{CAUSE_SPAWN_FAILED, NONE, 0}, NULL, "cannot be spawned"},
    {{CAUSE_SPAWN_FAILED, NONE, 0},
     "cannot enter web-ui: No such file or directory",
     "cannot enter web-ui: No such file or directory"},

    {{CAUSE_READY, NONE, 35}, NULL, "ready"},
    {{CAUSE_READY, NONE, 35}, "port 14200 accepts connections", "port 14200 accepts connections"},
    {{CAUSE_NOT_READY_IN_TIME, NONE, 30000}, NULL, "not ready within 30s"},
    {{CAUSE_NOT_READY_IN_TIME, TERMINATED, 90000}, NULL, "not ready within 1m30s"},
    {{CAUSE_NOT_READY_IN_TIME, NONE, 30000},
     "connection refused on 127.0.0.1:14200",
     "not ready within 30s: connection refused on 127.0.0.1:14200"},
    {{CAUSE_UNFIT, NONE, 0}, NULL, "can never become ready"},
    {{CAUSE_UNFIT, TERMINATED, 12},
     "port 14200 is held by pid 812 (uvicorn)",
     "port 14200 is held by pid 812 (uvicorn)"},

    {{CAUSE_UNHEALTHY, NONE, 0}, NULL, "unhealthy"},
    {{CAUSE_UNHEALTHY, TERMINATED, 12},
     "unhealthy 3 times in a row: connection refused on 127.0.0.1:14200",
     "unhealthy 3 times in a row: connection refused on 127.0.0.1:14200"},

    {{CAUSE_WATCHDOG, TERMINATED, 30000}, NULL, "hung: no WATCHDOG=1 within 30s"},
    {{CAUSE_WATCHDOG, NONE, 0}, NULL, "hung: the app said WATCHDOG=trigger"},

    {{CAUSE_ENDING, NONE, 0}, NULL, "the app said STOPPING=1"},
    {{CAUSE_ENDING, {OUTCOME_SIGNAL, SIGKILL, false}, 5}, NULL, "the app said STOPPING=1, killed by SIGKILL after 5ms"},

    {{CAUSE_EXITED, EXIT_3, 1200}, NULL, "exited with code 3 after 1.2s"},
    {{CAUSE_EXITED, {OUTCOME_SIGNAL, SIGKILL, false}, 5}, NULL, "killed by SIGKILL after 5ms"},
    {{CAUSE_EXITED, {OUTCOME_SIGNAL, SIGKILL, false}, 5},
     "out of memory",
     "killed by SIGKILL after 5ms: out of memory"},
    {{CAUSE_EXITED, CRASHED, 61000}, NULL, "killed by SIGSEGV (core dumped) after 1m1s"},
    {{CAUSE_EXITED, LOST, 850}, NULL, "ended with unknown status after 850ms"},

    {{CAUSE_PRE_START_DONE, EXIT_0, 1200}, NULL, "pre_start succeeded after 1.2s"},
    {{CAUSE_PRE_START_FAILED, EXIT_3, 12}, NULL, "pre_start exited with code 3 after 12ms"},
    {{CAUSE_PRE_START_FAILED, EXIT_3, 12},
     "npm run migrate",
     "pre_start exited with code 3 after 12ms: npm run migrate"},
    {{CAUSE_STOP_COMMAND_ENDED, EXIT_0, 40}, NULL, "stop_command exited with code 0 after 40ms"},
    {{CAUSE_STOP_COMMAND_ENDED, EXIT_3, 40},
     "cannot execute ./drain: Permission denied",
     "stop_command exited with code 3 after 40ms: cannot execute ./drain: Permission denied"},
    {{CAUSE_KILL_TIMEOUT, NONE, 10000}, NULL, "killed: not stopped within 10s"},
    {{CAUSE_KILL_TIMEOUT, NONE, 10000}, "pid 812 (sleep)", "killed: not stopped within 10s: pid 812 (sleep)"},
};

static void every_cause_has_its_sentence(void **state) {
    (void)state;
    bool seen[CAUSE_COUNT] = {false};
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        TEXT_AUTO struct text text = {0};
        why_print(&sentences[i].why, sentences[i].detail, &text);
        assert_string_equal(text_get(&text), sentences[i].sentence);
        seen[sentences[i].why.cause] = true;
    }
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        assert_true(seen[cause]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_has_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
