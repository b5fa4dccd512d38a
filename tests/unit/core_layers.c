/* The layers of an app's environment, read from whole manifests over files that exist only here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/layers.h"

/* A file that can be read; bytes NULL: reading it gives -error. */
struct file {
    const char *path;
    const char *bytes;
    int error;
};

static const struct file files[] = {
    {"/srv/demo/.env", "FROM=file\nSHARED=file\nBASE=${HOME}/base\n", 0},
    {"/srv/demo/.env.staging", "\nFROM=staging\nKEY=\"${SHARED}\"\n", 0},
    {"/srv/demo/a b.env", "SPACED=1\n", 0},
    {"/home/me/.env", "PRIVATE=1\n", 0},
    {"/etc/app.env", "ABSOLUTE=1\n", 0},
    {"/srv/demo/empty.env", NULL, 0},
    {"/srv/demo/bad.env", "GOOD=1\nhunter2\nKEY='hunter2\n", 0},
    {"/srv/demo/secret.env", NULL, -EACCES},
};

struct fixture {
    struct manifest manifest;
    struct env inherited;
    struct env env;
    struct diags diags;
    struct text said;
    unsigned reads;
};

static int read_file(void *context, const char *path, char **bytes_out, size_t *len_out) {
    struct fixture *f = context;
    f->reads++;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(files[i].path, path) != 0)
            continue;
        if (files[i].error)
            return files[i].error;
        *bytes_out = files[i].bytes ? strdup(files[i].bytes) : NULL;
        *len_out = files[i].bytes ? strlen(files[i].bytes) : 0;
        return 0;
    }
    return -ENOENT;
}

static int setup(void **state) {
    static char *const environment[] = {
        (char *)"HOME=/home/me",
        (char *)"FROM=shell",
        (char *)"SHELL_ONLY=1",
        (char *)"STAGE=staging",
        (char *)"PORT=1",
        (char *)"NOTIFY_SOCKET=/run/x",
        (char *)"WATCHDOG_PID=1",
        (char *)"WATCHDOG_USEC=1",
        (char *)"LISTEN_PID=1",
        (char *)"LISTEN_FDS=1",
        (char *)"LISTEN_FDNAMES=x",
        (char *)"LISTEN_PIDFDID=1",
        (char *)"JOURNAL_STREAM=8:1",
        (char *)"UPKEEP_INSTANCE=1",
        (char *)"UPKEEP_PROFILE=x",
        (char *)"LISTEN_ADDRESS=mine",
        (char *)"NOTIFY_SOCKET_DIR=me",
        (char *)"BASH_FUNC_f%%=() {}",
        NULL,
    };
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return f && env_import(&f->inherited, environment, ENV_ORIGIN_INHERITED) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    manifest_fini(&f->manifest);
    env_fini(&f->inherited);
    env_fini(&f->env);
    diags_fini(&f->diags);
    text_fini(&f->said);
    free(f);
    return 0;
}

static const char *said(struct fixture *f) {
    text_clear(&f->said);
    for (size_t i = 0; i < f->diags.count; i++) {
        diag_print(&f->diags.list[i], &f->said);
        text_char(&f->said, '\n');
    }
    return text_get(&f->said);
}

static bool build(struct fixture *f, const char *profile, const char *manifest) {
    manifest_fini(&f->manifest);
    diags_fini(&f->diags);
    if (!manifest_parse(manifest, strlen(manifest), "upkeep.ini", "/srv/demo", profile, &f->inherited, &f->manifest,
                        &f->diags))
        fail_msg("the manifest: %s", said(f));
    const struct manifest_app *app = manifest_find(&f->manifest, "a");
    assert_non_null(app);
    bool is_good = layers_build(&f->manifest, app, &f->inherited, read_file, f, &f->env, &f->diags);
    assert_int_equal(is_good, f->diags.errors == 0);
    return is_good;
}

static void expect(struct fixture *f, const char *name, const char *value) {
    const char *found = env_get(&f->env, name);
    if (!found || strcmp(found, value) != 0)
        fail_msg("%s is [%s], not [%s]; %s", name, found ? found : "not set", value, said(f));
}

static void expect_origin(struct fixture *f, const char *name, const char *origin, unsigned line) {
    const struct env_var *var = env_find(&f->env, name);
    assert_non_null(var);
    assert_string_equal(var->origin, origin);
    assert_int_equal(var->line, line);
}

static void test_what_is_inherited(void **state) {
    struct fixture *f = *state;
    assert_true(build(f, NULL, "[app:a]\ncommand = x\n"));
    static const char *const stripped[] = {"NOTIFY_SOCKET",   "WATCHDOG_PID",   "WATCHDOG_USEC",  "LISTEN_PID",
                                           "LISTEN_FDS",      "LISTEN_FDNAMES", "LISTEN_PIDFDID", "JOURNAL_STREAM",
                                           "UPKEEP_INSTANCE", "UPKEEP_PROFILE"};
    for (size_t i = 0; i < sizeof(stripped) / sizeof(stripped[0]); i++)
        assert_null(env_get(&f->env, stripped[i]));
    expect(f, "SHELL_ONLY", "1");
    expect(f, "LISTEN_ADDRESS", "mine"); /* not a name of the service manager's */
    expect(f, "NOTIFY_SOCKET_DIR", "me");
    expect(f, "BASH_FUNC_f%%", "() {}");
    expect(f, "PORT", "1");
    expect_origin(f, "SHELL_ONLY", ENV_ORIGIN_INHERITED, 0);
    assert_int_equal(f->env.count, f->inherited.count - sizeof(stripped) / sizeof(stripped[0]));
}

static void test_inherit_env(void **state) {
    struct fixture *f = *state;
    assert_true(build(f, NULL, "[app:a]\ncommand = x\ninherit_env = no\nenv = ONLY=1\n"));
    assert_int_equal(f->env.count, 1);
    expect(f, "ONLY", "1");
    assert_true(build(f, NULL, "[defaults]\ninherit_env = no\n[app:a]\ncommand = x\n"));
    assert_int_equal(f->env.count, 0);
    assert_true(build(f, NULL, "[defaults]\ninherit_env = no\n[app:a]\ncommand = x\ninherit_env = ${SHELL_ONLY}\n"));
    expect(f, "SHELL_ONLY", "1");
    assert_false(build(f, NULL, "[app:a]\ncommand = x\ninherit_env = ${STAGE}\n"));
    assert_string_equal(said(f), "upkeep.ini:3: inherit_env: \"${STAGE}\" is neither true nor false (true/false, "
                                 "yes/no, on/off, 1/0)\n");
}

/* Each layer sets LAST, and its own name; the last one wins and every other one is seen. */
static void test_order(void **state) {
    struct fixture *f = *state;
    static const char manifest[] = "[defaults]\n"
                                   "env_file = .env\n"
                                   "env =\n"
                                   "  FROM=defaults\n"
                                   "  DEFAULTS=${SHARED}\n"
                                   "[defaults@prod]\n"
                                   "env = FROM=defaults@prod\n"
                                   "[app:a]\n"
                                   "command = x\n"
                                   "env_file = .env.staging\n"
                                   "env = SEEN=${FROM}\n"
                                   "[app:a@prod]\n"
                                   "env =\n"
                                   "  WAS=${SEEN}\n"
                                   "  FROM=app@prod\n";
    assert_true(build(f, NULL, manifest));
    expect(f, "FROM", "staging");
    expect(f, "DEFAULTS", "file");
    expect(f, "BASE", "/home/me/base");
    expect(f, "KEY", "file");
    expect(f, "SEEN", "staging");
    assert_null(env_get(&f->env, "WAS"));
    expect_origin(f, "FROM", ".env.staging", 2);
    expect_origin(f, "BASE", ".env", 3);
    expect_origin(f, "DEFAULTS", "upkeep.ini", 5);
    expect_origin(f, "SEEN", "upkeep.ini", 11);

    assert_true(build(f, "prod", manifest));
    expect(f, "WAS", "staging");
    expect(f, "FROM", "app@prod");
    expect_origin(f, "FROM", "upkeep.ini", 15);
}

static void test_env_file_forms(void **state) {
    struct fixture *f = *state;
    assert_true(build(f, NULL,
                      "[app:a]\ncommand = x\nenv_file = .env, ?missing.env,a b.env ,\n  ~/.env\n\n  ? also_missing\n"
                      "  .env.${STAGE}\n  /etc/app.env\n  empty.env\n"));
    expect(f, "SPACED", "1");
    expect(f, "PRIVATE", "1");
    expect(f, "ABSOLUTE", "1");
    expect(f, "FROM", "staging"); /* later files win */
    expect_origin(f, "FROM", ".env.staging", 2);
    expect_origin(f, "PRIVATE", "~/.env", 1);
    assert_int_equal(f->reads, 8);
}

/* Origins outlive the manifest, which may be swapped for a new one while the app runs on. */
static void test_origins_are_envs_own(void **state) {
    struct fixture *f = *state;
    assert_true(build(f, NULL, "[app:a]\ncommand = x\nenv_file = .env\nenv = MINE=1\nport = 80\n"));
    manifest_fini(&f->manifest);
    f->manifest = (struct manifest){0};
    expect_origin(f, "MINE", "upkeep.ini", 4);
    expect_origin(f, "PORT", "upkeep.ini", 5);
    expect_origin(f, "FROM", ".env", 1);
}

static void test_file_errors(void **state) {
    struct fixture *f = *state;
    assert_false(build(f, NULL,
                       "[app:a]\ncommand = x\nenv_file =\n  missing.env\n  ?secret.env\n  bad.env\n  ${NOTHING}\n"
                       "  ${SHELL_ONLY:+}\nenv = AFTER=1\n"));
    assert_string_equal(said(f), "upkeep.ini:4: cannot read missing.env: No such file or directory\n"
                                 "upkeep.ini:5: cannot read secret.env: Permission denied\n"
                                 "bad.env:2: not KEY=VALUE\n"
                                 "bad.env:3: KEY: a single quote (') is never closed\n"
                                 "upkeep.ini:7: env_file: NOTHING is not set (${NOTHING:-} if it may be empty)\n"
                                 "upkeep.ini:8: env_file: an empty name\n");
    expect(f, "AFTER", "1"); /* what is good is there, for those who show it */
}

static void test_env_errors(void **state) {
    struct fixture *f = *state;
    assert_false(build(f, NULL, "[app:a]\ncommand = x\nenv =\n  A=1\n  B=${NOTHING}\n"));
    assert_string_equal(said(f), "upkeep.ini:5: env: B: NOTHING is not set (${NOTHING:-} if it may be empty)\n");
    expect(f, "A", "1");
}

static void test_port(void **state) {
    struct fixture *f = *state;
    assert_true(build(f, NULL, "[app:a]\ncommand = x\nport = 14200\nenv =\n  PORT=9\n  SEEN=${PORT}\n"));
    expect(f, "PORT", "14200");
    expect(f, "SEEN", "9");
    expect_origin(f, "PORT", "upkeep.ini", 3);
    assert_true(build(f, NULL, "[app:a]\ncommand = x\nport = ${BASE}1\nenv = BASE=808\n"));
    expect(f, "PORT", "8081");
    assert_true(build(f, NULL, "[app:a]\ncommand = x\nport = ${BASE}\nenv = BASE=0080\n"));
    expect(f, "PORT", "80");
    assert_false(build(f, NULL, "[app:a]\ncommand = x\nport = ${STAGE}\n"));
    assert_string_equal(said(f), "upkeep.ini:3: port: \"${STAGE}\" is not a whole number\n");
    assert_false(build(f, NULL, "[app:a]\ncommand = x\nport = ${NOTHING}\n"));
    assert_string_equal(said(f), "upkeep.ini:3: port: NOTHING is not set (${NOTHING:-} if it may be empty)\n");
}

/* Every start builds anew: the same content and no memory more. */
static void test_building_again(void **state) {
    struct fixture *f = *state;
    static const char manifest[] = "[app:a]\ncommand = x\nenv_file = .env\nenv = A=${FROM}${FROM}\nport = 80\n";
    assert_true(build(f, NULL, manifest));
    size_t count = f->env.count;
    const char *assignment = env_find(&f->env, "A")->assignment;
    for (int i = 0; i < 20; i++) {
        assert_true(build(f, NULL, manifest));
        assert_int_equal(f->env.count, count);
        assert_ptr_equal(env_find(&f->env, "A")->assignment, assignment);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_what_is_inherited),    TEST(test_inherit_env), TEST(test_order),      TEST(test_env_file_forms),
        TEST(test_origins_are_envs_own), TEST(test_file_errors), TEST(test_env_errors), TEST(test_port),
        TEST(test_building_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
