#include "cli/findings.h"

#include <string.h>

#include "cli/console.h"
#include "core/columns.h"

const char *const findings_words[] = {
    [DIAG_NOTE] = "note",
    [DIAG_WARNING] = "warning",
    [DIAG_ERROR] = "error",
};
static const char *const findings_colours[] = {
    [DIAG_NOTE] = "\033[36m",
    [DIAG_WARNING] = "\033[33m",
    [DIAG_ERROR] = "\033[1;31m",
};

static void findings_one(const struct diag *diag, bool colour, struct text *out) {
    if (diag->file)
        text_printf(out, "%s:", diag->file);
    if (diag->file && diag->line > 0)
        text_printf(out, "%u:", diag->line);
    text_printf(out, "%s%s%s:%s ", diag->file ? " " : "", colour ? findings_colours[diag->severity] : "",
                findings_words[diag->severity], colour ? "\033[0m" : "");
    columns_clean(diag->text, strlen(diag->text), out);
    text_char(out, '\n');
}

void findings_print(const struct diags *diags, int fd, struct text *out) {
    bool colour = console_of(fd).colour;
    for (size_t i = 0; i < diags->count; i++)
        findings_one(&diags->list[i], colour, out);
    if (diags->dropped > 0)
        text_printf(out, "and %zu more\n", diags->dropped);
}

void findings_print_to(FILE *stream, const struct diags *diags) {
    struct text out TEXT_AUTO = {0};
    findings_print(diags, fileno(stream), &out);
    (void)fflush(stdout);
    (void)fputs(text_get(&out), stream);
}
