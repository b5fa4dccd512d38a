/* --rollback-command: what the user wants done when a step has failed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/deploy.h"
#include "core/outcome.h"
#include "core/why.h"

/* As a shell does while a command runs in its foreground: Ctrl-C is for the command, and we stay to tell how it ended.
 * A SIGTERM or SIGHUP that was meant for us is handed on. */
static volatile sig_atomic_t rollback_child;

static void rollback_hand_on(int signal) {
    if (rollback_child > 0)
        (void)kill((pid_t)rollback_child, signal);
}

struct rollback_signals {
    struct sigaction interrupt;
    struct sigaction quit;
    struct sigaction terminate;
    struct sigaction hang_up;
};

static void rollback_guard(struct rollback_signals *before) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction hand_on = {.sa_handler = rollback_hand_on, .sa_flags = SA_RESTART};
    (void)sigaction(SIGINT, &ignore, &before->interrupt);
    (void)sigaction(SIGQUIT, &ignore, &before->quit);
    (void)sigaction(SIGTERM, &hand_on, &before->terminate);
    (void)sigaction(SIGHUP, &hand_on, &before->hang_up);
}

/* What the command inherits: a handler of ours becomes the default by itself, what was ignored before us stays so. */
static void rollback_unguard(const struct rollback_signals *before) {
    (void)sigaction(SIGINT, &before->interrupt, NULL);
    (void)sigaction(SIGQUIT, &before->quit, NULL);
    (void)sigaction(SIGTERM, &before->terminate, NULL);
    (void)sigaction(SIGHUP, &before->hang_up, NULL);
}

__attribute__((noreturn)) static void rollback_child_run(const struct deploy *deploy, const char *command,
                                                         const struct rollback_signals *before) {
    static char shell[] = "sh";
    static char option[] = "-c";
    char *argv[] = {shell, option, (char *)command, NULL};
    rollback_unguard(before);
    (void)signal(SIGPIPE, SIG_DFL);
    /* Standard output is the JSON's, when that is asked for. */
    if (deploy->out == stderr)
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    (void)execv("/bin/sh", argv);
    _exit(127);
}

static struct outcome rollback_wait(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return (struct outcome){.kind = OUTCOME_LOST};
    if (WIFSIGNALED(status))
        return (struct outcome){OUTCOME_SIGNAL, WTERMSIG(status), WCOREDUMP(status)};
    return (struct outcome){OUTCOME_EXIT, WEXITSTATUS(status), false};
}

/* False with the reason. */
static bool rollback_run(const struct deploy *deploy, const char *command, struct outcome *outcome_out) {
    struct rollback_signals before;
    rollback_guard(&before);
    pid_t child = fork();
    if (child == 0)
        rollback_child_run(deploy, command, &before);
    int error = errno;
    rollback_child = child;
    if (child > 0)
        *outcome_out = rollback_wait(child);
    rollback_child = 0;
    rollback_unguard(&before);
    errno = error;
    return child > 0;
}

void deploy_roll_back(struct deploy *deploy) {
    const char *command = deploy->session.invocation->options.word[OPTION_ROLLBACK_COMMAND];
    struct outcome outcome = {0};
    struct text how TEXT_AUTO = {0};
    (void)setenv("UPKEEP_DEPLOY_STEP", deploy->step->name, 1);
    (void)setenv("UPKEEP_DEPLOY_REPLACED", deploy->is_touched ? "1" : "0", 1);
    code_note("deploy failed in %s: %s; running the rollback command: %s", deploy->step->name,
              text_get(&deploy->reason), command);
    (void)fflush(NULL);
    if (rollback_run(deploy, command, &outcome))
        outcome_print(outcome, &how);
    else
        text_printf(&how, "could not be started: %s", strerror(errno));
    code_note("the rollback command: %s", text_get(&how));
    bool is_exit = outcome.kind == OUTCOME_EXIT;
    deploy->rollback = json_pack("{s:o, s:o, s:s}", "command", session_word(command), "exit_code",
                                 is_exit ? json_integer(outcome.number) : json_null(), "how", text_get(&how));
}
