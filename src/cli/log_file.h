/* One log file, read line by line from near its end, and on as it grows, is truncated or replaced. */
#ifndef UPKEEP_CLI_LOG_FILE_H
#define UPKEEP_CLI_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/log_times.h"
#include "core/lines.h"

struct log_file {
    char *path;
    char *name;      /* of the app, or of the apps that share it */
    unsigned number; /* for its colour */
    bool is_raw;     /* its lines hold no time */

    int fd; /* -1: not open */
    dev_t device;
    ino_t inode;
    struct log_times times;

    char *buffer;
    size_t cap;
    size_t at; /* of buffer: what comes next */
    size_t len;
    uint64_t offset; /* in the file, of buffer's end */

    struct line head;  /* what log_file_peek() found */
    size_t head_taken; /* bytes of buffer; 0: nothing was found yet */
    struct log_time head_time;
    bool is_torn; /* its unfinished end was shown as a line */
};

/* Copies path and name; opens nothing yet. False when out of memory. */
bool log_file_init(struct log_file *file, const char *path, const char *name, unsigned number, bool is_raw);
void log_file_fini(struct log_file *file);

/* Opens the path, at the file's beginning. 0 or -errno. */
int log_file_open(struct log_file *file, const struct log_index *index);

/* Whether the path names another file by now, or one at last. */
bool log_file_is_replaced(const struct log_file *file);

/* Goes to the last `lines` lines; reads backwards, never more than it must. Returns how many lines there are. */
size_t log_file_seek_tail(struct log_file *file, size_t lines);

/* Begins anew when the file is shorter than what was read. */
void log_file_notice_truncation(struct log_file *file);

/* Fills head and head_time with the next line; stays there until log_file_pop(). ended: an unfinished last line is one
 * too. False when there is none. */
bool log_file_peek(struct log_file *file, bool ended);
void log_file_pop(struct log_file *file);

/* Whether the file ends with a line that is not finished (after log_file_peek() has found no more). */
bool log_file_has_rest(const struct log_file *file);

#endif
