#include "core/manifest_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/manifest_keys.h"

static void parse(const char *text, struct manifest *out) {
    static char *environment[] = {"HOME=/home/dev", NULL};
    struct env env = {0};
    struct diags diags = {0};
    assert_true(env_import(&env, environment, ENV_ORIGIN_INHERITED));
    bool is_good = manifest_parse(text, strlen(text), "upkeep.ini", "/srv/demo", "staging", &env, out, &diags);
    for (size_t i = 0; i < diags.count; i++)
        print_message("%s\n", diags.list[i].text);
    assert_true(is_good);
    diags_fini(&diags);
    env_fini(&env);
}

/* Every manifest has the profile that it is read under. */
#define PROFILE "[upkeep@staging]\n"

static void assert_diff(const char *before_text, const char *now_text, const char *expected) {
    struct manifest before;
    struct manifest now;
    struct manifest_diff diff;
    TEXT_AUTO struct text told = {0};
    parse(before_text, &before);
    parse(now_text, &now);
    assert_true(manifest_diff(&before, &now, &diff));
    manifest_diff_print(&diff, &told);
    assert_string_equal(text_get(&told), expected);
    assert_int_equal(manifest_diff_is_empty(&diff), *expected == '\0');
    manifest_diff_fini(&diff);
    manifest_fini(&before);
    manifest_fini(&now);
}

#define TWO PROFILE "[app:a]\ncommand = a\n[app:b]\ncommand = b\n"

static void test_what_means_the_same_is_no_change(void **state) {
    (void)state;
    assert_diff(TWO, TWO, "");
    assert_diff(TWO, "# new\n[app:b]\ncommand=b\n\n[app:a]\ncommand = a\n" PROFILE, "");
    assert_diff(PROFILE "[app:a]\ncommand = a\nkill_timeout = 60s\nrestart = always\n",
                PROFILE "[app:a]\ncommand = a\nkill_timeout = 1m\n", "");
    assert_diff(PROFILE "[app:a]\ncommand = a\nenv = A=1\nenv_file = .env, b.env\n",
                PROFILE "[app:a]\ncommand = a\nenv =\n  A=1\nenv_file =\n  # the first\n  .env\n  b.env\n", "");
    assert_diff(PROFILE "[upkeep]\nname = demo\nroot = .\n[app:a]\ncommand = a\n", PROFILE "[app:a]\ncommand = a\n",
                "");
    assert_diff("[app:a]\ncommand = a\n[app:a@staging]\nport = 80\n", PROFILE "[app:a]\ncommand = a\nport = 80\n", "");
}

static void test_apps_come_and_go(void **state) {
    (void)state;
    assert_diff(TWO, PROFILE "[app:b]\ncommand = b\n[app:c]\ncommand = c\n", "c is new\na is gone\n");
    /* A renamed app is one that is gone and one that is new. */
    assert_diff(PROFILE "[app:a]\ncommand = a\n", PROFILE "[app:web]\ncommand = a\n", "web is new\na is gone\n");
}

static void test_keys_say_what_they_take(void **state) {
    (void)state;
    assert_diff(TWO, PROFILE "[app:a]\ncommand = a --fast\nport = 80\n[app:b]\ncommand = b\n",
                "a needs a start: command, port\n");
    assert_diff(TWO, PROFILE "[app:a]\ncommand = a\nkill_timeout = 1m\nrestart = never\n[app:b]\ncommand = b\n",
                "a at once: restart, kill_timeout\n");
    assert_diff(TWO, PROFILE "[app:a]\ncommand = aa\nkill_timeout = 1m\n[app:b]\ncommand = b\ndepends_on = a\n",
                "a needs a start: command, kill_timeout\nb at once: depends_on\n");
    assert_diff(TWO, TWO "[defaults]\nkill_timeout = 20s\n", "a at once: kill_timeout\nb at once: kill_timeout\n");
}

static void test_environment(void **state) {
    (void)state;
    assert_diff(TWO, TWO "[defaults]\nenv = A=1\n", "a needs a start: env\nb needs a start: env\n");
    assert_diff(TWO "[app:a@staging]\nenv = A=1\n", TWO "[app:a@staging]\nenv = A=2\nenv_file = .env\n",
                "a needs a start: env, env_file\n");
    /* The same line in another layer is another environment. */
    assert_diff(TWO "[app:a@staging]\nenv = A=1\n", PROFILE "[app:a]\ncommand = a\nenv = A=1\n[app:b]\ncommand = b\n",
                "a needs a start: env\n");
}

static void test_what_only_a_new_supervisor_takes(void **state) {
    (void)state;
    assert_diff(TWO, TWO "[upkeep]\nroot = ..\nstop_order = parallel\n",
                "[upkeep] needs a new supervisor: name, root, runtime_dir, log_dir\n[upkeep] at once: stop_order\n");
    assert_diff(TWO, TWO "[upkeep]\nexit_when_done = yes\non_failure = exit\n",
                "[upkeep] at once: on_failure, exit_when_done\n");
}

/* A set of keys is a word of 64 bits. */
static void test_there_is_room_for_all_keys(void **state) {
    (void)state;
    assert_true(manifest_app_key_count <= 64);
    assert_true(manifest_supervisor_key_count <= 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_means_the_same_is_no_change), cmocka_unit_test(test_apps_come_and_go),
        cmocka_unit_test(test_keys_say_what_they_take),          cmocka_unit_test(test_environment),
        cmocka_unit_test(test_what_only_a_new_supervisor_takes), cmocka_unit_test(test_there_is_room_for_all_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
