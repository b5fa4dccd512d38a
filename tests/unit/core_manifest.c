/* The model, the key table and the typed values. What is printed and what is said of mistakes is in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/manifest.h"
#include "core/manifest_keys.h"
#include "core/manifest_value.h"

struct fixture {
    struct env env;
    struct manifest manifest;
    struct diags diags;
    struct app_config config;
    struct text said;
};

static void clear(struct fixture *f) {
    app_config_fini(&f->config);
    manifest_fini(&f->manifest);
    diags_fini(&f->diags);
    text_fini(&f->said);
}

static int setup(void **state) {
    static char *environment[] = {"HOME=/home/dev", "WHO=me", NULL};
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return f && env_import(&f->env, environment, ENV_ORIGIN_INHERITED) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    clear(f);
    env_fini(&f->env);
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

static bool parse_in(struct fixture *f, const char *string, const char *dir, const char *profile) {
    clear(f);
    return manifest_parse(string, strlen(string), "m", dir, profile, &f->env, &f->manifest, &f->diags);
}

static bool parse(struct fixture *f, const char *string) {
    return parse_in(f, string, "/srv/demo", NULL);
}

static void must_parse(struct fixture *f, const char *string) {
    if (!parse(f, string))
        fail_msg("%s", said(f));
}

static bool resolve(struct fixture *f, const char *name) {
    app_config_fini(&f->config);
    const struct manifest_app *app = manifest_find(&f->manifest, name);
    assert_non_null(app);
    return manifest_resolve(&f->manifest, app, &f->env, &f->config, &f->diags);
}

/* The config of app `a`. */
static const struct app_config *config_of(struct fixture *f, const char *string) {
    must_parse(f, string);
    if (!resolve(f, "a"))
        fail_msg("%s", said(f));
    return &f->config;
}

static void set(struct fixture *f, const char *name, const char *value) {
    assert_true(env_set(&f->env, name, strlen(name), value, "test", 0));
}

static void defaults(void **state) {
    struct fixture *f = *state;
    const struct app_config *config = config_of(f, "[app:a]\ncommand = x y\n");
    assert_string_equal(config->command, "x y");
    assert_null(config->cwd);
    assert_false(config->shell);
    assert_int_equal(config->type, APP_SERVICE);
    assert_true(config->autostart);
    assert_true(config->inherit_env);
    assert_int_equal(config->port, 0);
    assert_int_equal(config->ready.kind, CONDITION_SPAWNED);
    assert_int_equal(config->ready_timeout_ms, 30000);
    assert_true(config->ready_owner);
    assert_int_equal(config->restart, RESTART_ALWAYS);
    assert_int_equal(config->success_exit_codes.codes[0], 1);
    assert_int_equal(config->restart_delay_ms, 100);
    assert_int_equal(config->restart_delay_max_ms, 30000);
    assert_int_equal(config->min_uptime_ms, 10000);
    assert_int_equal(config->max_restarts, 10);
    assert_int_equal(config->restart_window_ms, 300000);
    assert_int_equal(config->stop_signal, 15);
    assert_null(config->stop_command);
    assert_int_equal(config->kill_timeout_ms, 10000);
    assert_int_equal(config->kill_mode, KILL_TREE);
    assert_int_equal(config->stdout_target.kind, LOG_TO_FILE);
    assert_null(config->stdout_target.path);
    assert_int_equal(config->stderr_target.kind, LOG_TO_STDOUT);
    assert_int_equal(config->log_format, LOG_RAW);

    const struct supervisor_config *supervisor = &f->manifest.supervisor;
    assert_string_equal(supervisor->name, "demo");
    assert_string_equal(supervisor->root, "/srv/demo");
    assert_string_equal(supervisor->runtime_dir, "/srv/demo/.upkeep");
    assert_string_equal(supervisor->log_dir, "/srv/demo/logs");
    assert_int_equal(supervisor->socket_mode, 0600);
    assert_null(supervisor->socket_group);
    assert_int_equal(supervisor->on_failure, ON_FAILURE_KEEP);
    assert_false(supervisor->exit_when_done);
    assert_int_equal(supervisor->stop_order, STOP_REVERSE);
    assert_int_equal(supervisor->ready_when, READY_WHEN_ALL);
}

static void readiness_by_default(void **state) {
    struct fixture *f = *state;
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\nport = 80\n")->ready.kind, CONDITION_PORT);
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\nport = ${P:-80}\n")->ready.kind, CONDITION_PORT);
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\ntype = oneshot\nport = 80\n")->ready.kind, CONDITION_EXIT);
}

static void oneshots_have_no_limit_unless_written(void **state) {
    struct fixture *f = *state;
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\ntype = oneshot\n")->ready_timeout_ms, 0);
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\ntype = oneshot\nready_timeout = 30s\n")->ready_timeout_ms,
                     30000);
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\ntype = ${T:-oneshot}\n")->ready_timeout_ms, 0);
}

static void the_longest_delay_follows(void **state) {
    struct fixture *f = *state;
    assert_int_equal(config_of(f, "[app:a]\ncommand = x\nrestart_delay = 1m\n")->restart_delay_max_ms, 60000);
    assert_false(parse(f, "[app:a]\ncommand = x\nrestart_delay = 1m\nrestart_delay_max = 1s\n"));
}

static void profiles_and_defaults_apply(void **state) {
    struct fixture *f = *state;
    static const char string[] = "[defaults]\nport = 1\ncwd = d\nenv = A=1\n"
                                 "[app:b@p]\ncommand = only here\n"
                                 "[app:a]\ncommand = base\ncwd = a\nenv = B=1\n"
                                 "[app:a@p]\ncommand = profile\nenv = C=1\n"
                                 "[defaults@p]\nport = 2\n"
                                 "[app:c@q]\ncommand = elsewhere\n"
                                 "[upkeep@p]\nname = changed\n";
    must_parse(f, string);
    assert_int_equal(f->manifest.app_count, 1);
    assert_string_equal(manifest_setting(&f->manifest.apps[0], "command").text, "base");
    assert_int_equal(manifest_setting(&f->manifest.apps[0], "command").line, 8);
    assert_string_equal(manifest_setting(&f->manifest.apps[0], "port").text, "1");
    assert_null(manifest_setting(&f->manifest.apps[0], "ready").text);

    assert_true(parse_in(f, string, "/srv/demo", "p"));
    assert_string_equal(f->manifest.profile, "p");
    assert_string_equal(f->manifest.supervisor.name, "changed");
    assert_int_equal(f->manifest.app_count, 2);
    assert_string_equal(f->manifest.apps[0].name, "b");
    const struct manifest_app *app = manifest_find(&f->manifest, "a");
    assert_int_equal(app->line, 7);
    assert_string_equal(manifest_setting(app, "command").text, "profile");
    assert_string_equal(manifest_setting(app, "cwd").text, "a");
    assert_string_equal(manifest_setting(app, "port").text, "2");
    assert_string_equal(app->layers[MANIFEST_LAYER_DEFAULTS].env.text, "A=1");
    assert_null(app->layers[MANIFEST_LAYER_DEFAULTS_PROFILE].env.text);
    assert_string_equal(app->layers[MANIFEST_LAYER_APP].env.text, "B=1");
    assert_string_equal(app->layers[MANIFEST_LAYER_APP_PROFILE].env.text, "C=1");
    assert_int_equal(app->layers[MANIFEST_LAYER_APP_PROFILE].env.line, 13);
    assert_null(manifest_find(&f->manifest, "c"));

    assert_false(parse_in(f, string, "/srv/demo", "r"));
    assert_string_equal(said(f), "m: no section is for the profile r (there are: p, q)\n");
}

static void settings_know_their_lines(void **state) {
    struct fixture *f = *state;
    must_parse(f, "[app:a]\ncommand = x\npre_start =\n  one\n  # two\n\n  three\n");
    struct setting setting = manifest_setting(&f->manifest.apps[0], "pre_start");
    assert_string_equal(setting.text, "\none\n\n\nthree");
    assert_int_equal(setting.line, 3);
    assert_true(resolve(f, "a"));
    assert_int_equal(f->config.pre_start.count, 2);
    assert_string_equal(f->config.pre_start.items[1], "three");
}

static void folders_are_absolute(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *root, *runtime_dir, *log_dir;
        const char *expected_root, *expected_runtime_dir, *expected_log_dir, *expected_name;
    } rows[] = {
        {".", ".upkeep", "logs", "/srv/a", "/srv/a/.upkeep", "/srv/a/logs", "a"},
        {"./b//c/", "/run/x/", "~/logs", "/srv/a/b/c", "/run/x", "/home/dev/logs", "c"},
        {"..", "r", "../l", "/srv/a/..", "/srv/a/../r", "/srv/a/../../l", "srv"},
        {"../..", "r", "l", "/srv/a/../..", "/srv/a/../../r", "/srv/a/../../l", "upkeep"},
        {"../b/..", "r", "l", "/srv/a/../b/..", "/srv/a/../b/../r", "/srv/a/../b/../l", "srv"},
        {"/", "r", "l", "/", "/r", "/l", "upkeep"},
        {"~/p", "r", "l", "/home/dev/p", "/home/dev/p/r", "/home/dev/p/l", "p"},
        {"~x", "${WHO}", "l", "/srv/a/~x", "/srv/a/~x/me", "/srv/a/~x/l", "~x"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char string[256];
        (void)snprintf(string, sizeof(string), "[upkeep]\nroot=%s\nruntime_dir=%s\nlog_dir=%s\n[app:a]\ncommand=x\n",
                       rows[i].root, rows[i].runtime_dir, rows[i].log_dir);
        assert_true(parse_in(f, string, "/srv/a", NULL));
        assert_string_equal(f->manifest.supervisor.root, rows[i].expected_root);
        assert_string_equal(f->manifest.supervisor.runtime_dir, rows[i].expected_runtime_dir);
        assert_string_equal(f->manifest.supervisor.log_dir, rows[i].expected_log_dir);
        assert_string_equal(f->manifest.supervisor.name, rows[i].expected_name);
    }
}

static void values_are_filled_in(void **state) {
    struct fixture *f = *state;
    must_parse(f, "[app:a]\ncommand = run ${WHO} $WHO $${WHO}\nport = ${P}\npre_start =\n  one ${WHO}\n  two\n"
                  "ready = log:^${WHO}$\n");
    set(f, "P", "8080");
    assert_true(resolve(f, "a"));
    assert_string_equal(f->config.command, "run me $WHO ${WHO}");
    assert_int_equal(f->config.port, 8080);
    assert_string_equal(f->config.pre_start.items[0], "one me");
    assert_string_equal(f->config.ready.path, "^me$");
}

/* What the environment gives is judged with the same words, but not shown: it may be a secret. */
static void filled_values_are_judged_unseen(void **state) {
    struct fixture *f = *state;
    must_parse(f,
               "[app:a]\ncommand = ${CMD}\nport = ${P}\nkill_timeout = ${T}\nshell = x${S}y\npre_start =\n  a\n  ${Q}\n"
               "success_exit_codes = 0\n  ${E}\n");
    set(f, "CMD", "");
    set(f, "P", "hunter2");
    set(f, "T", "hunter2 and a long one, far longer than what is ever quoted of a value in a message");
    set(f, "S", "hunter2");
    set(f, "Q", "echo \"hunter2");
    set(f, "E", "hunter2");
    assert_false(resolve(f, "a"));
    assert_null(strstr(said(f), "hunter"));
    assert_string_equal(said(f), "m:5: shell: \"x${S}y\" is neither true nor false (true/false, yes/no, on/off, 1/0)\n"
                                 "m:2: command: is empty\n"
                                 "m:3: port: \"${P}\" is not a whole number\n"
                                 "m:10: success_exit_codes: \"${E}\" is not a signal\n"
                                 "m:4: kill_timeout: \"${T}\" is not a duration (250ms, 5s, 1m30s, 2h, 1d)\n");
    assert_null(f->config.command);
}

static void unset_variables_are_mistakes(void **state) {
    struct fixture *f = *state;
    must_parse(f, "[app:a]\ncommand = ${UNSET}\n");
    assert_false(resolve(f, "a"));
    assert_string_equal(said(f), "m:2: command: UNSET is not set (${UNSET:-} if it may be empty)\n");
}

static void rules_wait_for_values(void **state) {
    struct fixture *f = *state;
    must_parse(f, "[app:a]\ncommand = x\ntype = ${T}\nready = exit\nrestart_delay = ${D}\nrestart_delay_max = 1s\n");
    set(f, "T", "service");
    set(f, "D", "2s");
    assert_false(resolve(f, "a"));
    assert_string_equal(said(f), "m:4: ready: exit is for type = oneshot\n"
                                 "m:6: restart_delay_max: is less than restart_delay\n");
}

static void log_needs_a_stream(void **state) {
    struct fixture *f = *state;
    assert_true(parse(f, "[app:a]\ncommand = x\nready = log:up\nstdout = null\nstderr = a.err\n"));
    assert_false(parse(f, "[app:a]\ncommand = x\nready = log:up\nstdout = null\nstderr = inherit\n"));
    assert_string_equal(said(f), "m:3: ready: log: reads what goes to a file, and neither stdout nor stderr does\n");
}

static void shell_commands_are_the_shells(void **state) {
    struct fixture *f = *state;
    assert_true(parse(f, "[app:a]\nshell = true\ncommand = echo \"it's\n  two\"\npre_start = 'x\nstop_command = \"\n"));
    assert_false(parse(f, "[app:a]\ncommand = echo \"\n"));
    must_parse(f, "[app:a]\nshell = ${S}\ncommand = echo '\n"); /* nobody knows yet */
    set(f, "S", "no");
    assert_false(resolve(f, "a"));
    set(f, "S", "yes");
    assert_true(resolve(f, "a"));
}

static void names(void **state) {
    (void)state;
    char longest[LIMIT_NAME + 2];
    memset(longest, 'x', sizeof(longest));
    longest[LIMIT_NAME + 1] = '\0';
    assert_false(manifest_is_name(longest));
    longest[LIMIT_NAME] = '\0';
    assert_true(manifest_is_name(longest));
    assert_true(manifest_is_name("Web_2-b"));
    assert_false(manifest_is_name(""));
    assert_false(manifest_is_name("a.1"));
    assert_false(manifest_is_name("\xc3\xa4"));
}

static void many_apps_stay_small(void **state) {
    struct fixture *f = *state;
    struct text text = {0};
    enum { APPS = 1000 };
    text_str(&text, "[defaults]\nkill_timeout = 3s\n");
    for (int i = 0; i < APPS; i++)
        text_printf(&text, "[app:app-%d]\ncommand = node server.js\nport = %d\ndepends_on = app-%d\n", i, 1000 + i,
                    i + 1);
    text_printf(&text, "[app:app-%d]\ncommand = x\n", APPS);
    must_parse(f, text_get(&text));
    text_fini(&text);
    assert_int_equal(f->manifest.app_count, APPS + 1);
    assert_ptr_equal(manifest_setting(&f->manifest.apps[0], "kill_timeout").text,
                     manifest_setting(&f->manifest.apps[APPS], "kill_timeout").text);
}

static void too_many_sections_are_refused(void **state) {
    struct fixture *f = *state;
    struct text text = {0};
    for (int i = 0; i <= LIMIT_SECTIONS; i++)
        text_printf(&text, "[app:a%d]\ncommand = x\n", i);
    assert_false(parse(f, text_get(&text)));
    assert_string_equal(said(f), "m:16385: more than 8192 sections\n");
    text_fini(&text);
}

/* What is endless is refused in a time that is not. */
static void long_lists_are_refused_at_once(void **state) {
    struct fixture *f = *state;
    struct text text = {0};
    enum { ENTRIES = 100000 };
    text_str(&text, "[app:a]\ncommand = x\ndepends_on =\n");
    for (int i = 0; i < ENTRIES; i++)
        text_printf(&text, "  b%d\n", i);
    text_str(&text, "env =\n");
    for (int i = 0; i < ENTRIES; i++)
        text_printf(&text, "  B%d=1\n", i);
    assert_false(parse(f, text_get(&text)));
    assert_non_null(strstr(said(f), "m:8196: depends_on: more names than a manifest can hold sections\n"));
    assert_non_null(strstr(said(f), "m:104101: env: too many variables\n"));
    text_fini(&text);
}

static void what_is_quoted_is_short(void **state) {
    struct fixture *f = *state;
    struct text text = {0};
    char word[5001];
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    text_printf(&text,
                "%s = 1\n[%s]\n[app:%s]\n[upkeep]\n%s = 1\n%s: 1\n[app:a]\ncommand = x\n%s = 1\ntype = %s\n"
                "depends_on = %s\nport = %s\nstop_signal = %s\nready = %s\nenv = %s=1\n  %s=2\n",
                word, word, word, word, word, word, word, word, word, word, word, word, word);
    assert_false(parse(f, text_get(&text)));
    for (size_t i = 0; i < f->diags.count; i++)
        assert_in_range(strlen(f->diags.list[i].text), 1, 300);
    text_fini(&text);
}

/* The table */

static void each_default_is_canonical(void **state) {
    struct fixture *f = *state;
    const struct manifest_key *tables[] = {manifest_app_keys, manifest_supervisor_keys};
    for (size_t i = 0; i < 2; i++) {
        for (const struct manifest_key *key = tables[i]; key->name; key++) {
            union {
                struct app_config app;
                struct supervisor_config supervisor;
            } config = {0};
            struct text printed = {0};
            struct manifest_value value = {.key = key, .text = key->fallback, .line = 1, .diags = &f->diags};
            assert_int_equal(sizeof(enum app_type), sizeof(unsigned)); /* what parse_choice relies on */
            if (!key->fallback)
                continue;
            assert_int_equal(manifest_value_read(&value, &config), VALUE_GOOD);
            manifest_value_print(key, &config, &printed);
            assert_string_equal(text_get(&printed), key->fallback);
            manifest_value_fini(key, &config);
            text_fini(&printed);
        }
    }
}

static void each_key_is_documented(void **state) {
    struct fixture *f = *state;
    const struct manifest_key *tables[] = {manifest_app_keys, manifest_supervisor_keys};
    for (size_t i = 0; i < 2; i++) {
        for (const struct manifest_key *key = tables[i]; key->name; key++) {
            assert_non_null(key->summary);
            assert_non_null(key->example);
            TEXT_AUTO struct text text = {0};
            if (i == 1)
                text_printf(&text, "[upkeep]\n%s\n[app:x]\ncommand = x\n", key->example);
            else if (*key->example == '[')
                text_str(&text, key->example);
            else
                text_printf(&text, "[app:database]\ncommand = x\n[app:cache]\ncommand = x\n[app:x]\n%s%s\n",
                            strstr(key->example, "command =") == key->example || strstr(key->example, "\ncommand =")
                                ? ""
                                : "command = x\n",
                            key->example);
            if (!parse(f, text_get(&text)))
                fail_msg("%s: %s", key->name, said(f));
            assert_non_null(strstr(key->example, key->name));
        }
    }
}

static void hints_lead_to_keys(void **state) {
    (void)state;
    static const struct {
        const char *name, *hint;
    } rows[] = {
        {"comand", " (did you mean command?)"},
        {"ExecStart", " (here it is called command)"},
        {"socket_mode", " (socket_mode belongs in [upkeep])"},
        {"runtimedir", " (runtime_dir belongs in [upkeep])"},
        {"watch", " (watch is planned: this version does not have it)"},
        {"NODE_ENV", " (a variable is a line of env: env = NODE_ENV=VALUE)"},
        {"env.PORT", " (a variable is a line of env: env = PORT=VALUE)"},
        {"env_staging", " (here it is called env)"},
        {"name", " (an app's name is that of its section, [app:NAME]; name belongs in [upkeep])"},
        {"nothing_like_it_at_all", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        TEXT_AUTO struct text hint = {0};
        (void)manifest_key_hint(manifest_app_keys, rows[i].name, &hint);
        assert_string_equal(text_get(&hint), rows[i].hint);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(readiness_by_default),
        TEST(oneshots_have_no_limit_unless_written),
        TEST(the_longest_delay_follows),
        TEST(profiles_and_defaults_apply),
        TEST(settings_know_their_lines),
        TEST(folders_are_absolute),
        TEST(values_are_filled_in),
        TEST(filled_values_are_judged_unseen),
        TEST(unset_variables_are_mistakes),
        TEST(rules_wait_for_values),
        TEST(log_needs_a_stream),
        TEST(shell_commands_are_the_shells),
        TEST(names),
        TEST(many_apps_stay_small),
        TEST(too_many_sections_are_refused),
        TEST(long_lists_are_refused_at_once),
        TEST(what_is_quoted_is_short),
        TEST(each_default_is_canonical),
        TEST(each_key_is_documented),
        TEST(hints_lead_to_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
