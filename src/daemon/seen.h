/* Which files an environment was read from, and as what they were seen: whether they may say something else now. */
#ifndef UPKEEP_DAEMON_SEEN_H
#define UPKEEP_DAEMON_SEEN_H

#include <stdbool.h>
#include <stddef.h>

struct seen_file;

/* Zero-initialised is no file. */
struct seen {
    struct seen_file *list;
    size_t count;
};

void seen_clear(struct seen *seen);

/* layers_read_file that remembers what it read, or found missing, in its context, a struct seen. */
int seen_read_file(void *context, const char *path, char **bytes_out, size_t *len_out);

/* Whether one of the files is another than it was. One system call a file. */
bool seen_has_changed(const struct seen *seen);

#endif
