#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/leftover.h"
#include "host/fs.h"

static char folder[] = "/tmp/upkeep-test-XXXXXX";
static char state_file[64];

static bool reads(struct tag_range *tags) {
    *tags = (struct tag_range){0};
    return leftover_read(folder, tags);
}

/* Puts `tags` behind the true head of the file. */
static bool understands(const char *tags) {
    char *bytes;
    size_t len;
    char text[512];
    struct tag_range range = {.base = 1, .count = 1};
    assert_int_equal(leftover_write(folder, &range, "/"), 0);
    assert_int_equal(fs_read(state_file, sizeof text / 2, &bytes, &len), 0);
    int head = (int)(strstr(bytes, "tags=") - bytes);
    snprintf(text, sizeof text, "%.*s%s", head, bytes, tags);
    free(bytes);
    assert_int_equal(fs_write_atomic(state_file, text, strlen(text), 0600), 0);
    return reads(&range);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct tag_range tags;
    struct tag_range most = {.base = UINT32_MAX - 1000, .count = 1000};
    assert_int_equal(leftover_write(folder, &most, "/"), 0);
    assert_true(reads(&tags));
    assert_int_equal(tags.base, most.base);
    assert_int_equal(tags.count, most.count);
    leftover_remove(folder);
    assert_false(reads(&tags));
}

static void what_is_not_ours_is_left_alone(void **state) {
    (void)state;
    assert_true(understands("tags=7+3\n"));
    assert_true(understands("tags=7+3\nmanifest=/srv/upkeep.ini\n"));
    static const char *const others[] = {"",
                                         "tags=",
                                         "tags=7",
                                         "tags=7+\n",
                                         "tags=+3\n",
                                         "tags=0+3\n",
                                         "tags=7+0\n",
                                         "tags=-7+3\n",
                                         "tags=7+-3\n",
                                         "tags=4294967296+3\n",
                                         "tags=4294967295+1\n",
                                         "tags=7+3",
                                         "tags=7+3x\n",

                                         "tags=99999999999999999999999+3\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (understands(others[i]))
            fail_msg("understood: %s", others[i]);
    static const char earlier[] = "boot=00000000-0000-0000-0000-000000000000\ntags=7+3\n";
    struct tag_range tags;
    assert_int_equal(fs_write_atomic(state_file, earlier, sizeof earlier - 1, 0600), 0);
    assert_false(reads(&tags));
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(state_file, sizeof state_file, "%s/state", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(state_file);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
