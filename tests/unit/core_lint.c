/* What commands and values give away: the incidents, and what only looks like them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/diag.h"
#include "core/lint.h"
#include "core/rules.h"
#include "core/words.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *development(const char *command) {
    static char what[64];
    struct words words = {0};
    struct text text TEXT_AUTO = {0};
    assert_true(words_split(command, &words, &text));
    bool is = lint_is_development_command(words.list, words.count, &text);
    words_fini(&words);
    strncpy(what, text_get(&text), sizeof what - 1);
    return is ? what : NULL;
}

static void test_development_commands(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"next dev", "next dev"},
        {"node_modules/.bin/next dev -p 3000", "next dev"},
        {"npx next dev", "next dev"},
        {"npm run dev", "npm run dev"},
        {"yarn dev", "yarn dev"},
        {"vite", "vite"},
        {"node_modules/.bin/vite --host", "vite"},
        {"npx vite", "vite"},
        {".venv/bin/uvicorn main:app --reload", "--reload"},
        {"python manage.py runserver 0.0.0.0:8000", "runserver"},
        {"python -m flask run", "flask run"},
        {"fastapi dev main.py", "fastapi dev"},
        {"nodemon server.js", "nodemon"},
    };
    for (size_t i = 0; i < COUNT(pairs); i++)
        assert_string_equal(development(pairs[i][0]), pairs[i][1]);
    static const char *const good[] = {
        "next start",       "npm start",        "node server.js",     "vite build",
        "vite preview",     "uvicorn main:app", "gunicorn shop.wsgi", "npm run develop",
        "cat vite",         "serve dev",        "npm run build",      "python manage.py migrate",
        "flask db upgrade",
    };
    for (size_t i = 0; i < COUNT(good); i++)
        if (development(good[i]))
            fail_msg("%s is taken for development", good[i]);
}

/* What is told of a command by one of the judges that answer with a word; "" for nothing. */
static void told(const char *command, char kind, struct text *out) {
    struct words words = {0};
    const char *folder = NULL;
    const char *found = NULL;
    assert_true(words_split(command, &words, out));
    if (kind == 'n')
        found = lint_npm_script(words.list, words.count, &folder);
    else if (kind == 's')
        found = lint_is_next_start(words.list, words.count, &folder) ? "start" : NULL;
    else if (kind == 'f')
        found = lint_script_file(words.list, words.count);
    else
        (void)lint_is_background(words.list, words.count, out);
    text_str(out, found ? found : "");
    if (folder)
        text_printf(out, " in %s", folder);
    words_fini(&words);
}

static void test_what_commands_run(void **state) {
    (void)state;
    static const struct {
        char kind;
        const char *command;
        const char *expected;
    } rows[] = {
        {'n', "npm start", "start"},
        {'n', "npm run build -- --prefix x", "build"},
        {'n', "npm --prefix web run start", "start in web"},
        {'n', "npm run start --prefix=web", "start in web"},
        {'n', "pnpm -C web start", "start in web"},
        {'n', "yarn --cwd web run serve", "serve in web"},
        {'n', "npm start -w web", ""},
        {'n', "npm ci", ""},
        {'n', "node start", ""},
        {'s', "next start", "start"},
        {'s', "npx next start -p 3000", "start"},
        {'s', "node_modules/.bin/next start --port 3000 web", "start in web"},
        {'s', "next build", ""},
        {'f', "node server.js", "server.js"},
        {'f', "/usr/bin/python3 manage.py migrate", "manage.py"},
        {'f', "node --inspect server.js", ""},
        {'f', "node server", ""},
        {'f', "uvicorn main.py", ""},
        {'b', "gunicorn x:y --daemon", "gunicorn --daemon"},
        {'b', "python -m gunicorn x:y -D", "gunicorn -D"},
        {'b', "redis-server --port 1 --daemonize yes", "redis-server --daemonize yes"},
        {'b', "redis-server --daemonize no", ""},
        {'b', "pm2 start x", "pm2 start"},
        {'b', "pm2 start x --no-daemon", ""},
        {'b', "celery -A shop worker", ""},
        {'b', "uvicorn -D", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text text TEXT_AUTO = {0};
        told(rows[i].command, rows[i].kind, &text);
        assert_string_equal(text_get(&text), rows[i].expected);
    }
}

static void test_development_profiles(void **state) {
    (void)state;
    struct env env = {0};
    assert_true(lint_is_development("dev", "shop-prod", &env));
    assert_true(lint_is_development("dev-anna", NULL, &env));
    assert_true(lint_is_development("Local", NULL, &env));
    assert_false(lint_is_development("staging", "shop-dev", &env));
    assert_false(lint_is_development("device", NULL, &env));
    assert_false(lint_is_development("test-staging", NULL, &env));
    assert_true(lint_is_development(NULL, "shop-dev", &env));
    assert_false(lint_is_development(NULL, "shop", &env));
    assert_true(env_set(&env, "NODE_ENV", 8, "development", ENV_ORIGIN_UPKEEP, 0));
    assert_true(lint_is_development(NULL, "shop", &env));
    assert_false(lint_is_development(NULL, "shop-staging", &env));
    assert_false(lint_is_development("prod", "shop", &env));
    env_fini(&env);
}

static void test_homes(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"/home/anna/shop/.venv/bin/python", "/home/anna"}, {"--dir=/home/anna", "/home/anna"},
        {"PATH=/usr/bin:/home/bo/bin", "/home/bo"},         {"/Users/anna/shop", "/Users/anna"},
        {"sqlite:////home/anna/x.db", "/home/anna"},        {"X=\"/root/x\"", "/root"},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct text home TEXT_AUTO = {0};
        assert_true(lint_has_home(pairs[i][0], &home));
        assert_string_equal(text_get(&home), pairs[i][1]);
    }
    static const char *const good[] = {"/srv/home/anna",
                                       "https://x.org/home/anna",
                                       "~/shop",
                                       "${HOME}/x",
                                       "/home/",
                                       "/home/${USER}/x",
                                       "/roots/x",
                                       "/api/Users/1",
                                       ""};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct text home TEXT_AUTO = {0};
        if (lint_has_home(good[i], &home))
            fail_msg("%s is taken for a home", good[i]);
    }
}

static void test_secrets(void **state) {
    (void)state;
    assert_true(lint_is_secret("ANTHROPIC_API_KEY", "x"));
    assert_true(lint_is_secret("DB_PASSWORD", "x"));
    assert_true(lint_is_secret("DATABASE_URL", "postgres://u:p@h/db"));
    assert_false(lint_is_secret("DATABASE_URL", "postgres://u@h/db"));
    assert_false(lint_is_secret("API_KEY", ""));
    assert_false(lint_is_secret("API_KEY", "example-key-for-a-demo"));
    assert_false(lint_is_secret("NEXT_PUBLIC_KEY", "x"));
    assert_false(lint_is_secret("KEYBOARD", "x"));
    assert_false(lint_is_secret("API_URL", "http://127.0.0.1:80/a:b@c"));
}

static void test_services(void **state) {
    (void)state;
    assert_int_equal(lint_local_service("redis://localhost:6380/0"), 6380);
    assert_int_equal(lint_local_service("redis://:pa@ss@127.0.0.1"), 6379);
    assert_int_equal(lint_local_service("postgresql+asyncpg://u:p@[::1]/db"), 5432);
    assert_int_equal(lint_local_service("redis://cache.internal:6379"), 0);
    assert_int_equal(lint_local_service("http://localhost:8000"), 0);
    assert_int_equal(lint_local_service("redis://localhost.example.org"), 0);
    assert_int_equal(lint_local_service("localhost"), 0);
}

static void test_rules_are_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < rule_count; i++) {
        const struct rule_row *rule = &rule_rows[i];
        assert_non_null(rule->id);
        assert_true(rule->summary && rule->advice && rule->text);
        assert_ptr_equal(rule_find(rule->id), rule);
    }
    assert_string_equal(rule_nearest("dev-comand"), "dev-command");
    assert_null(rule_find("no-such-rule"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_development_commands),
        cmocka_unit_test(test_what_commands_run),
        cmocka_unit_test(test_development_profiles),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_rules_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
