/* systemd's journal, through libsystemd (docs/adr/0003). */
#ifndef UPKEEP_HOST_JOURNAL_H
#define UPKEEP_HOST_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "core/text.h"

/* Whether fd is a stream that the service manager has connected to the journal: the one that JOURNAL_STREAM names
 * (systemd.exec(5)). */
bool journal_is_stream(int fd);

/* Whether fd is the kernel's log, which reads a <N> priority at the start of each line. */
bool journal_is_kernel_log(int fd);

/* Whether there is a journald to send entries to; without one libsystemd loses them and reports success. */
bool journal_is_running(void);

/* A stream to the journal, whose lines are entries of their own (sd_journal_stream_fd(3)): a descriptor to be handed to
 * a process. A line may begin with a <N> priority. -errno: -ENOENT or -ECONNREFUSED when there is no journald, -ENOSYS
 * when libsystemd cannot be loaded. */
int journal_stream_open(const char *identifier, int priority);

/* `DEVICE:INODE` of an open stream, as JOURNAL_STREAM names it to the process that gets it. */
void journal_stream_name(int fd, struct text *out);

/* Sends one entry; a field is `NAME=value`, any bytes in the value. Does not block. 0, or -errno: -EAGAIN while
 * journald does not read, -ENOSYS when libsystemd cannot be loaded. */
int journal_send(const struct iovec *fields, size_t count);

#endif
