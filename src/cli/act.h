/* What the commands that ask for something to come about have in common: how they show what came of it. */
#ifndef UPKEEP_CLI_ACT_H
#define UPKEEP_CLI_ACT_H

#include <jansson.h>

#include "cli/session.h"

/* Writes the table of the reply's instances. */
void act_show_table(const json_t *reply);

/* Shows the cards of what has failed, and returns the exit code with its reason said. */
int act_judge(const struct session *session, const json_t *reply);

#endif
