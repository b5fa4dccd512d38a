#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "cli/help.h"

/* A socket or a log that took the number of a closed standard descriptor would be written to by whoever prints. What is
 * opened instead refuses, so that output that goes nowhere is an error and not silence. */
static void cli_fill_standard_fds(void) {
    static const int modes[] = {O_RDONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", modes[fd]);
}

static int cli_usage(const char *sentence) {
    return code_fail(CODE_USAGE, "%s", sentence);
}

/* `upkeep -h`, `upkeep --version`, or no command at all. */
static int cli_without_command(const struct invocation *invocation) {
    if (invocation->options.given[OPTION_VERSION])
        return help_version(invocation);
    if (invocation->options.given[OPTION_HELP])
        return help_command(invocation);
    return cli_usage("no command (see: upkeep help)");
}

static bool cli_has_right_count(const struct invocation *invocation) {
    return invocation->arg_count >= invocation->command->min_args &&
           invocation->arg_count <= invocation->command->max_args;
}

/* args: what follows the command's name. */
static int cli_command(struct invocation *invocation, char **args, size_t count) {
    struct text error TEXT_AUTO = {0};
    invocation->args = args;
    if (!options_parse(invocation->command->options, false, args, count, &invocation->options, &invocation->arg_count,
                       &error)) {
        const char *name = invocation->command->name;
        if (strncmp(text_get(&error), "unknown", strlen("unknown")) == 0 && !strchr(text_get(&error), '('))
            text_printf(&error, " (see: upkeep help %s)", name);
        return code_fail(CODE_USAGE, "%s: %s", name, text_get(&error));
    }
    if (invocation->options.given[OPTION_HELP]) {
        struct text out TEXT_AUTO = {0};
        help_of(invocation->command, &out);
        (void)console_write(&out);
        return CODE_DONE;
    }
    if (invocation->options.given[OPTION_VERSION])
        return help_version(invocation);
    if (!cli_has_right_count(invocation)) {
        help_usage(invocation->command, &error);
        return code_fail(CODE_USAGE, "%s: too %s arguments (usage: %s)", invocation->command->name,
                         invocation->arg_count < invocation->command->min_args ? "few" : "many", text_get(&error));
    }
    return invocation->command->handler(invocation);
}

static int cli_dispatch(char **words, size_t count, const struct local *local) {
    struct invocation invocation = {.local = local};
    struct text error TEXT_AUTO = {0};
    size_t rest = 0;
    if (!options_parse(0, true, words, count, &invocation.options, &rest, &error))
        return cli_usage(text_get(&error));
    if (rest == 0 || invocation.options.given[OPTION_VERSION])
        return cli_without_command(&invocation);
    invocation.command = commands_find(words[0]);
    if (!invocation.command)
        return help_unknown(words[0]);
    return cli_command(&invocation, words + 1, rest - 1);
}

int cli_main(int argc, char **argv, const struct local *local) {
    cli_fill_standard_fds();
    /* A reader that has gone is seen where we write. */
    (void)signal(SIGPIPE, SIG_IGN);
    size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    return console_finish(cli_dispatch(argv + (argc > 0), count, local));
}
