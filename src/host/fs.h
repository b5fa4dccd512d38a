/* Files: reading whole, making folders, writing atomically, locking. All may block. */
#ifndef UPKEEP_HOST_FS_H
#define UPKEEP_HOST_FS_H

#include <stddef.h>
#include <sys/types.h>

/* The whole of a regular file (or a pipe) of at most cap bytes: heap, NUL-terminated beyond its len bytes. 0 or -errno
 * (-EFBIG, -EISDIR). */
int fs_read(const char *path, size_t cap, char **bytes_out, size_t *len_out);

/* The first bytes of a regular file, at most len_max of them, likewise. 0 or -errno. */
int fs_read_start(const char *path, size_t len_max, char **bytes_out, size_t *len_out);

/* layers_read_file with the manifest's cap; context is not used. */
int fs_read_file(void *context, const char *path, char **bytes_out, size_t *len_out);

/* Makes path and its missing parents. A folder that is there already keeps its mode. 0 or -errno. */
int fs_make_dirs(const char *path, mode_t mode);

/* Writes a new file beside path and renames it over path. 0 or -errno. */
int fs_write_atomic(const char *path, const char *bytes, size_t len, mode_t mode);

/* Opens (making it) and locks path with flock; never blocks. The descriptor, or -errno; -EWOULDBLOCK when somebody
 * holds it. */
int fs_lock(const char *path);

/* Absolute, symbolic links resolved; heap or NULL (errno). */
char *fs_real_path(const char *path);

/* The path that execve is to be given for a program: with a slash, relative to cwd; without, looked up in path_list (a
 * PATH; NULL means what execvp means by an unset one). Heap. 0, or -errno: -ENOENT, -EACCES (found, not executable or a
 * folder). */
int fs_find_program(const char *name, const char *cwd, const char *path_list, char **out);

#endif
