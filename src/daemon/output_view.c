#include "daemon/output_view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void view_caught_up(void *context) {
    struct output_view *view = context;
    if (view->hidden_lines == 0)
        return;
    struct text note TEXT_AUTO = {0};
    text_printf(&note, "… %zu lines not shown (terminal too slow); they are in the log\n", view->hidden_lines);
    view->hidden_lines = 0;
    terminal_write(view->terminal, text_get(&note), note.len);
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

/* A line that would not be shown anyhow is only counted. */
static bool view_takes_line(struct output_view *view) {
    if (!view->terminal)
        return false;
    bool is_choked = terminal_is_choked(view->terminal);
    view->hidden_lines += is_choked;
    return !is_choked;
}

void output_view_line(struct output_view *view, unsigned app, const char *name, const struct line *line) {
    if (view_takes_line(view))
        display_line(&view->display, app, name, line->data, line->len, &view->batch);
}

void output_view_flush(struct output_view *view) {
    if (view->batch.len > 0)
        terminal_write(view->terminal, view->batch.data, view->batch.len);
    text_clear(&view->batch);
}

void output_view_say(struct output_view *view, const char *line) {
    if (view_takes_line(view)) {
        text_str(&view->batch, line);
        text_char(&view->batch, '\n');
    }
    output_view_flush(view);
}
