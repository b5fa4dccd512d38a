#include "host/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file is goes first, so that a link is not taken for a file that holds its target's name. */
enum { KIND_LINK = 'l', KIND_REGULAR = 'f', KIND_OTHER = 'o' };

static void add_kind(struct sha256 *sha, char kind) {
    sha256_add(sha, &kind, 1);
}

static int add_content(struct sha256 *sha, const char *path, bool (*is_enough)(void)) {
    static char bytes[256 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = 0;
    for (ssize_t n = 1; n > 0 && r == 0;) {
        n = read(fd, bytes, sizeof bytes);
        if (n > 0)
            sha256_add(sha, bytes, (size_t)n);
        if (n < 0)
            r = -errno;
        else if (is_enough())
            r = -EINTR;
    }
    close(fd);
    return r;
}

/* Adds where the link points to; *st is then of what is there, if anything is. */
static int add_link(struct sha256 *sha, const char *path, struct stat *st) {
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0)
        return -errno;
    target[len] = '\0';
    add_kind(sha, KIND_LINK);
    sha256_add_string(sha, target);
    if (stat(path, st) < 0)
        st->st_mode = 0;
    return 0;
}

int digest_file(const char *path, bool (*is_enough)(void), unsigned char digest_out[SHA256_BYTES]) {
    struct sha256 sha;
    struct stat st;
    sha256_init(&sha);
    int r = lstat(path, &st) < 0 ? -errno : 0;
    if (r == 0 && S_ISLNK(st.st_mode))
        r = add_link(&sha, path, &st);
    if (r < 0)
        return r;
    if (S_ISREG(st.st_mode)) {
        add_kind(&sha, KIND_REGULAR);
        r = add_content(&sha, path, is_enough);
    } else {
        add_kind(&sha, KIND_OTHER);
        sha256_add(&sha, &(mode_t){st.st_mode & S_IFMT}, sizeof(mode_t));
    }
    if (r == 0)
        sha256_end(&sha, digest_out);
    return r;
}
