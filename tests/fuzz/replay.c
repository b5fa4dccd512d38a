/* Feeds every file of the folders (or every file) named on the command line to a fuzz target. */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

static unsigned replayed;

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    PROMISE(file);
    uint8_t *data = NULL;
    size_t size = 0;
    size_t got;
    do {
        data = realloc(data, size + 65536);
        PROMISE(data);
        got = fread(data + size, 1, 65536, file);
        size += got;
    } while (got > 0);
    PROMISE(!ferror(file));
    (void)fclose(file);
    /* No byte to spare, so that a sanitizer sees a read behind the end. */
    uint8_t *exact = malloc(size + (size == 0));
    PROMISE(exact);
    memcpy(exact, data, size);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    replayed++;
}

static void replay_path(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) {
        PROMISE(errno == ENOTDIR);
        replay_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        char inside[4096];
        PROMISE((size_t)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name) < sizeof(inside));
        replay_file(inside);
    }
    (void)closedir(folder);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        replay_path(argv[i]);
    (void)printf("%u inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
