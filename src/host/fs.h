/* Files: reading whole, making folders, writing atomically, locking. All may block. */
#ifndef UPKEEP_HOST_FS_H
#define UPKEEP_HOST_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The whole of a regular file of at most cap bytes: heap, NUL-terminated beyond its len bytes. 0 or -errno (-EFBIG,
 * -EISDIR). A pipe too, if somebody writes it to its end within a second or so (else -ENODATA): secrets are handed over
 * like that, but nobody may make us wait for ever. */
int fs_read(const char *path, size_t cap, char **bytes_out, size_t *len_out);

/* The first bytes of a regular file, at most len_max of them, likewise. 0 or -errno. */
int fs_read_start(const char *path, size_t len_max, char **bytes_out, size_t *len_out);

/* The decimal number that a file begins with, as those of /proc/sys do; fallback where it cannot be read. */
int64_t fs_read_number(const char *path, int64_t fallback);

/* layers_read_file with the manifest's cap; context is not used. */
int fs_read_file(void *context, const char *path, char **bytes_out, size_t *len_out);

/* Whether both are there and are not the same file. */
bool fs_are_two(const char *a, const char *b);

/* Makes path and its missing parents. A folder that is there already keeps its mode. 0 or -errno. */
int fs_make_dirs(const char *path, mode_t mode);

/* Writes a new file beside path and renames it over path. 0 or -errno. */
int fs_write_atomic(const char *path, const char *bytes, size_t len, mode_t mode);

/* Opens (making it) and locks path with flock; never blocks. The descriptor, or -errno; -EWOULDBLOCK when somebody
 * holds it. */
int fs_lock(const char *path);

/* When the file (or what the link points to) was last changed, in wall time; -1 when it is not there. */
int64_t fs_mtime_ms(const char *path);

/* Absolute, symbolic links resolved; heap or NULL (errno). */
char *fs_real_path(const char *path);

/* The path that execve is to be given for a program: with a slash, relative to cwd; without, looked up in path_list (a
 * PATH; NULL means what execvp means by an unset one). Heap. 0, or -errno: -ENOENT, -EACCES (found, not executable or a
 * folder). */
int fs_find_program(const char *name, const char *cwd, const char *path_list, char **out);

/* The same for a process with other rights than ours; NULL: with ours. */
struct rights;
int fs_find_program_for(const struct rights *rights, const char *name, const char *cwd, const char *path_list,
                        char **out);

#endif
