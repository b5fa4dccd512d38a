#include "daemon/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "daemon/output.h"
#include "host/journal.h"
#include "host/terminal.h"

/* How standard error is written to. */
enum say_way { SAY_PLAIN, SAY_WITH_PRIORITY, SAY_TO_JOURNAL };

static struct output_hub *say_hub;
static enum say_way say_way;
static struct terminal *say_stderr; /* NULL: written as it comes */
static size_t say_hidden;           /* lines that nobody took */

static const char SAY_NAME[] = "upkeep";

/* A pipe, a socket or a terminal takes only as much as is read at its other end. */
static bool say_may_block(void) {
    struct stat st;
    if (fstat(STDERR_FILENO, &st) < 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(STDERR_FILENO);
}

static void say_caught_up(void *context) {
    (void)context;
    size_t hidden = say_hidden;
    say_hidden = 0;
    if (hidden > 0)
        say(SAY_WARNING, NULL, "%zu lines not shown: nobody read them", hidden);
}

void say_setup(struct output_hub *hub, struct loop *loop) {
    terminal_free(say_stderr);
    say_stderr = loop && !hub && say_may_block() ? terminal_new(loop, STDERR_FILENO, say_caught_up, NULL) : NULL;
    say_hub = hub;
    say_hidden = 0;
    bool is_journal = journal_is_stream(STDERR_FILENO);
    bool has_priorities = is_journal || journal_is_kernel_log(STDERR_FILENO);
    say_way = is_journal && journal_is_running() ? SAY_TO_JOURNAL : has_priorities ? SAY_WITH_PRIORITY : SAY_PLAIN;
}

/* ---- the journal ------------------------------------------------------------------------------------------------ */

enum { SAY_FIELDS = 9 };

/* Fields, one after another in one text: where each begins is known only when the text no longer moves. */
struct say_entry {
    struct text bytes;
    size_t ends[SAY_FIELDS];
    size_t count;
};

static void say_add(struct say_entry *entry, const char *name, const char *value) {
    if (!value)
        return;
    text_printf(&entry->bytes, "%s=%s", name, value);
    entry->ends[entry->count++] = entry->bytes.len;
}

static void say_add_number(struct say_entry *entry, const char *name, int value) {
    text_printf(&entry->bytes, "%s=%d", name, value);
    entry->ends[entry->count++] = entry->bytes.len;
}

static bool say_send(const struct say_entry *entry) {
    struct iovec fields[SAY_FIELDS];
    size_t begin = 0;
    for (size_t i = 0; i < entry->count; i++) {
        fields[i] = (struct iovec){entry->bytes.data + begin, entry->ends[i] - begin};
        begin = entry->ends[i];
    }
    return !entry->bytes.failed && journal_send(fields, entry->count) >= 0;
}

/* The journal has the sender's name beside the message. */
static bool say_to_journal(const struct say_place *place, enum say_level level, const struct say_about *about,
                           const char *message) {
    struct say_entry entry = {0};
    say_add(&entry, "MESSAGE", message);
    say_add_number(&entry, "PRIORITY", (int)level);
    say_add(&entry, "SYSLOG_IDENTIFIER", SAY_NAME);
    say_add(&entry, "UPKEEP_APP", about->app);
    say_add(&entry, "UPKEEP_PHASE", about->phase);
    say_add(&entry, "UPKEEP_WHY", about->why);
    say_add(&entry, "CODE_FILE", place->file);
    say_add_number(&entry, "CODE_LINE", place->line);
    say_add(&entry, "CODE_FUNC", place->func);
    bool is_sent = say_send(&entry);
    text_fini(&entry.bytes);
    return is_sent;
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static void say_to_stderr(const struct text *text) {
    if (!say_stderr) {
        /* Nobody is left to be told when this fails. */
        if (write(STDERR_FILENO, text_get(text), text->len) < 0)
            return;
    } else if (terminal_is_choked(say_stderr)) {
        say_hidden++;
    } else {
        terminal_write(say_stderr, text_get(text), text->len);
    }
}

static void say_line(enum say_level level, const char *line, size_t len) {
    struct text text TEXT_AUTO = {0};
    if (!say_hub && say_way != SAY_PLAIN)
        text_printf(&text, "<%d>", (int)level);
    text_append(&text, line, len);
    if (say_hub) {
        output_hub_say(say_hub, text_get(&text));
        return;
    }
    text_char(&text, '\n');
    say_to_stderr(&text);
}

void say_block_at(const struct say_place *place, enum say_level level, const struct say_about *about,
                  const char *lines) {
    size_t len = strlen(lines);
    while (len > 0 && lines[len - 1] == '\n')
        len--;
    struct text block TEXT_AUTO = {0};
    text_append(&block, lines, len);
    /* What the journal does not take goes the way of any program's output. */
    if (!say_hub && say_way == SAY_TO_JOURNAL && say_to_journal(place, level, about, text_get(&block)))
        return;
    text_clear(&block);
    text_printf(&block, "%s: ", SAY_NAME);
    text_append(&block, lines, len);
    for (const char *line = text_get(&block); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        say_line(level, line, strcspn(line, "\n"));
}

void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format,
            ...) {
    struct text line TEXT_AUTO = {0};
    if (about->app)
        text_printf(&line, "%s: ", about->app);
    va_list args;
    va_start(args, format);
    text_vprintf(&line, format, args);
    va_end(args);
    say_block_at(place, level, about, text_get(&line));
}
