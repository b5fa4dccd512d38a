#include "daemon/output_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/limits.h"

static void view_caught_up(void *context) {
    struct output_view *view = context;
    struct text note TEXT_AUTO = {0};
    if (view->hidden_lines > 0)
        text_printf(&note, "… %zu lines not shown (terminal too slow); they are in the log\n", view->hidden_lines);
    text_append(&note, text_get(&view->held), view->held.len);
    view->hidden_lines = 0;
    text_fini(&view->held);
    if (note.len > 0)
        terminal_write(view->terminal, note.data, note.len);
}

void output_view_open(struct output_view *view, struct loop *loop, int fd) {
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool is_tty = isatty(fd);
    view->terminal = terminal_new(loop, fd, view_caught_up, view);
    view->display = (struct display){
        .is_terminal = is_tty,
        .has_colour = is_tty && !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0),
        .has_prefix = true,
    };
}

void output_view_close(struct output_view *view) {
    terminal_free(view->terminal);
    text_fini(&view->batch);
    text_fini(&view->held);
    *view = (struct output_view){0};
}

bool output_view_is_open(const struct output_view *view) {
    return view->terminal != NULL;
}

void output_view_expect(struct output_view *view, const char *name) {
    size_t width = strlen(name);
    if (width > view->display.name_width)
        view->display.name_width = width;
}

void output_view_line(struct output_view *view, unsigned app, const char *name, const struct line *line) {
    if (!view->terminal)
        return;
    /* What would not be shown anyhow is only counted. */
    if (terminal_is_choked(view->terminal))
        view->hidden_lines++;
    else
        display_line(&view->display, app, name, line->data, line->len, &view->batch);
}

void output_view_flush(struct output_view *view) {
    if (view->batch.len > 0)
        terminal_write(view->terminal, view->batch.data, view->batch.len);
    text_clear(&view->batch);
}

void output_view_say(struct output_view *view, const char *line) {
    if (!view->terminal)
        return;
    struct text *out = terminal_is_choked(view->terminal) ? &view->held : &view->batch;
    if (out == &view->held && out->len > LIMIT_TAIL) {
        view->hidden_lines++;
        return;
    }
    text_str(out, line);
    text_char(out, '\n');
    output_view_flush(view);
}
