#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fs.h"

static char folder[] = "/tmp/upkeep-fs-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return chdir("/") == 0 ? nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

static void write_file(const char *path, const char *content, mode_t mode) {
    assert_int_equal(fs_write_atomic(path, content, strlen(content), mode), 0);
}

static mode_t mode_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void reading_is_whole_or_an_error(void **state) {
    (void)state;
    char *bytes = NULL;
    size_t len = 0;
    write_file("five", "12345", 0644);
    assert_int_equal(fs_read("five", 5, &bytes, &len), 0);
    assert_int_equal(len, 5);
    assert_string_equal(bytes, "12345");
    free(bytes);
    assert_int_equal(fs_read("five", 4, &bytes, &len), -EFBIG);
    assert_int_equal(fs_read(".", 100, &bytes, &len), -EISDIR);
    assert_int_equal(fs_read("none", 100, &bytes, &len), -ENOENT);
    assert_int_equal(fs_read_file(NULL, "five", &bytes, &len), 0);
    free(bytes);
    assert_int_equal(fs_read("/proc/self/status", 1 << 16, &bytes, &len), 0); /* whose size is said to be 0 */
    assert_true(len > 100);
    free(bytes);
}

static void an_empty_file_is_an_empty_string(void **state) {
    (void)state;
    char *bytes = NULL;
    size_t len = 1;
    write_file("empty", "", 0644);
    assert_int_equal(fs_read("empty", 0, &bytes, &len), 0);
    assert_int_equal(len, 0);
    assert_string_equal(bytes, "");
    free(bytes);
}

static void a_pipe_is_read_to_its_end(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fds[1], "0123456789", 10), 10);
    close(fds[1]);
    char *bytes = NULL;
    size_t len = 0;
    assert_int_equal(fs_read(path, 10000, &bytes, &len), 0);
    assert_int_equal(len, 10000);
    free(bytes);
    close(fds[0]);
}

static void folders_are_made_with_their_parents(void **state) {
    (void)state;
    mode_t old = umask(0);
    assert_int_equal(fs_make_dirs("a/b//c/", 0700), 0);
    assert_int_equal(mode_of("a/b/c"), 0700);
    assert_int_equal(fs_make_dirs("a/b", 0755), 0);
    assert_int_equal(mode_of("a/b"), 0700);
    umask(old);

    char path[128];
    snprintf(path, sizeof path, "%s/x/./../y", folder);
    assert_int_equal(fs_make_dirs(path, 0700), 0);
    assert_int_equal(mode_of("y"), 0700);
    assert_int_equal(fs_make_dirs("/", 0755), 0);
    assert_int_equal(fs_make_dirs(".", 0755), 0);
    assert_int_equal(fs_make_dirs("", 0755), -ENOENT);

    write_file("file", "", 0644);
    assert_int_equal(fs_make_dirs("file", 0755), -ENOTDIR);
    assert_int_equal(fs_make_dirs("file/below", 0755), -ENOTDIR);
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(fs_make_dirs("link/d", 0700), 0);
    assert_int_equal(mode_of("a/d"), 0700);
}

static size_t entries(const char *path) {
    DIR *dir = opendir(path);
    assert_non_null(dir);
    size_t count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void a_write_replaces_whole_or_not_at_all(void **state) {
    (void)state;
    assert_int_equal(mkdir("w", 0700), 0);
    write_file("w/state", "old", 0600);
    write_file("w/state", "new", 0640);
    char *bytes = NULL;
    size_t len = 0;
    assert_int_equal(fs_read("w/state", 100, &bytes, &len), 0);
    assert_string_equal(bytes, "new");
    free(bytes);
    assert_int_equal(mode_of("w/state"), 0640);
    assert_int_equal(fs_write_atomic("w/none/state", "x", 1, 0600), -ENOENT);
    assert_int_equal(mkdir("w/folder", 0700), 0);
    assert_int_equal(fs_write_atomic("w/folder", "x", 1, 0600), -EISDIR);
    assert_int_equal(entries("w"), 2); /* nothing is left beside */
}

static void a_lock_has_one_holder_and_dies_with_it(void **state) {
    (void)state;
    int first = fs_lock("lock");
    assert_true(first >= 0);
    assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fs_lock("lock"), -EWOULDBLOCK);
    close(first);
    int second = fs_lock("lock");
    assert_true(second >= 0);
    assert_int_equal(unlink("lock"), 0); /* whoever locks now has a file of its own */
    int third = fs_lock("lock");
    assert_true(third >= 0);
    close(second);
    close(third);
    assert_int_equal(fs_lock("none/lock"), -ENOENT);
}

static void assert_found(const char *name, const char *path_list, const char *expected) {
    char cwd[64];
    char whole[128];
    char *found = NULL;
    snprintf(cwd, sizeof cwd, "%s/app", folder);
    snprintf(whole, sizeof whole, "%s/%s", folder, expected);
    assert_int_equal(fs_find_program(name, cwd, path_list, &found), 0);
    assert_string_equal(found, *expected == '/' ? expected : whole);
    free(found);
}

static void assert_not_found(const char *name, const char *path_list, int error) {
    char cwd[64];
    char *found = NULL;
    snprintf(cwd, sizeof cwd, "%s/app", folder);
    assert_int_equal(fs_find_program(name, cwd, path_list, &found), -error);
    assert_null(found);
}

static void programs_are_found_by_the_rules_of_execvp(void **state) {
    (void)state;
    assert_int_equal(fs_make_dirs("bin", 0755), 0);
    assert_int_equal(fs_make_dirs("bin2/tool", 0755), 0);
    assert_int_equal(fs_make_dirs("app/own", 0755), 0);
    write_file("bin/tool", "#!/bin/sh\n", 0755);
    write_file("bin/data", "", 0644);
    write_file("app/own/run", "", 0755);
    write_file("app/here", "", 0755);
    char path_list[256];
    snprintf(path_list, sizeof path_list, "/none:%s/bin2:%s/bin", folder, folder);

    assert_found("tool", path_list, "bin/tool"); /* past bin2/tool, a folder */
    assert_found("own/run", path_list, "app/own/run");
    assert_found("run", "/none:own", "app/own/run"); /* a relative folder is meant from cwd */
    assert_found("here", "/none:", "app/here");      /* an empty one is cwd */
    assert_found("/bin/sh", "", "/bin/sh");
    assert_found("sh", NULL, "/bin/sh");

    assert_not_found("data", path_list, EACCES);
    assert_not_found("nothing", path_list, ENOENT);
    assert_not_found("", path_list, ENOENT);
    assert_not_found("own", "", EACCES);
    assert_not_found("./nothing", path_list, ENOENT);
    assert_not_found("./own", path_list, EACCES);
}

static void a_number_is_read_or_its_fallback(void **state) {
    (void)state;
    write_file("number", "-1000\n", 0644);
    assert_int_equal(fs_read_number("number", 7), -1000);
    assert_int_equal(fs_read_number("no-number", 7), 7);
    assert_true(fs_read_number("/proc/sys/kernel/pid_max", 0) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_is_whole_or_an_error),
        cmocka_unit_test(an_empty_file_is_an_empty_string),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(a_number_is_read_or_its_fallback),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(a_write_replaces_whole_or_not_at_all),
        cmocka_unit_test(a_lock_has_one_holder_and_dies_with_it),
        cmocka_unit_test(programs_are_found_by_the_rules_of_execvp),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
