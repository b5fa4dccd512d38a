/* How a process ended. */
#ifndef UPKEEP_CORE_OUTCOME_H
#define UPKEEP_CORE_OUTCOME_H

#include <stdbool.h>

enum outcome_kind {
    OUTCOME_NONE,   /* no process has ended yet */
    OUTCOME_EXIT,   /* exit(number) */
    OUTCOME_SIGNAL, /* killed by signal number */
    OUTCOME_LOST,   /* ended, but somebody else took its status */
};

struct outcome {
    enum outcome_kind kind;
    int number;
    bool core_dumped;
};

#endif
