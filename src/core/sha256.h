/* SHA-256 (FIPS 180-4), for telling whether something has changed: docs/adr says why it is here. Secrets are not
 * guarded with it. */
#ifndef UPKEEP_CORE_SHA256_H
#define UPKEEP_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK = 64 };

/* A message under way. */
struct sha256 {
    uint32_t state[8];
    uint64_t len; /* bytes so far */
    unsigned char block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *bytes, size_t len);

/* Adds a string with its NUL, so that what is joined cannot be taken apart elsewhere. */
void sha256_add_string(struct sha256 *sha, const char *string);

/* Ends the message: sha is to be initialised before it is used again. */
void sha256_end(struct sha256 *sha, unsigned char digest_out[SHA256_BYTES]);

#endif
