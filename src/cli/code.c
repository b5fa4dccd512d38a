#include "cli/code.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/console.h"
#include "core/columns.h"
#include "core/text.h"

const char *const code_meaning[] = {
    [CODE_DONE] = "done",
    [CODE_FAILED] = "it failed; the last line on standard error says why",
    [CODE_USAGE] = "wrong usage, or a manifest with errors",
    [CODE_NOT_RUNNING] = "no supervisor is running",
    [CODE_NO_APP] = "no such app",
    [CODE_TIMED_OUT] = "timed out; what was begun goes on",
};
const size_t code_count = sizeof code_meaning / sizeof *code_meaning;

static struct text *code_caught;

void code_catch(struct text *reason) {
    code_caught = reason;
}

static void code_line(const char *format, va_list args, struct text *out) __attribute__((format(printf, 1, 0)));
static void code_say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Whatever an app, a manifest or a supervisor put into the sentence, it stays one line. */
static void code_line(const char *format, va_list args, struct text *out) {
    struct text raw TEXT_AUTO = {0};
    text_vprintf(&raw, format, args);
    columns_clean(text_get(&raw), raw.len, out);
}

static void code_say(const char *format, va_list args) {
    struct text line TEXT_AUTO = {0};
    text_str(&line, "upkeep: ");
    code_line(format, args, &line);
    text_char(&line, '\n');
    console_leave();
    console_end_line();
    (void)fflush(stdout);
    (void)fputs(text_get(&line), stderr);
}

int code_fail(enum code code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (code_caught) {
        text_clear(code_caught);
        code_line(format, args, code_caught);
    } else {
        code_say(format, args);
    }
    va_end(args);
    return (int)code;
}

void code_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    code_say(format, args);
    va_end(args);
}

void code_findings(const struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        struct text line TEXT_AUTO = {0};
        diag_print(&diags->list[i], &line);
        (void)fprintf(stderr, "%s\n", text_get(&line));
    }
    if (diags->dropped > 0)
        (void)fprintf(stderr, "… and %zu more\n", diags->dropped);
}
