/* Habits of start scripts that do harm under a supervisor: fixed sleeps, stops that cut requests off. */
#include <signal.h>
#include <string.h>

#include "core/lint.h"
#include "core/shell_line.h"
#include "local/check.h"

static void find_sleep(const struct check *check, const struct check_app *app, const char *key, const char *entry,
                       const char *duration) {
    check_find(check, app, RULE_FIXED_SLEEP, key, entry, "%s waits for a fixed time: sleep %s", key, duration);
}

/* A line that is run to its end before something else goes on. */
static void check_sleep(const struct check *check, const struct check_app *app, const char *key, const char *line) {
    struct shell_line steps = {0};
    if (!shell_line_split(line, &steps))
        return;
    for (size_t i = 0; i < steps.count; i++) {
        const char *duration = lint_sleep(steps.steps[i].words.list, steps.steps[i].words.count);
        if (duration)
            find_sleep(check, app, key, line, duration);
    }
    shell_line_fini(&steps);
}

/* What sleeps for ever is not waited for: `sleep infinity`, or the last of a line. */
static void check_step_habits(const struct check *check, const struct check_app *app, const struct check_step *step) {
    const char *duration = lint_sleep(step->words, step->count);
    int better = lint_graceful_signal(step->words, step->count);
    if (duration && step->is_followed)
        find_sleep(check, app, "command", NULL, duration);
    if (better != 0 && (app->config.stop_signal == SIGTERM || app->config.stop_signal == SIGINT) &&
        !app->config.stop_command)
        check_find(check, app, RULE_GRACEFUL_STOP, "stop_signal", NULL,
                   "%s ends at SIG%s at once, in the middle of requests; at SIG%s it answers them first",
                   lint_program(step->words[0]), sigabbrev_np(app->config.stop_signal), sigabbrev_np(better));
}

void check_habits(const struct check *check, const struct check_app *app) {
    const struct app_config *config = &app->config;
    for (size_t i = 0; i < config->pre_start.count; i++)
        check_sleep(check, app, "pre_start", config->pre_start.items[i]);
    if (config->ready.kind == CONDITION_EXEC)
        check_sleep(check, app, "ready", config->ready.path);
    if (config->stop_signal == SIGKILL)
        check_find(check, app, RULE_HARD_STOP, "stop_signal", NULL,
                   "stop_signal is SIGKILL: requests are cut off, and nothing is written to its end");
    check_walk(check, app, check_step_habits);
}
