#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/columns.h"

enum { TABLE_GAP = 2, TABLE_LAST_MIN = 24, TABLE_COLUMNS = 16, TABLE_NUMBER = 24 };

struct table_cell {
    size_t start; /* in memory */
    size_t width;
    const char *colour;
};

void table_fini(struct table *table) {
    free(table->cells);
    text_fini(&table->memory);
    *table = (struct table){0};
}

static bool table_grow(struct table *table) {
    if (table->cell_count < table->cell_cap)
        return true;
    size_t cap = table->cell_cap ? table->cell_cap * 2 : 64;
    struct table_cell *cells = reallocarray(table->cells, cap, sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    table->cell_cap = cap;
    return true;
}

void table_cell(struct table *table, const char *text, const char *colour) {
    if (!table_grow(table)) {
        table->failed = true;
        return;
    }
    size_t start = table->memory.len;
    columns_clean(text, strlen(text), &table->memory);
    size_t width = columns_count(text_get(&table->memory) + start, table->memory.len - start);
    text_char(&table->memory, '\0');
    table->failed = table->failed || table->memory.failed;
    table->cells[table->cell_count++] = (struct table_cell){.start = start, .width = width, .colour = colour};
}

void table_cell_int(struct table *table, int64_t value) {
    char text[TABLE_NUMBER];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    table_cell(table, text, NULL);
}

/* How the table is laid out for one width. A column that is given up has width 0. */
struct layout {
    size_t width[TABLE_COLUMNS];
};

static void table_natural(const struct table *table, struct layout *layout) {
    for (size_t i = 0; i < table->column_count; i++)
        layout->width[i] = strlen(table->columns[i].title);
    size_t c = 0;
    for (size_t i = 0; i < table->cell_count; i++) {
        if (table->cells[i].width > layout->width[c])
            layout->width[c] = table->cells[i].width;
        c = c + 1 < table->column_count ? c + 1 : 0;
    }
}

/* What stands before the last column. */
static size_t table_lead(const struct table *table, const struct layout *layout) {
    size_t sum = 0;
    for (size_t c = 0; c + 1 < table->column_count; c++)
        if (layout->width[c] > 0)
            sum += layout->width[c] + TABLE_GAP;
    return sum;
}

/* The column to give up next; column_count when there is none. */
static size_t table_expendable(const struct table *table, const struct layout *layout) {
    size_t found = table->column_count;
    for (size_t c = 0; c + 1 < table->column_count; c++)
        if (table->columns[c].expend > 0 && layout->width[c] > 0 &&
            (found == table->column_count || table->columns[c].expend > table->columns[found].expend))
            found = c;
    return found;
}

static void table_fit(const struct table *table, size_t width, struct layout *layout) {
    table_natural(table, layout);
    if (width == 0)
        return;
    size_t *last = &layout->width[table->column_count - 1];
    size_t wanted = *last < TABLE_LAST_MIN ? *last : TABLE_LAST_MIN;
    while (table_lead(table, layout) + wanted > width) {
        size_t column = table_expendable(table, layout);
        if (column == table->column_count)
            break;
        layout->width[column] = 0;
    }
    size_t lead = table_lead(table, layout);
    if (lead + *last > width)
        *last = width > lead ? width - lead : 0;
}

static void table_blanks(size_t count, struct text *out) {
    static const char blanks[] = "                                ";
    for (; count > sizeof blanks - 1; count -= sizeof blanks - 1)
        text_append(out, blanks, sizeof blanks - 1);
    text_append(out, blanks, count);
}

/* One line. Blanks owed are written only before something, so that no line ends with one. strings: where the cells'
 * start counts from. */
static void table_line(const struct table *table, const struct layout *layout, const struct table_cell *cells,
                       const char *strings, bool colour, struct text *out) {
    size_t owed = 0;
    for (size_t c = 0; c < table->column_count; c++) {
        size_t width = layout->width[c];
        if (width == 0)
            continue;
        const struct table_cell *cell = &cells[c];
        size_t blanks = cell->width < width ? width - cell->width : 0;
        if (cell->width > 0) {
            table_blanks(owed + (table->columns[c].right ? blanks : 0), out);
            owed = table->columns[c].right ? 0 : blanks;
            bool is_coloured = colour && cell->colour;
            if (is_coloured)
                text_str(out, cell->colour);
            columns_cut(strings + cell->start, width, out);
            if (is_coloured)
                text_str(out, "\033[0m");
        } else {
            owed += width;
        }
        owed += TABLE_GAP;
    }
    text_char(out, '\n');
}

static void table_titles(const struct table *table, const struct layout *layout, bool colour, struct text *out) {
    struct table titles = {.columns = table->columns, .column_count = table->column_count};
    for (size_t c = 0; c < table->column_count; c++)
        table_cell(&titles, table->columns[c].title, "\033[1m");
    if (titles.failed)
        out->failed = true;
    else
        table_line(&titles, layout, titles.cells, text_get(&titles.memory), colour, out);
    table_fini(&titles);
}

void table_print(const struct table *table, size_t width, bool colour, struct text *out) {
    if (table->failed) {
        out->failed = true;
        return;
    }
    struct layout layout = {0};
    table_fit(table, width, &layout);
    table_titles(table, &layout, colour, out);
    for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
        table_line(table, &layout, &table->cells[i], text_get(&table->memory), colour, out);
}
