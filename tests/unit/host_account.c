#include "host/account.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { STRANGER = 54321 }; /* of whom nothing is known */

static void refuses(const char *user, const char *group, const char *why) {
    struct account account = {0};
    struct text error = {0};
    assert_false(account_find(user, group, &account, &error));
    assert_string_equal(text_get(&error), why);
    assert_null(account.name);
    text_fini(&error);
}

static void finds(const char *user, const char *group, struct account *account) {
    struct text error = {0};
    *account = (struct account){0};
    assert_true(account_find(user, group, account, &error));
    assert_true(account_find_groups(account, &error));
    assert_int_equal(error.len, 0);
}

static void what_is_not_there_is_said(void **state) {
    (void)state;
    refuses("no-such-user", NULL, "there is no user no-such-user on this machine");
    refuses("root", "no-such-group", "there is no group no-such-group on this machine");
    refuses("54321", NULL, "nothing is known of user 54321 on this machine: name its group too (group = …)");
}

/* All ones would mean `leave as it is` to setresuid(). */
static void a_number_has_its_bounds(void **state) {
    (void)state;
    refuses("4294967295", "0", "\"4294967295\" is out of range: 0 to 4294967294");
    refuses("0", "4294967295", "\"4294967295\" is out of range: 0 to 4294967294");
    refuses("-1", "0", "there is no user -1 on this machine");
    refuses("99999999999999999999", "0", "\"99999999999999999999\" is out of range: 0 to 4294967294");
}

static void a_user_is_found_by_name_and_by_number(void **state) {
    (void)state;
    static const char *const roots[] = {"root", "0", "00"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        struct account account;
        finds(roots[i], NULL, &account);
        assert_true(account.is_given && !account.keeps_groups);
        assert_int_equal(account.uid, 0);
        assert_int_equal(account_uid(&account), 0);
        assert_string_equal(account.name, "root");
        assert_string_equal(account.home, getpwuid(0)->pw_dir);
        assert_true(account.group_count > 0);
        assert_int_equal(account.groups[0], account.gid);
        account_fini(&account);
    }
}

static void a_user_who_is_only_a_number_has_the_named_group(void **state) {
    (void)state;
    struct account account;
    struct text words = {0};
    finds("54321", "54322", &account);
    assert_int_equal(account.uid, STRANGER);
    assert_int_equal(account.gid, STRANGER + 1);
    assert_int_equal(account.group_count, 1);
    assert_int_equal(account.groups[0], STRANGER + 1);
    assert_null(account.name);
    assert_null(account.home);
    assert_false(account_is_ours(&account));
    account_print(&account, &words);
    assert_string_equal(text_get(&words), "user 54321");
    text_fini(&words);
    account_fini(&account);
}

static void a_group_alone_keeps_all_else(void **state) {
    (void)state;
    struct account account;
    struct text words = {0};
    finds(NULL, "54322", &account);
    assert_int_equal(account.uid, geteuid());
    assert_int_equal(account.gid, STRANGER + 1);
    assert_true(account.keeps_groups);
    assert_int_equal(account.group_count, getgroups(0, NULL));
    account_print(&account, &words);
    assert_string_equal(text_get(&words), "group 54322");
    text_fini(&words);
    account_fini(&account);
}

static void nobody_is_who_we_are(void **state) {
    (void)state;
    struct account account;
    struct text error = {0};
    finds(NULL, NULL, &account);
    assert_true(account_is_ours(&account));
    assert_true(account_is_allowed(&account, &error));
    assert_int_equal(account_uid(&account), geteuid());
    account_fini(&account);
}

static void a_plain_user_is_refused(void **state) {
    (void)state;
    struct account account;
    struct text error = {0};
    if (geteuid() == 0)
        skip();
    finds("root", NULL, &account);
    assert_false(account_is_allowed(&account, &error));
    assert_non_null(strstr(text_get(&error), "only root may run it as user root, and upkeep runs as "));
    text_fini(&error);
    account_fini(&account);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(a_number_has_its_bounds),
        cmocka_unit_test(a_user_is_found_by_name_and_by_number),
        cmocka_unit_test(a_user_who_is_only_a_number_has_the_named_group),
        cmocka_unit_test(a_group_alone_keeps_all_else),
        cmocka_unit_test(nobody_is_who_we_are),
        cmocka_unit_test(a_plain_user_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
