/* What is in a file, as a digest. */
#ifndef UPKEEP_HOST_DIGEST_H
#define UPKEEP_HOST_DIGEST_H

#include <stdbool.h>

#include "core/sha256.h"

/* The bytes of a regular file; of a symbolic link where it points to, and the bytes of the regular file there, if it is
 * one; of everything else what it is. Nothing but regular files is opened. Blocks for as long as reading takes, unless
 * is_enough says so, which is asked now and then: -EINTR. 0 or -errno. */
int digest_file(const char *path, bool (*is_enough)(void), unsigned char digest_out[SHA256_BYTES])
    __attribute__((warn_unused_result));

#endif
