/* How the lines of several apps are shown beside each other: `name | line`, a colour for each app. The same in `run`
 * and in `logs`. */
#ifndef UPKEEP_CORE_DISPLAY_H
#define UPKEEP_CORE_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

struct display {
    bool is_terminal; /* lines are made safe to show: see display_clean */
    bool has_colour;  /* prefixes are coloured */
    bool has_prefix;
    size_t name_width; /* names are padded to this many bytes */
};

/* Appends the line with its newline. app: any number that tells the apps apart. */
void display_line(const struct display *display, unsigned app, const char *name, const char *line, size_t len,
                  struct text *out);

/* Appends what a program wrote, leaving its colours (which end with the line) but nothing that moves the cursor, clears
 * the screen, rings or asks the terminal something. A line that was overwritten by carriage returns is shown as it
 * was in the end. */
void display_clean(const char *line, size_t len, struct text *out);

#endif
