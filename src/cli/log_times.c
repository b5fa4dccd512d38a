#include "cli/log_times.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/text.h"

static const struct log_time long_ago = {INT64_MIN, 0};

static void log_index_read_file(const char *dir, const char *name, struct text *out) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/%s", dir, name);
    int fd = open(text_get(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    char block[8192];
    size_t limit = out->len + LIMIT_LOG_INDEX;
    for (ssize_t n; out->len < limit && (n = read(fd, block, sizeof block)) > 0;)
        text_append(out, block, (size_t)n);
    close(fd);
    if (!out->failed)
        out->len -= out->len % sizeof(struct log_mark);
}

void log_index_read(const char *runtime_dir, struct log_index *out) {
    *out = (struct log_index){0};
    struct text bytes = {0};
    log_index_read_file(runtime_dir, LOG_INDEX_OLD_NAME, &bytes);
    log_index_read_file(runtime_dir, LOG_INDEX_NAME, &bytes);
    size_t count = bytes.len / sizeof(struct log_mark);
    char *marks = text_take(&bytes);
    if (marks)
        *out = (struct log_index){(struct log_mark *)(void *)marks, count};
}

void log_index_fini(struct log_index *index) {
    free(index->marks);
    *index = (struct log_index){0};
}

void log_times_init(struct log_times *times, const struct log_index *index, uint64_t file) {
    *times = (struct log_times){.index = index, .file = file, .before = long_ago};
    uint64_t end = 0;
    for (size_t i = 0; i < index->count; i++) {
        const struct log_mark *mark = &index->marks[i];
        if (mark->file != file)
            continue;
        if (mark->begin < end)
            times->next = i;
        end = mark->end;
    }
}

struct log_time log_times_at(struct log_times *times, uint64_t offset) {
    for (; times->next < times->index->count; times->next++) {
        const struct log_mark *mark = &times->index->marks[times->next];
        if (mark->file != times->file)
            continue;
        struct log_time time = {mark->wall_ms, times->next};
        if (offset < mark->end)
            return offset >= mark->begin ? time : times->before;
        times->before = time;
    }
    return times->before;
}
