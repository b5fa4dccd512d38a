#include "cli/screen.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/code.h"
#include "core/value.h"

enum { SCREEN_WIDTH = 80, SCREEN_HEIGHT = 24 };

/* A terminal that does not know its size (a serial line) may be told it by the shell. */
static size_t screen_size(unsigned short known, const char *variable, size_t fallback) {
    if (known > 0)
        return known;
    const char *string = getenv(variable);
    struct text error TEXT_AUTO = {0};
    int64_t value = 0;
    return string && value_parse_int(string, 1, UINT16_MAX, &value, &error) ? (size_t)value : fallback;
}

struct screen screen_of(int fd) {
    if (!isatty(fd))
        return (struct screen){0};
    struct winsize size = {0};
    (void)ioctl(fd, TIOCGWINSZ, &size);
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    bool can_move = term && term[0] && strcmp(term, "dumb") != 0;
    return (struct screen){
        .is_terminal = true,
        .colour = can_move && !(no_colour && no_colour[0]),
        .can_move = can_move,
        .width = screen_size(size.ws_col, "COLUMNS", SCREEN_WIDTH),
        .height = screen_size(size.ws_row, "LINES", SCREEN_HEIGHT),
    };
}

struct card_style screen_card_style(struct screen screen) {
    return (struct card_style){.colour = screen.colour, .width = screen.width};
}

bool screen_write(const struct text *text) {
    return fwrite(text_get(text), 1, text->len, stdout) == text->len && fflush(stdout) == 0;
}

int screen_finish(int code) {
    bool broken = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0)
        broken = true;
    if (!broken)
        return code;
    if (errno != 0 && errno != EPIPE)
        return code_fail(code != CODE_DONE ? (enum code)code : CODE_FAILED, "cannot write to standard output: %s",
                         strerror(errno));
    return code != CODE_DONE ? code : CODE_FAILED;
}
