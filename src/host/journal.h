/* systemd's journal, through libsystemd (docs/adr/0003). */
#ifndef UPKEEP_HOST_JOURNAL_H
#define UPKEEP_HOST_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* Whether fd is a stream that the service manager has connected to the journal: the one that JOURNAL_STREAM names
 * (systemd.exec(5)). */
bool journal_is_stream(int fd);

/* Whether fd is the kernel's log, which reads a <N> priority at the start of each line. */
bool journal_is_kernel_log(int fd);

/* Whether there is a journald to send entries to; without one libsystemd loses them and reports success. */
bool journal_is_running(void);

/* Sends one entry; a field is `NAME=value`, any bytes in the value. Blocks only while journald does not read. 0, or
 * -errno: -ENOSYS when libsystemd cannot be loaded. */
int journal_send(const struct iovec *fields, size_t count);

#endif
