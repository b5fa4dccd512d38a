/* The records of RUNTIME_DIR/log.index: when which log file had grown to where. Lines in raw format hold no time; with
 * these, `upkeep logs` merges several files by time. A convenience: nothing is lost when it is missing. */
#ifndef UPKEEP_CORE_LOG_INDEX_H
#define UPKEEP_CORE_LOG_INDEX_H

#include <stdint.h>

#define LOG_INDEX_NAME "log.index"
#define LOG_INDEX_OLD_NAME "log.index.1" /* the one before; both are of at most LIMIT_LOG_INDEX bytes */

/* In the byte order of the machine; the file is an array of these, in the order of writing. */
struct log_mark {
    int64_t wall_ms; /* since 1970: when the bytes from begin to end were written */
    uint64_t file;   /* log_index_file() */
    uint64_t begin;  /* offsets in the file */
    uint64_t end;
};

_Static_assert(sizeof(struct log_mark) == 32, "records have no padding");

/* A file by its device and inode: a name may mean another one tomorrow. */
static inline uint64_t log_index_file(uint64_t device, uint64_t inode) {
    return (device * UINT64_C(0x9E3779B97F4A7C15)) ^ inode;
}

#endif
