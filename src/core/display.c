#include "core/display.h"

#include <string.h>

#include "core/columns.h"

/* Those that can be read on a light and on a dark background. */
static const char *const display_colours[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m",
                                              "\033[34m", "\033[96m", "\033[92m", "\033[95m"};
static const char display_reset[] = "\033[0m";

static void display_prefix(const struct display *display, unsigned app, const char *name, struct text *out) {
    if (display->has_colour)
        text_str(out, display_colours[app % (sizeof display_colours / sizeof *display_colours)]);
    size_t len = strlen(name);
    text_append(out, name, len);
    for (; len < display->name_width; len++)
        text_char(out, ' ');
    text_str(out, " |");
    if (display->has_colour)
        text_str(out, display_reset);
    text_char(out, ' ');
}

void display_line(const struct display *display, unsigned app, const char *name, const char *line, size_t len,
                  struct text *out) {
    if (display->has_prefix)
        display_prefix(display, app, name, out);
    if (display->is_terminal)
        display_clean(line, len, out);
    else
        text_append(out, line, len);
    text_char(out, '\n');
}

static bool display_is_harmless(unsigned char c) {
    return (c >= 0x20 && c != 0x7F && c != 0xC2) || c == '\t';
}

/* Colours and other attributes: CSI … m. */
static bool display_is_colour(const char *escape, size_t len) {
    return len >= 3 && escape[1] == '[' && escape[len - 1] == 'm';
}

/* U+0080 … U+009F: terminals take these for control characters too. */
static bool display_is_c1(const char *bytes, size_t len) {
    return len >= 2 && bytes[0] == '\xC2' && (unsigned char)bytes[1] >= 0x80 && (unsigned char)bytes[1] < 0xA0;
}

/* How many bytes at the start of bytes (len > 0) are not to be shown; 0: the first is. */
static size_t display_skip(const char *bytes, size_t len, bool *is_coloured) {
    if (bytes[0] != '\033')
        return display_is_c1(bytes, len) ? 2 : bytes[0] != '\xC2';
    size_t span = columns_escape_span(bytes, len);
    if (!display_is_colour(bytes, span))
        return span;
    *is_coloured = true;
    return 0;
}

void display_clean(const char *line, size_t len, struct text *out) {
    while (len > 0 && line[len - 1] == '\r')
        len--;
    const char *overwritten = memrchr(line, '\r', len);
    if (overwritten) {
        len -= (size_t)(overwritten + 1 - line);
        line = overwritten + 1;
    }
    bool is_coloured = false;
    size_t shown = 0; /* what is before this was dealt with */
    for (size_t i = 0; i < len;) {
        size_t skip = display_is_harmless((unsigned char)line[i]) ? 0 : display_skip(line + i, len - i, &is_coloured);
        if (skip > 0) {
            text_append(out, line + shown, i - shown);
            shown = i + skip;
        }
        i += skip > 0 ? skip : 1;
    }
    text_append(out, line + shown, len - shown);
    if (is_coloured)
        text_str(out, display_reset);
}
