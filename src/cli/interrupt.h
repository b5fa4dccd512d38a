/* Ctrl-C while a command waits. */
#ifndef UPKEEP_CLI_INTERRUPT_H
#define UPKEEP_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the command with CODE_FAILED after this sentence (a constant; one
 * line). What the supervisor was asked for goes on; only this command ends. */
void interrupt_say(const char *sentence);

/* Before that sentence, this is written to standard output (a constant; NULL: nothing): the answer for programs. */
void interrupt_answer(const char *answer);

/* From now on SIGINT, SIGTERM and SIGHUP are only remembered, and SIGWINCH is: they end a poll with EINTR. For what has
 * a terminal to put in order before it ends. All four are blocked but within interrupt_poll. */
void interrupt_remember(void);

/* Waits until the descriptor can be read, timeout_ms (-1: no limit) have passed or a signal came. */
void interrupt_poll(int fd, int timeout_ms);

/* Whether one of them came that ends the command. */
bool interrupt_is_due(void);

#endif
