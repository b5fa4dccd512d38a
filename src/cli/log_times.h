/* When the bytes of a log file were written, from the log index (core/log_index.h). */
#ifndef UPKEEP_CLI_LOG_TIMES_H
#define UPKEEP_CLI_LOG_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "core/log_index.h"

/* The whole index, oldest first. Zero-initialised is empty. */
struct log_index {
    struct log_mark *marks;
    size_t count;
};

/* Reads what there is in runtime_dir; what cannot be read is as if it were not there. */
void log_index_read(const char *runtime_dir, struct log_index *out);
void log_index_fini(struct log_index *index);

/* When, and after how many other marks: what was written in the same millisecond has an order too. */
struct log_time {
    int64_t wall_ms; /* INT64_MIN: unknown, long ago */
    size_t number;
};

/* The index read along with one file. */
struct log_times {
    const struct log_index *index;
    uint64_t file;
    size_t next;            /* mark to look at */
    struct log_time before; /* of the marks that were passed */
};

/* For the file with this number as it is now: marks of one that had the number before, or of what was truncated, do not
 * count. */
void log_times_init(struct log_times *times, const struct log_index *index, uint64_t file);

/* When the byte at this offset was written. Offsets must not go down. */
struct log_time log_times_at(struct log_times *times, uint64_t offset);

#endif
