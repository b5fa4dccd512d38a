#include "core/prepared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void add(struct prepared *prepared, enum prepared_kind kind, const char *name, const char *content) {
    unsigned char digest[DIGEST_BYTES] = {0}; /* any will do that is another for another content */
    memcpy(digest, content, strlen(content));
    assert_true(prepared_add(prepared, kind, name, digest));
}

static struct prepared example(void) {
    struct prepared prepared = {0};
    add(&prepared, PREPARED_INPUT, "src/b", "b");
    add(&prepared, PREPARED_INPUT, "src/a", "a");
    add(&prepared, PREPARED_ENVIRONMENT, "", "e");
    add(&prepared, PREPARED_COMMANDS, "", "c");
    add(&prepared, PREPARED_FOLDER, "", "f");
    return prepared;
}

static void expect(struct prepared *before, struct prepared *now, size_t differ, const char *why) {
    struct text said TEXT_AUTO = {0};
    prepared_sort(before);
    prepared_sort(now);
    assert_int_equal(prepared_compare(before, now, &said), differ);
    assert_string_equal(text_get(&said), why);
    prepared_fini(now);
}

static void differences_are_named(void **state) {
    (void)state;
    struct prepared before = example();
    struct prepared now = {0};
    add(&now, PREPARED_COMMANDS, "", "c");
    add(&now, PREPARED_FOLDER, "", "f");
    add(&now, PREPARED_ENVIRONMENT, "", "e");
    add(&now, PREPARED_INPUT, "src/a", "a");
    add(&now, PREPARED_INPUT, "src/b", "b");
    add(&now, PREPARED_INPUT, "src/b", "b");
    expect(&before, &now, 0, "");

    now = example();
    add(&now, PREPARED_INPUT, "src/c", "c");
    expect(&before, &now, 1, "src/c is new");

    now = (struct prepared){0};
    add(&now, PREPARED_COMMANDS, "", "c");
    add(&now, PREPARED_FOLDER, "", "f");
    add(&now, PREPARED_ENVIRONMENT, "", "e");
    add(&now, PREPARED_INPUT, "src/b", "b!");
    expect(&before, &now, 2, "src/a is gone (and 1 more)");

    now = example();
    now.list[3].digest[0] ^= 1;
    expect(&before, &now, 1, "its prepare lines, or how they are run, have changed");
    now = example();
    now.list[4].digest[0] ^= 1;
    expect(&before, &now, 1, "its folder is another one");
    now = example();
    now.list[2].digest[0] ^= 1;
    now.list[0].digest[0] ^= 1;
    expect(&before, &now, 2, "its environment in manifest and dotenv files has changed (and 1 more)");
    prepared_fini(&before);
}

static void a_file_gives_the_same_back(void **state) {
    (void)state;
    struct prepared before = example();
    add(&before, PREPARED_INPUT, "new\nline, back\\slash, gr\xC3\xBC\xC3\x9F, \xFF", "x");
    add(&before, PREPARED_INPUT, "n\\n", "x");
    prepared_sort(&before);
    struct text file TEXT_AUTO = {0};
    prepared_print(&before, &file);
    struct prepared now = {0};
    assert_true(prepared_parse(text_get(&file), file.len, &now));
    struct text again TEXT_AUTO = {0};
    prepared_print(&now, &again);
    assert_string_equal(text_get(&again), text_get(&file));
    expect(&before, &now, 0, "");

    /* Cut anywhere, or damaged: no record at all. */
    for (size_t len = 0; len < file.len; len++)
        assert_false(prepared_parse(text_get(&file), len, &now));
    file.data[strlen("upkeep prepared 1\nc ")] = 'x';
    assert_false(prepared_parse(text_get(&file), file.len, &now));
    prepared_fini(&before);
}

static void strangers_are_refused(void **state) {
    (void)state;
    static const char *const files[] = {
        "",
        "end\n",
        "upkeep prepared 2\nend\n",
        "upkeep prepared 1\nc\nend\n",
        "upkeep prepared 1\nx 0000000000000000000000000000000000000000000000000000000000000000 \nend\n",
        "upkeep prepared 1\ni 0000000000000000000000000000000000000000000000000000000000000000 a\\x\nend\n",
        "upkeep prepared 1\nend\nend\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct prepared prepared = {0};
        assert_false(prepared_parse(files[i], strlen(files[i]), &prepared));
        assert_int_equal(prepared.count, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_named),
        cmocka_unit_test(a_file_gives_the_same_back),
        cmocka_unit_test(strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
