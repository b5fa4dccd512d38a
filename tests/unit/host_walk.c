#include "host/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/digest.h"
#include "host/fs.h"

static char folder[] = "/tmp/upkeep-walk-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void make(const char *path, const char *content) {
    char parents[128];
    (void)snprintf(parents, sizeof parents, "%s", path);
    char *slash = strrchr(parents, '/');
    if (slash) {
        *slash = '\0';
        assert_int_equal(fs_make_dirs(parents, 0755), 0);
    }
    assert_int_equal(fs_write_atomic(path, content, strlen(content), 0644), 0);
}

static int setup(void **state) {
    (void)state;
    static const char *const files[] = {"lock",         "src/a.ts",    "src/b/c.ts",        "src/b/d.js",
                                        "src/gen/e.ts", "src/.x/f.ts", "node_modules/m.ts", "other/src/a.ts",
                                        "outside/z.ts"};
    if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("project", 0755) < 0 || chdir("project") < 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        make(files[i], files[i]);
    return symlink("../../outside", "src/link") < 0 || symlink("../lock", "src/l.ts") < 0 ||
                   symlink("..", "src/b/round") < 0 || symlink("src", "sources") < 0
               ? -1
               : 0;
}

static int teardown(void **state) {
    (void)state;
    return chdir("/") == 0 ? nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

struct found {
    char *names[64];
    size_t count;
};

static int add(void *context, const char *name, const char *path) {
    struct found *found = context;
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(found->count < 64);
    found->names[found->count++] = strdup(name);
    return 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in order, separated by blanks; how many matched in *matches_out. */
static void look(const char *pattern, const char *excluded, struct text *out, size_t *matches_out) {
    struct glob globs[2] = {0};
    struct found found = {0};
    struct text error TEXT_AUTO = {0};
    assert_true(glob_parse(pattern, &globs[0], &error));
    assert_true(!excluded || glob_parse(excluded, &globs[1], &error));
    assert_int_equal(walk(".", &globs[0], &globs[1], excluded != NULL, add, &found, matches_out, &error), 0);
    qsort(found.names, found.count, sizeof *found.names, compare);
    for (size_t i = 0; i < found.count; i++) {
        text_printf(out, "%s%s", i > 0 ? " " : "", found.names[i]);
        free(found.names[i]);
    }
    glob_fini(&globs[0]);
    glob_fini(&globs[1]);
}

static void patterns_find_files(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *excluded, *names;
    } rows[] = {
        {"lock", NULL, "lock"},
        {"./lock", NULL, "lock"},
        {"lock", "lock", ""},
        {"src", NULL, "src/a.ts src/b/c.ts src/b/d.js src/b/round src/gen/e.ts src/l.ts src/link"},
        {"src/**", NULL, "src/a.ts src/b/c.ts src/b/d.js src/b/round src/gen/e.ts src/l.ts src/link"},
        {"src/**", "src/gen", "src/a.ts src/b/c.ts src/b/d.js src/b/round src/l.ts src/link"},
        {"src/**", "src/gen/**", "src/a.ts src/b/c.ts src/b/d.js src/b/round src/l.ts src/link"},
        {"src/**/*.ts", "**/b", "src/a.ts src/gen/e.ts src/l.ts"},
        {"src/*/*.ts", NULL, "src/b/c.ts src/gen/e.ts"},
        {"*/a.ts", NULL, "src/a.ts"},
        {"**/a.ts", NULL, "other/src/a.ts src/a.ts"},
        {"sources", "src",
         "sources/a.ts sources/b/c.ts sources/b/d.js sources/b/round sources/gen/e.ts sources/l.ts "
         "sources/link"},
        {"src/link/*", NULL, ""},
        {"src/.x", NULL, "src/.x/f.ts"},
        {"node_modules", NULL, "node_modules/m.ts"},
        {"../project/lock", NULL, "../project/lock"},
        {"none", NULL, ""},
        {"lock/none", NULL, ""},
        {"none/**", NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text names TEXT_AUTO = {0};
        size_t matches = 0;
        look(rows[i].pattern, rows[i].excluded, &names, &matches);
        if (strcmp(text_get(&names), rows[i].names) != 0)
            fail_msg("%s without %s: %s", rows[i].pattern, rows[i].excluded, text_get(&names));
    }
}

static void absolute_patterns(void **state) {
    (void)state;
    struct text pattern TEXT_AUTO = {0};
    struct text names TEXT_AUTO = {0};
    size_t matches = 0;
    text_printf(&pattern, "%s/project/lo*", folder);
    look(text_get(&pattern), "lock", &names, &matches);
    assert_true(names.len > strlen("/lock") && names.data[0] == '/');
    assert_string_equal(names.data + names.len - strlen("/lock"), "/lock");
}

static void what_matches_is_counted(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *excluded;
        size_t matches;
    } rows[] = {{"none", NULL, 0}, {"none/**", NULL, 0}, {"lock", "lock", 1}, {"sr?", "src", 1}, {"*.ts", NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text names TEXT_AUTO = {0};
        size_t matches = 99;
        look(rows[i].pattern, rows[i].excluded, &names, &matches);
        assert_int_equal(matches, rows[i].matches);
    }
}

static int stop(void *context, const char *name, const char *path) {
    (void)context, (void)name, (void)path;
    return 7;
}

static void a_visit_can_end_it(void **state) {
    (void)state;
    struct glob glob = {0};
    struct text error TEXT_AUTO = {0};
    size_t matches = 0;
    assert_true(glob_parse("src/**", &glob, &error));
    assert_int_equal(walk(".", &glob, NULL, 0, stop, NULL, &matches, &error), 7);
    glob_fini(&glob);
}

/* Far too deep folders are an error that is said, and no crash. */
static void depth_has_an_end(void **state) {
    (void)state;
    struct glob glob = {0};
    struct text error TEXT_AUTO = {0};
    struct found found = {0};
    size_t matches = 0;
    assert_int_equal(mkdir("deep", 0755), 0);
    assert_int_equal(chdir("deep"), 0);
    for (int i = 0; i < 150; i++)
        assert_true(mkdir("d", 0755) == 0 && chdir("d") == 0);
    for (int i = 0; i < 151; i++)
        assert_int_equal(chdir(".."), 0);
    assert_true(glob_parse("deep", &glob, &error));
    assert_int_equal(walk(".", &glob, NULL, 0, add, &found, &matches, &error), -ELOOP);
    assert_non_null(strstr(text_get(&error), "cannot read deep/d/d"));
    glob_fini(&glob);
}

static bool never(void) {
    return false;
}

static bool at_once(void) {
    return true;
}

static bool is_same(const char *a, const char *b) {
    unsigned char one[DIGEST_BYTES];
    unsigned char other[DIGEST_BYTES];
    assert_int_equal(digest_file(a, never, one), 0);
    assert_int_equal(digest_file(b, never, other), 0);
    return memcmp(one, other, sizeof one) == 0;
}

static void digests_tell_files_apart(void **state) {
    (void)state;
    unsigned char digest[DIGEST_BYTES];
    make("one", "content");
    make("two", "content");
    make("three", "contend");
    assert_true(symlink("one", "link") == 0 && symlink("one", "link2") == 0 && symlink("two", "link3") == 0);
    assert_true(symlink("nowhere", "broken") == 0 && mkfifo("fifo", 0600) == 0 && symlink("fifo", "tofifo") == 0);
    assert_true(is_same("one", "two"));
    assert_false(is_same("one", "three"));
    assert_false(is_same("one", "link"));
    assert_true(is_same("link", "link2"));
    assert_false(is_same("link", "link3"));
    assert_false(is_same("link", "broken"));
    assert_false(is_same("fifo", "tofifo")); /* and neither waits for a writer */
    assert_int_equal(digest_file("nowhere", never, digest), -ENOENT);
    assert_int_equal(digest_file("one", at_once, digest), -EINTR);
    unsigned char before[DIGEST_BYTES];
    assert_int_equal(digest_file("link", never, before), 0);
    make("one", "other content");
    assert_int_equal(digest_file("link", never, digest), 0);
    assert_memory_not_equal(before, digest, sizeof digest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_find_files),     cmocka_unit_test(absolute_patterns),
        cmocka_unit_test(what_matches_is_counted), cmocka_unit_test(a_visit_can_end_it),
        cmocka_unit_test(depth_has_an_end),        cmocka_unit_test(digests_tell_files_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
