/* Large buffers that cost memory only where they were written to, and that can change hands without being copied: what
 * a disk did not take stays in the buffer that it was read into, and the next reader gets a new one. */
#ifndef UPKEEP_DAEMON_OUTPUT_BUFFER_H
#define UPKEEP_DAEMON_OUTPUT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised holds nothing. */
struct output_buffer {
    char *data;
    size_t size;
};

/* Makes room for size bytes; the content is not kept. False when there is no memory. */
bool output_buffer_reserve(struct output_buffer *buffer, size_t size);
void output_buffer_fini(struct output_buffer *buffer);

/* Gives the memory back, keeps the room. */
void output_buffer_rest(struct output_buffer *buffer);

struct output_buffer output_buffer_take(struct output_buffer *buffer);

#endif
