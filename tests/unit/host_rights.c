#include "host/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of ours with a file in it, seen by others, who need not exist. */
static char folder[] = "/tmp/upkeep-rights-XXXXXX";
static char file[64];

static struct rights other(gid_t group) {
    return (struct rights){.uid = 54321, .groups = {group}, .group_count = 1};
}

static void modes_decide(void **state) {
    (void)state;
    struct rights stranger = other(54321);
    struct rights member = other(getgid());
    struct rights owner = {.uid = getuid(), .group_count = 0};
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(file, 0640), 0);
    assert_false(rights_can(&stranger, file, RIGHTS_READ));
    assert_true(rights_can(&member, file, RIGHTS_READ));
    assert_true(rights_can(&owner, file, RIGHTS_READ));
    assert_false(rights_can(&member, file, RIGHTS_EXECUTE));
    assert_false(rights_can(&stranger, folder, RIGHTS_WRITE));
    assert_int_equal(chmod(file, 0604), 0); /* the group's bits hold for a member, though others may more */
    assert_true(rights_can(&stranger, file, RIGHTS_READ));
    assert_false(rights_can(&member, file, RIGHTS_READ));
}

static void a_closed_folder_closes_what_is_in_it(void **state) {
    (void)state;
    struct rights stranger = other(54321);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_false(rights_can(&stranger, file, RIGHTS_READ));
    assert_int_equal(chmod(folder, 0711), 0);
    assert_true(rights_can(&stranger, file, RIGHTS_READ));
}

static void the_folder_that_is_closed_is_named(void **state) {
    (void)state;
    struct rights stranger = other(54321);
    struct text why = {0};
    char wanted[128];
    assert_int_equal(chmod(file, 0755), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_false(rights_explain(&stranger, file, RIGHTS_EXECUTE, &why));
    (void)snprintf(wanted, sizeof wanted, "%s is closed to that user (mode 0700)", folder);
    assert_string_equal(text_get(&why), wanted);
    text_clear(&why);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(rights_explain(&stranger, file, RIGHTS_EXECUTE, &why));
    assert_int_equal(why.len, 0);
    text_fini(&why);
}

/* What a link leads to may be open where the link is not reached. */
static void the_way_to_a_link_counts(void **state) {
    (void)state;
    struct rights stranger = other(54321);
    char link[128];
    (void)snprintf(link, sizeof link, "%s/sh", folder);
    assert_int_equal(symlink("/bin/sh", link), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(rights_can(&stranger, link, RIGHTS_EXECUTE));
    assert_int_equal(chmod(folder, 0700), 0);
    assert_false(rights_can(&stranger, link, RIGHTS_EXECUTE));
    assert_int_equal(unlink(link), 0);
}

static void what_is_missing_must_be_made(void **state) {
    (void)state;
    char missing[128];
    (void)snprintf(missing, sizeof missing, "%s/a/b/c", folder);
    struct rights stranger = other(54321);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_false(rights_can(&stranger, missing, RIGHTS_WRITE));
    assert_true(rights_can(&stranger, missing, RIGHTS_READ)); /* nothing to say of it */
    assert_int_equal(chmod(folder, 0777), 0);
    assert_true(rights_can(&stranger, missing, RIGHTS_WRITE));
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(file, sizeof file, "%s/file", folder);
    FILE *made = fopen(file, "we");
    return made ? fclose(made) : -1;
}

static int tear_down(void **state) {
    (void)state;
    return unlink(file) | rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_decide),
        cmocka_unit_test(a_closed_folder_closes_what_is_in_it),
        cmocka_unit_test(the_folder_that_is_closed_is_named),
        cmocka_unit_test(the_way_to_a_link_counts),
        cmocka_unit_test(what_is_missing_must_be_made),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
