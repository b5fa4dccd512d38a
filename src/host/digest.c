#include "host/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)DIGEST_BYTES == (int)SHA256_DIGEST_LENGTH, "core knows the size of a SHA-256");

/* What a file is goes first, so that a link is not taken for a file that holds its target's name. */
enum { KIND_LINK = 'l', KIND_REGULAR = 'f', KIND_OTHER = 'o' };

void digest_begin(struct digest *digest) {
    SHA256Init(&digest->sha2);
}

static void add_bytes(struct digest *digest, const void *bytes, size_t len) {
    SHA256Update(&digest->sha2, bytes, len);
}

void digest_add(struct digest *digest, const char *string) {
    add_bytes(digest, string, strlen(string) + 1);
}

void digest_end(struct digest *digest, unsigned char digest_out[DIGEST_BYTES]) {
    SHA256Final(digest_out, &digest->sha2);
}

static void add_kind(struct digest *digest, char kind) {
    add_bytes(digest, &kind, 1);
}

static int add_content(struct digest *digest, const char *path, bool (*is_enough)(void)) {
    static char bytes[256 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = 0;
    for (ssize_t n = 1; n > 0 && r == 0;) {
        n = read(fd, bytes, sizeof bytes);
        if (n > 0)
            add_bytes(digest, bytes, (size_t)n);
        if (n < 0)
            r = -errno;
        else if (is_enough && is_enough())
            r = -EINTR;
    }
    close(fd);
    return r;
}

/* Adds where the link points to; *st is then of what is there, if anything is. */
static int add_link(struct digest *digest, const char *path, struct stat *st) {
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0)
        return -errno;
    target[len] = '\0';
    add_kind(digest, KIND_LINK);
    digest_add(digest, target);
    if (stat(path, st) < 0)
        st->st_mode = 0;
    return 0;
}

int digest_file(const char *path, bool (*is_enough)(void), unsigned char digest_out[DIGEST_BYTES]) {
    struct digest digest;
    struct stat st;
    digest_begin(&digest);
    int r = lstat(path, &st) < 0 ? -errno : 0;
    if (r == 0 && S_ISLNK(st.st_mode))
        r = add_link(&digest, path, &st);
    if (r < 0)
        return r;
    if (S_ISREG(st.st_mode)) {
        add_kind(&digest, KIND_REGULAR);
        r = add_content(&digest, path, is_enough);
    } else {
        mode_t kind = st.st_mode & S_IFMT;
        add_kind(&digest, KIND_OTHER);
        add_bytes(&digest, &kind, sizeof kind);
    }
    if (r == 0)
        digest_end(&digest, digest_out);
    return r;
}
