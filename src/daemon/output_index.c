#include "daemon/output_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"

int output_index_init(struct output_index *index, const char *runtime_dir) {
    *index = (struct output_index){.fd = -1};
    if (asprintf(&index->path, "%s/" LOG_INDEX_NAME, runtime_dir) < 0)
        index->path = NULL;
    if (asprintf(&index->old_path, "%s/" LOG_INDEX_OLD_NAME, runtime_dir) < 0)
        index->old_path = NULL;
    if (index->path && index->old_path)
        return 0;
    output_index_fini(index);
    return -ENOMEM;
}

void output_index_close(struct output_index *index) {
    if (index->fd >= 0)
        close(index->fd);
    index->fd = -1;
}

void output_index_fini(struct output_index *index) {
    output_index_close(index);
    free(index->path);
    free(index->old_path);
    index->path = index->old_path = NULL;
}

/* A mark that was written in part, when the disk was full, would put all that follow out of step. */
static void output_index_mend(struct output_index *index) {
    index->size -= index->size % sizeof(struct log_mark);
    if (ftruncate(index->fd, (off_t)index->size) < 0)
        output_index_close(index);
}

static void output_index_open(struct output_index *index) {
    index->fd = open(index->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (index->fd < 0)
        return;
    struct stat st;
    if (fstat(index->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        output_index_close(index);
        return;
    }
    index->size = (uint64_t)st.st_size;
    if (index->size % sizeof(struct log_mark) != 0)
        output_index_mend(index);
}

void output_index_add(struct output_index *index, const struct log_mark *mark) {
    if (index->fd >= 0 && index->size + sizeof *mark > LIMIT_LOG_INDEX) {
        output_index_close(index);
        (void)rename(index->path, index->old_path);
    }
    if (index->fd < 0)
        output_index_open(index);
    if (index->fd < 0 || index->size + sizeof *mark > LIMIT_LOG_INDEX)
        return;
    ssize_t n = write(index->fd, mark, sizeof *mark);
    if (n > 0)
        index->size += (uint64_t)n;
    if (n != sizeof *mark)
        output_index_mend(index);
}
