/* What is in a file or in strings, as a digest (SHA-256, by libmd). */
#ifndef UPKEEP_HOST_DIGEST_H
#define UPKEEP_HOST_DIGEST_H

#include <stdbool.h>

#include <sha2.h>

#include "core/prepared.h"

/* The bytes of a regular file; of a symbolic link where it points to, and the bytes of the regular file there, if it is
 * one; of everything else what it is. Nothing but regular files is opened. Blocks for as long as reading takes, unless
 * is_enough says so, which is asked now and then (NULL: never): -EINTR. 0 or -errno. */
int digest_file(const char *path, bool (*is_enough)(void), unsigned char digest_out[DIGEST_BYTES])
    __attribute__((warn_unused_result));

/* Strings, one after the other, each with its NUL, so that what is joined cannot be taken apart elsewhere. */
struct digest {
    SHA2_CTX sha2;
};
void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const char *string);
void digest_end(struct digest *digest, unsigned char digest_out[DIGEST_BYTES]);

#endif
