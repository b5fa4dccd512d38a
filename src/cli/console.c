#include "cli/console.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/code.h"
#include "core/value.h"

enum { CONSOLE_WIDTH = 80, CONSOLE_HEIGHT = 24 };

/* A terminal that does not know its size (a serial line) may be told it by the shell. */
static size_t console_size(unsigned short known, const char *variable, size_t fallback) {
    if (known > 0)
        return known;
    const char *string = getenv(variable);
    struct text error TEXT_AUTO = {0};
    int64_t value = 0;
    return string && value_parse_int(string, 1, UINT16_MAX, &value, &error) ? (size_t)value : fallback;
}

struct console console_of(int fd) {
    if (!isatty(fd))
        return (struct console){0};
    struct winsize size = {0};
    (void)ioctl(fd, TIOCGWINSZ, &size);
    const char *term = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    bool can_move = term && term[0] && strcmp(term, "dumb") != 0;
    return (struct console){
        .is_terminal = true,
        .colour = can_move && !(no_colour && no_colour[0]),
        .can_move = can_move,
        .width = console_size(size.ws_col, "COLUMNS", CONSOLE_WIDTH),
        .height = console_size(size.ws_row, "LINES", CONSOLE_HEIGHT),
    };
}

struct card_style console_card_style(struct console console) {
    return (struct card_style){.colour = console.colour, .width = console.width};
}

/* Why standard output could not be written to; the stream itself forgets that. */
static int console_errno;

bool console_write(const struct text *text) {
    if (fwrite(text_get(text), 1, text->len, stdout) == text->len && fflush(stdout) == 0)
        return true;
    if (console_errno == 0)
        console_errno = errno;
    return false;
}

/* The alternate screen, without a cursor. */
#define CONSOLE_ENTER "\033[?1049h\033[?25l"
#define CONSOLE_LEAVE "\033[?25h\033[?1049l"

static bool console_is_entered;

void console_enter(void) {
    console_is_entered = true;
    (void)fputs(CONSOLE_ENTER, stdout);
    (void)fflush(stdout);
}

void console_leave(void) {
    if (!console_is_entered)
        return;
    console_is_entered = false;
    (void)fputs(CONSOLE_LEAVE, stdout);
    (void)fflush(stdout);
}

int console_finish(int code) {
    static const struct text nothing;
    if (console_write(&nothing) && console_errno == 0)
        return code;
    enum code failed = code != CODE_DONE ? (enum code)code : CODE_FAILED;
    if (console_errno == EPIPE)
        return (int)failed;
    return code_fail(failed, "cannot write to standard output: %s", strerror(console_errno));
}
