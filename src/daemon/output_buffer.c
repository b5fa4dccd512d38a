#include "daemon/output_buffer.h"

#include <sys/mman.h>

bool output_buffer_reserve(struct output_buffer *buffer, size_t size) {
    if (buffer->size >= size)
        return true;
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return false;
    output_buffer_fini(buffer);
    *buffer = (struct output_buffer){data, size};
    return true;
}

void output_buffer_fini(struct output_buffer *buffer) {
    if (buffer->data)
        (void)munmap(buffer->data, buffer->size);
    *buffer = (struct output_buffer){0};
}

void output_buffer_rest(struct output_buffer *buffer) {
    if (buffer->data)
        (void)madvise(buffer->data, buffer->size, MADV_DONTNEED);
}

struct output_buffer output_buffer_take(struct output_buffer *buffer) {
    struct output_buffer taken = *buffer;
    *buffer = (struct output_buffer){0};
    return taken;
}
