/* A log file that is appended to. Others may read, move, truncate or remove it meanwhile. */
#ifndef UPKEEP_HOST_LOGFILE_H
#define UPKEEP_HOST_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logfile {
    int fd;
    bool is_regular;    /* not a terminal, FIFO or device: those have no offsets */
    bool is_unfinished; /* it ends without a newline */
    uint64_t device;
    uint64_t inode;
};

/* Opens path for appending; makes it (0640), if it may, where it is missing. Never waits: a FIFO that nobody reads is
 * -ENXIO. 0 or -errno. */
int logfile_open(const char *path, bool may_make, struct logfile *out) __attribute__((warn_unused_result));

/* Makes the missing folders (0755) of path. 0 when a file can be made there, else -errno. */
int logfile_make_folder(const char *path) __attribute__((warn_unused_result));
void logfile_close(struct logfile *file);

/* Appends; goes on after short writes. Returns 0 when all of it was written, else -errno; *written_out is set in
 * either case. */
int logfile_write(struct logfile *file, const char *bytes, size_t len, size_t *written_out);

/* Where the last write ended; 0 when that means nothing. */
uint64_t logfile_end(const struct logfile *file);

/* Whether path still names this file. */
bool logfile_is_at(const struct logfile *file, const char *path);

#endif
