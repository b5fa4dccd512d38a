/* A table for people: columns as wide as what stands in them, fitted to a terminal where there is one. */
#ifndef UPKEEP_CLI_TABLE_H
#define UPKEEP_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

struct table_column {
    const char *title;
    bool right;      /* numbers stand to the right */
    unsigned expend; /* given up when the width does not suffice, the highest first; 0: never */
};

/* Zero-initialised but for columns is empty. The last column takes what is left of a line and is cut there. */
struct table {
    const struct table_column *columns;
    size_t column_count;
    struct table_cell *cells; /* row after row */
    size_t cell_count;
    size_t cell_cap;
    struct text memory; /* the cells' strings, each with its NUL */
    bool failed;        /* out of memory */
};

void table_fini(struct table *table);

/* The next cell. text: copied, made harmless for a terminal. colour: an escape sequence that is a constant, or NULL. */
void table_cell(struct table *table, const char *text, const char *colour);

void table_cell_int(struct table *table, int64_t value);

/* Appends the table. width: in columns; 0: as wide as it is. */
void table_print(const struct table *table, size_t width, bool colour, struct text *out);

#endif
