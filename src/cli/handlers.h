/* The commands' handlers, for the rows of commands.c. Each blocks until its command is done and returns the exit code.
 */
#ifndef UPKEEP_CLI_HANDLERS_H
#define UPKEEP_CLI_HANDLERS_H

#include "cli/invocation.h"

int act_run(const struct invocation *invocation);
int act_start(const struct invocation *invocation);
int act_stop(const struct invocation *invocation);
int act_restart(const struct invocation *invocation);
int act_wait(const struct invocation *invocation);
int act_signal(const struct invocation *invocation);
int act_shutdown(const struct invocation *invocation);
int apply_command(const struct invocation *invocation);
int deploy_command(const struct invocation *invocation);
int status_command(const struct invocation *invocation);
int show_command(const struct invocation *invocation);
int logs_command(const struct invocation *invocation);
int environment_command(const struct invocation *invocation);
int events_command(const struct invocation *invocation);
int why_command(const struct invocation *invocation);
int prepare_command(const struct invocation *invocation);
int check_command(const struct invocation *invocation);
int unit_command(const struct invocation *invocation);
int help_command(const struct invocation *invocation);
int help_version(const struct invocation *invocation);

#endif
