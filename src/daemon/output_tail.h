/* The last lines that an instance wrote. Costs no time per line: only the end of each batch is looked at. */
#ifndef UPKEEP_DAEMON_OUTPUT_TAIL_H
#define UPKEEP_DAEMON_OUTPUT_TAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised is empty. Memory is taken as it is needed, LIMIT_TAIL bytes at most. */
struct output_tail {
    char *bytes; /* from any place on; cap + 1 of them */
    size_t len;
    size_t cap;
    bool is_cut; /* bytes before these were forgotten */
    bool is_old; /* these are of the process before */
};

void output_tail_fini(struct output_tail *tail);

/* Copies LIMIT_TAIL bytes at most, however many there are. */
void output_tail_add(struct output_tail *tail, const char *bytes, size_t len);

/* What is added next begins a new tail. */
void output_tail_mark(struct output_tail *tail);

/* Whole lines, newest last, as a text for people: what a string cannot hold is a blank. Valid until the next call. */
const char *output_tail_get(const struct output_tail *tail);

#endif
