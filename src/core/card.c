#include "core/card.h"

#include <string.h>

#include "core/columns.h"
#include "core/value.h"

#define RED "\033[1;31m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* One line of the card: indented, cut to the width, in its colour. */
static void card_line(const char *indent, const char *colour, const char *line, struct card_style style,
                      struct text *out) {
    bool is_coloured = style.colour && colour[0];
    text_str(out, indent);
    if (is_coloured)
        text_str(out, colour);
    size_t indented = columns_count(indent, strlen(indent));
    if (style.width > indented)
        columns_cut(line, style.width - indented, out);
    else
        text_str(out, line);
    text_str(out, is_coloured ? PLAIN "\n" : "\n");
}

static void card_head(const struct card *card, struct card_style style, struct text *out) {
    struct text line TEXT_AUTO = {0};
    text_printf(&line, "%s: ", card->name);
    columns_clean(card->cause, strlen(card->cause), &line);
    /* Never cut: a cause that is not read whole has to be looked for elsewhere. */
    card_line("", RED, text_get(&line), (struct card_style){.colour = style.colour}, out);
}

/* The exit code or signal, unless the cause names it. */
static void card_end(const struct card *card, struct card_style style, struct text *out) {
    struct text line TEXT_AUTO = {0};
    if (card->exit_signal && !strstr(card->cause, card->exit_signal))
        text_printf(&line, "its process was ended by %s", card->exit_signal);
    struct text code TEXT_AUTO = {0};
    text_printf(&code, "code %d", card->exit_code);
    if (card->exit_code >= 0 && !strstr(card->cause, text_get(&code)))
        text_printf(&line, "its process exited with %s", text_get(&code));
    if (line.len > 0)
        card_line("  ", "", text_get(&line), style, out);
}

/* Where the last CARD_TAIL_LINES lines of len bytes begin. */
static size_t card_tail_start(const char *tail, size_t len) {
    unsigned lines = 0;
    for (size_t i = len; i > 0; i--)
        if (tail[i - 1] == '\n' && ++lines == CARD_TAIL_LINES)
            return i;
    return 0;
}

static void card_tail(const struct card *card, struct card_style style, struct text *out) {
    if (!card->tail)
        return;
    size_t len = strlen(card->tail);
    while (len > 0 && card->tail[len - 1] == '\n')
        len--;
    size_t i = card_tail_start(card->tail, len);
    while (i < len) {
        const char *end = memchr(card->tail + i, '\n', len - i);
        size_t line_len = end ? (size_t)(end - (card->tail + i)) : len - i;
        struct text line TEXT_AUTO = {0};
        columns_clean(card->tail + i, line_len, &line);
        card_line("  | ", DIM, text_get(&line), style, out);
        i += line_len + 1;
    }
}

static void card_next_try(const struct card *card, struct text *out) {
    text_str(out, "next try");
    if (card->next_start_ms > 0) {
        text_str(out, " in ");
        value_print_elapsed(card->next_start_ms, out);
    } else if (card->next_start_ms == 0) {
        text_str(out, " now");
    }
    if (card->attempt <= 0)
        return;
    text_printf(out, " (%lld", (long long)card->attempt);
    if (card->max_restarts > 0) {
        text_printf(out, " of %lld", (long long)card->max_restarts);
        if (card->window_ms > 0) {
            text_str(out, " in ");
            value_print_duration(card->window_ms, out);
        }
    } else {
        text_str(out, " so far");
    }
    text_char(out, ')');
}

void card_next(const struct card *card, struct text *out) {
    if (strcmp(card->state, "backoff") == 0)
        card_next_try(card, out);
    else if (strcmp(card->state, "failed") == 0)
        text_printf(out, "gave up; upkeep start %s tries again", card->name);
    else if (strcmp(card->state, "blocked") == 0)
        text_printf(out, "starts when what it depends on is ready; upkeep start %s tries both", card->name);
    else if (strcmp(card->state, "starting") == 0)
        text_str(out, "it is being started again");
    else if (strcmp(card->state, "ready") == 0)
        text_str(out, "it is ready again");
}

void card_print(const struct card *card, struct card_style style, struct text *out) {
    card_head(card, style, out);
    card_end(card, style, out);
    card_tail(card, style, out);
    struct text line TEXT_AUTO = {0};
    if (card->log && card->log[0]) {
        text_printf(&line, "log: %s", card->log);
        /* Not cut either: it is there to be copied. */
        card_line("  ", "", text_get(&line), (struct card_style){.colour = style.colour}, out);
        text_clear(&line);
    }
    card_next(card, &line);
    if (line.len > 0)
        card_line("  ", "", text_get(&line), style, out);
}
