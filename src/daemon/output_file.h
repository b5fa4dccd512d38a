/* The log files that are open, by path: apps and streams whose output goes to the same path share one, line by line.
 * A file whose disk takes no more is blocked: it keeps what it was given, tries again every second, and whoever writes
 * to it stops reading its app meanwhile, so that nothing is lost. */
#ifndef UPKEEP_DAEMON_OUTPUT_FILE_H
#define UPKEEP_DAEMON_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/output_buffer.h"
#include "host/logfile.h"
#include "host/loop.h"

struct output_file {
    char *path;
    uint32_t path_hash; /* a thousand paths differ at their ends: looked at first */
    struct logfile log;
    unsigned users;
    uint64_t writer; /* whose line is unfinished when the file is */
    bool is_unmade;  /* there is no file yet (log.fd is -1): it is made with the first bytes, or soon */
    int error;       /* why it is blocked; 0: it is not */
    bool is_said;    /* that it is blocked */
    struct output_buffer left_buffer;
    size_t left_at; /* what is left to be written of left_buffer */
    size_t left_len;
    struct output_file *next;
};

struct output_files {
    struct loop *loop;
    struct loop_timer retry;
    struct loop_timer make;
    struct output_file *list;
    void (*unblocked)(struct output_files *files, const struct output_file *file);
};

/* The file of a path (copied), opened when it is not open yet and anew when the path names another file by now. Making
 * a file can take longer than starting a process: a missing one is made a moment later, when its folder is there and
 * can be written. 0 or -errno. Each is given back with output_file_put(). */
int output_file_get(struct output_files *files, const char *path, struct output_file **out)
    __attribute__((warn_unused_result));
void output_file_put(struct output_files *files, struct output_file *file);

/* Writes len (not 0) bytes of buffer, from at (not 0) on, to a file that is not blocked. When the disk does not take
 * all of it, the file takes buffer over (leaving it empty) and is blocked. writer: a number for who writes; a new one
 * does not go on with another's unfinished line. app: for what has to be said. False when it is blocked now. */
bool output_file_write(struct output_files *files, struct output_file *file, uint64_t writer, const char *app,
                       struct output_buffer *buffer, size_t at, size_t len);

/* Tries what is left of a blocked file now, not at the next second. */
void output_file_retry(struct output_files *files, struct output_file *file);

/* Opens all files anew by their paths. A file that cannot be opened stays as it is, and that is said. */
void output_files_reopen(struct output_files *files);

/* Files that nobody has written to are not made any more. */
void output_files_end(struct output_files *files);

#endif
