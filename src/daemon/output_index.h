/* Writes the log index (core/log_index.h). Whatever fails here is let be: nothing depends on it. */
#ifndef UPKEEP_DAEMON_OUTPUT_INDEX_H
#define UPKEEP_DAEMON_OUTPUT_INDEX_H

#include <stdint.h>

#include "core/log_index.h"

struct output_index {
    char *path;
    char *old_path;
    int fd; /* -1: not open */
    uint64_t size;
};

/* Opens nothing yet. 0 or -ENOMEM. */
int output_index_init(struct output_index *index, const char *runtime_dir);
void output_index_fini(struct output_index *index);

/* Appends a mark; begins a new file when this one is full. */
void output_index_add(struct output_index *index, const struct log_mark *mark);

/* The next mark opens the file anew. */
void output_index_close(struct output_index *index);

#endif
