#include "core/sha256.h"

#include <string.h>

enum { LENGTH_AT = SHA256_BLOCK - 8 }; /* where the message's length stands in its last block */

/* The names of FIPS 180-4, section 4 and 6.2. */
static const uint32_t K[SHA256_BLOCK] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static uint32_t big_endian(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The message schedule: sixteen words of the block, then what follows from them. */
static void schedule(const unsigned char *block, uint32_t w[SHA256_BLOCK]) {
    for (size_t t = 0; t < 16; t++)
        w[t] = big_endian(block + 4 * t);
    for (size_t t = 16; t < SHA256_BLOCK; t++) {
        uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
}

static void take_block(struct sha256 *sha, const unsigned char *block) {
    enum { A, B, C, D, E, F, G, H };
    uint32_t w[SHA256_BLOCK];
    uint32_t v[8];
    schedule(block, w);
    memcpy(v, sha->state, sizeof v);
    for (size_t t = 0; t < SHA256_BLOCK; t++) {
        uint32_t s1 = rotate(v[E], 6) ^ rotate(v[E], 11) ^ rotate(v[E], 25);
        uint32_t choice = (v[E] & v[F]) ^ (~v[E] & v[G]);
        uint32_t t1 = v[H] + s1 + choice + K[t] + w[t];
        uint32_t s0 = rotate(v[A], 2) ^ rotate(v[A], 13) ^ rotate(v[A], 22);
        uint32_t majority = (v[A] & v[B]) ^ (v[A] & v[C]) ^ (v[B] & v[C]);
        memmove(v + B, v + A, 7 * sizeof *v);
        v[E] += t1;
        v[A] = t1 + s0 + majority;
    }
    for (size_t i = 0; i < 8; i++)
        sha->state[i] += v[i];
}

void sha256_init(struct sha256 *sha) {
    *sha = (struct sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *sha, const void *bytes, size_t len) {
    const unsigned char *at = bytes;
    size_t held = sha->len % SHA256_BLOCK;
    sha->len += len;
    if (held > 0 && len > 0) {
        size_t fits = SHA256_BLOCK - held;
        size_t taken = len < fits ? len : fits;
        memcpy(sha->block + held, at, taken);
        if (taken < fits)
            return;
        take_block(sha, sha->block);
        at += taken;
        len -= taken;
    }
    for (; len >= SHA256_BLOCK; at += SHA256_BLOCK, len -= SHA256_BLOCK)
        take_block(sha, at);
    if (len > 0)
        memcpy(sha->block, at, len);
}

void sha256_add_string(struct sha256 *sha, const char *string) {
    sha256_add(sha, string, strlen(string) + 1);
}

void sha256_end(struct sha256 *sha, unsigned char digest_out[SHA256_BYTES]) {
    static const unsigned char padding[SHA256_BLOCK] = {0x80};
    uint64_t bits = sha->len * 8;
    size_t held = sha->len % SHA256_BLOCK;
    sha256_add(sha, padding, held < LENGTH_AT ? LENGTH_AT - held : SHA256_BLOCK + LENGTH_AT - held);
    unsigned char length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(sha, length, sizeof length);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        digest_out[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}
