#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {{"app", false, 0}, {"pid", true, 1}, {"cpu", true, 2}, {"why", false, 0}};

static void fill(struct table *table) {
    *table = (struct table){.columns = columns, .column_count = 4};
    table_cell(table, "größe", NULL);
    table_cell_int(table, 4711);
    table_cell(table, "0.3%", NULL);
    table_cell(table, "port 80 accepts connections", NULL);
    table_cell(table, "web", "\033[32m");
    table_cell(table, "-", NULL);
    table_cell(table, "-", NULL);
    table_cell(table, "", NULL);
}

static void assert_table(size_t width, bool colour, const char *expected) {
    struct table table;
    fill(&table);
    struct text out TEXT_AUTO = {0};
    table_print(&table, width, colour, &out);
    assert_string_equal(text_get(&out), expected);
    table_fini(&table);
}

static void test_plain(void **state) {
    (void)state;
    assert_table(0, false,
                 "app     pid   cpu  why\n"
                 "größe  4711  0.3%  port 80 accepts connections\n"
                 "web       -     -\n");
}

static void test_cut(void **state) {
    (void)state;
    assert_table(45, false,
                 "app     pid   cpu  why\n"
                 "größe  4711  0.3%  port 80 accepts connectio…\n"
                 "web       -     -\n");
}

/* The most expendable column goes first. */
static void test_gives_up_columns(void **state) {
    (void)state;
    assert_table(38, false,
                 "app     pid  why\n"
                 "größe  4711  port 80 accepts connecti…\n"
                 "web       -\n");
    assert_table(32, false,
                 "app    why\n"
                 "größe  port 80 accepts connecti…\n"
                 "web\n");
    assert_table(7, false, "app\ngröße\nweb\n");
}

static void test_colour(void **state) {
    (void)state;
    assert_table(20, true,
                 "\033[1mapp\033[0m    \033[1mwhy\033[0m\n"
                 "größe  port 80 acce…\n"
                 "\033[32mweb\033[0m\n");
}

static void test_harmless(void **state) {
    (void)state;
    static const struct table_column one[] = {{"a", false, 0}};
    struct table table = {.columns = one, .column_count = 1};
    table_cell(&table, "\033[2Jx\ny", NULL);
    struct text out TEXT_AUTO = {0};
    table_print(&table, 0, false, &out);
    assert_string_equal(text_get(&out), "a\nx?y\n");
    table_fini(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),  cmocka_unit_test(test_cut),      cmocka_unit_test(test_gives_up_columns),
        cmocka_unit_test(test_colour), cmocka_unit_test(test_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
