#include "daemon/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "daemon/output.h"

static struct output_hub *say_hub;
static bool say_has_priorities;

/* Whether standard error is the stream that the service manager connected to the journal (systemd.exec(5),
 * JOURNAL_STREAM). */
static bool say_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    unsigned long long dev = 0;
    unsigned long long ino = 0;
    return sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && st.st_dev == dev && st.st_ino == ino;
}

void say_setup(struct output_hub *hub) {
    say_hub = hub;
    say_has_priorities = say_is_journal();
}

static void say_line(enum say_level level, const char *line) {
    if (say_hub) {
        output_hub_say(say_hub, line);
        return;
    }
    struct text text TEXT_AUTO = {0};
    if (say_has_priorities)
        text_printf(&text, "<%d>", (int)level);
    text_printf(&text, "%s\n", line);
    /* Nobody is left to be told when this fails. */
    if (write(STDERR_FILENO, text_get(&text), text.len) < 0)
        return;
}

void say(enum say_level level, const char *app, const char *format, ...) {
    struct text line TEXT_AUTO = {0};
    text_printf(&line, "upkeep: %s%s", app ? app : "", app ? ": " : "");
    va_list args;
    va_start(args, format);
    text_vprintf(&line, format, args);
    va_end(args);
    say_line(level, text_get(&line));
}

void say_block(enum say_level level, char *lines) {
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        say_line(level, line);
}
