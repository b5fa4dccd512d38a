/* The memory of a manifest: pieces that are never freed one by one. Within core. */
#ifndef UPKEEP_CORE_MANIFEST_MEMORY_H
#define UPKEEP_CORE_MANIFEST_MEMORY_H

#include <stddef.h>

struct manifest_chunk;

/* Zeroed, aligned for every type; lives until manifest_memory_fini. NULL when out of memory. */
void *manifest_memory_new(struct manifest_chunk **chunks, size_t size);

/* A copy of len bytes, with a NUL behind them. NULL when out of memory. */
char *manifest_memory_copy(struct manifest_chunk **chunks, const char *bytes, size_t len);

void manifest_memory_fini(struct manifest_chunk **chunks);

#endif
