#include "daemon/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/fs.h"

struct seen_file {
    char *path;
    struct stat status; /* zeroed when there was none */
};

void seen_clear(struct seen *seen) {
    for (size_t i = 0; i < seen->count; i++)
        free(seen->list[i].path);
    free(seen->list);
    *seen = (struct seen){0};
}

static bool seen_add(struct seen *seen, const char *path) {
    struct seen_file *list = realloc(seen->list, (seen->count + 1) * sizeof *list);
    if (!list)
        return false;
    seen->list = list;
    list[seen->count] = (struct seen_file){.path = strdup(path)};
    if (!list[seen->count].path)
        return false;
    (void)stat(path, &list[seen->count].status);
    seen->count++;
    return true;
}

/* Looked at before it is read: what is written in between is a change. */
int seen_read_file(void *context, const char *path, char **bytes_out, size_t *len_out) {
    if (!seen_add(context, path))
        return -ENOMEM;
    return fs_read_file(NULL, path, bytes_out, len_out);
}

static bool seen_is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool seen_has_changed(const struct seen *seen) {
    for (size_t i = 0; i < seen->count; i++) {
        struct stat now = {0};
        (void)stat(seen->list[i].path, &now);
        if (now.st_mode != 0 && !S_ISREG(now.st_mode))
            continue; /* a pipe says nothing by being looked at, and reading it may take for ever */
        if (!seen_is_same(&now, &seen->list[i].status))
            return true;
    }
    return false;
}
