/* What is taken for a placeholder, and, more important, what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/placeholder.h"

static void test_placeholders(void **state) {
    (void)state;
    static const char *const values[] = {
        "changeme",
        "change-me",
        "CHANGE_ME",
        "Change me",
        "changeme123",
        "your-anthropic-api-key-here",
        "your_api_key",
        "YOUR-SECRET-KEY",
        "sk-your-openai-key",
        "your-token-here",
        "xxx",
        "XXXXXXXX",
        "xxxx-xxxx",
        "***",
        "...",
        "???",
        "<token>",
        "<your key>",
        "<ANTHROPIC_API_KEY>",
        "[API_KEY]",
        "{{ secret_key }}",
        "TODO",
        "todo",
        "replace-me",
        "REPLACE_ME",
        "replace_with_your_key",
        "example",
        "example-key",
        "placeholder",
        "insert-key-here",
        "put your key here",
        "sk-...",
        "sk-ant-...",
        "sk-xxxxxxxxxxxx",
        "sk_test_xxxxxxxx",
        "fixme",
        "tbd",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!placeholder_is(values[i]))
            fail_msg("%s is taken for a real value", values[i]);
}

static void test_real_values(void **state) {
    (void)state;
    static const char *const values[] = {
        "",
        "x",
        "xx",
        "0",
        "1",
        "true",
        "none",
        "test",
        "secret",
        "password",
        "postgres",
        "localhost",
        "127.0.0.1",
        "sk-ant-api03-Zk3xxx8fJ2",
        "https://example.com",
        "https://api.example.com/v1",
        "user@example.com",
        "example.com",
        "http://your-domain.org/here",
        "[1,2,3]",
        "[\"a\"]",
        "{\"a\": 1}",
        "{}",
        "[]",
        "[::1]",
        "redis://localhost:6379/0",
        "exchange-media",
        "yourself",
        "yours",
        "todo-list-service",
        "todos",
        "a.b.c",
        "Xx9f",
        "production",
        "staging",
        "*",
        "/srv/app",
        "changes",
        "Hereford",
        "<",
        "<>",
        "<a href=\"x\">y</a>",
        "postgres://app:changeme2x@db/app",
        "my-app",
        "dummy-service.internal",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (placeholder_is(values[i]))
            fail_msg("%s is taken for a placeholder", values[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placeholders),
        cmocka_unit_test(test_real_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
