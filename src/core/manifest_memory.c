#include "core/manifest_memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* The first chunk suits a handful of apps; then each doubles, so that a thousand take a few dozen calls. */
enum { CHUNK_MIN = 4096, CHUNK_MAX = 64 * 1024 };

struct manifest_chunk {
    struct manifest_chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

static struct manifest_chunk *chunk_new(const struct manifest_chunk *before, size_t needed) {
    size_t size = before ? before->size * 2 : CHUNK_MIN - sizeof(struct manifest_chunk);
    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    if (size < needed)
        size = needed;
    struct manifest_chunk *chunk = malloc(sizeof(*chunk) + size);
    if (chunk)
        *chunk = (struct manifest_chunk){.size = size};
    return chunk;
}

/* start: where in the newest chunk the piece is to begin. */
static char *piece(struct manifest_chunk **chunks, size_t start, size_t size) {
    struct manifest_chunk *chunk = *chunks;
    if (!chunk || start > chunk->size || chunk->size - start < size) {
        chunk = chunk_new(*chunks, size);
        if (!chunk)
            return NULL;
        chunk->next = *chunks;
        *chunks = chunk;
        start = 0;
    }
    chunk->used = start + size;
    return chunk->bytes + start;
}

void *manifest_memory_new(struct manifest_chunk **chunks, size_t size) {
    size_t used = *chunks ? (*chunks)->used : 0;
    size_t start = (used + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    char *bytes = piece(chunks, start, size);
    return bytes ? memset(bytes, 0, size) : NULL;
}

char *manifest_memory_copy(struct manifest_chunk **chunks, const char *bytes, size_t len) {
    char *copy = piece(chunks, *chunks ? (*chunks)->used : 0, len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

void manifest_memory_fini(struct manifest_chunk **chunks) {
    while (*chunks) {
        struct manifest_chunk *next = (*chunks)->next;
        free(*chunks);
        *chunks = next;
    }
}
