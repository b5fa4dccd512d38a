/* The file that benchmark children and their observers share. */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

enum { BOARD_GAPS = 400 };

struct board {
    _Atomic int64_t begun; /* children that have reached main() */
    int64_t last_end;      /* CLOCK_MONOTONIC, ns, as all below */
    int64_t ready;         /* just before listen() or READY=1 */
    int64_t after;         /* main() of the dependant */
    int64_t done;          /* all lines are written */
    int64_t gaps;
    int64_t gap[BOARD_GAPS]; /* from an end to the next main() */
};

#endif
