#include "cli/console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
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

static bool console_is_interrupted(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    sigset_t waiting;
    if (sigpending(&waiting) < 0)
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigismember(&waiting, signals[i]) == 1)
            return true;
    return false;
}

/* Whether standard output takes a piece now. */
static bool console_await(bool is_ending) {
    enum { LOOK_MS = 100, LAST_CHANCE_MS = 250 };
    struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&writable, 1, is_ending ? LAST_CHANCE_MS : 0) > 0)
        return true;
    while (!is_ending && !console_is_interrupted())
        if (poll(&writable, 1, LOOK_MS) > 0)
            return true;
    return false;
}

bool console_stream(const struct text *text, bool is_ending) {
    enum { PIECE = 4096 }; /* a pipe that can be written takes as much */
    for (size_t at = 0; at < text->len;) {
        if (!console_await(is_ending))
            return false;
        size_t left = text->len - at;
        ssize_t n = write(STDOUT_FILENO, text_get(text) + at, left < PIECE ? left : PIECE);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            if (console_errno == 0)
                console_errno = errno;
            return false;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
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

/* The stream with a line that is not ended; NULL: none has one. */
static FILE *console_line;

void console_hold_line(FILE *stream) {
    console_line = stream;
}

bool console_has_line(void) {
    return console_line != NULL;
}

void console_drop_line(void) {
    console_line = NULL;
}

void console_end_line(void) {
    if (!console_line)
        return;
    (void)fputc('\n', console_line);
    (void)fflush(console_line);
    console_line = NULL;
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
