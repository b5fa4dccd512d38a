#include "core/inifile.h"

#include <string.h>

#include "core/inih_options.h"
#include "core/limits.h"

/* What an indented line goes on with. */
enum owner {
    OWNER_NONE,
    OWNER_VALUE,
    OWNER_MISTAKE, /* already reported: its further lines are passed over */
};

/* What the line in inih's hands is, for the handler that it calls next. */
enum line_kind { LINE_SILENT, LINE_SECTION, LINE_KEY, LINE_MORE };

struct slice {
    const char *start;
    size_t len;
};

struct inifile {
    const char *next; /* the first line not yet looked at */
    const char *end;
    const char *file;
    const struct inifile_sink *sink;
    struct diags *diags;
    unsigned line; /* number of the line in inih's hands */
    enum line_kind kind;
    size_t value_len;  /* of the value that inih must hand back for it */
    struct slice feed; /* what inih has not taken of it yet */
    enum owner owner;
    struct text key; /* the setting that may still go on */
    struct text value;
    unsigned key_line;
    unsigned gaps; /* lines since its last one */
    bool is_good;
};

/* White space as inih sees it, whatever the locale. */
static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trimmed(struct slice slice) {
    while (slice.len > 0 && is_blank(*slice.start)) {
        slice.start++;
        slice.len--;
    }
    while (slice.len > 0 && is_blank(slice.start[slice.len - 1]))
        slice.len--;
    return slice;
}

#define MISTAKE(ini, ...)                                                                                              \
    do {                                                                                                               \
        diags_add((ini)->diags, DIAG_ERROR, (ini)->file, (ini)->line, __VA_ARGS__);                                    \
        (ini)->is_good = false;                                                                                        \
    } while (0)

/* The value can go on no further: hand it over. */
static void flush(struct inifile *ini) {
    if (ini->owner == OWNER_VALUE)
        ini->sink->setting(ini->sink->context, text_get(&ini->key), text_get(&ini->value), ini->key_line);
    ini->owner = OWNER_NONE;
}

/* A mistake in the brackets does not take what stands in the section away. */
static void judge_section(struct inifile *ini, struct slice text) {
    flush(ini);
    const char *close = memchr(text.start, ']', text.len);
    size_t name_len = close ? (size_t)(close - text.start) - 1 : text.len - 1;
    if (!close)
        MISTAKE(ini, "section without its closing ']'");
    else if (name_len + 2 < text.len)
        MISTAKE(ini, "text after the section's ']' (a comment has a line of its own)");
    TEXT_AUTO struct text name = {0};
    text_append(&name, text.start + 1, name_len);
    ini->sink->section(ini->sink->context, text_get(&name), ini->line);
    ini->kind = LINE_SECTION;
}

static void judge_setting(struct inifile *ini, struct slice text) {
    flush(ini);
    ini->owner = OWNER_MISTAKE;
    const char *equals = memchr(text.start, '=', text.len);
    const char *colon = memchr(text.start, ':', text.len);
    if (colon && (!equals || colon < equals)) { /* inih would split here */
        struct slice key = trimmed((struct slice){text.start, (size_t)(colon - text.start)});
        int shown = key.len < LIMIT_NAME ? (int)key.len : LIMIT_NAME;
        MISTAKE(ini, "':' before any '=': a setting is written '%.*s = VALUE'", shown, key.start);
    } else if (!equals) {
        MISTAKE(ini, "neither a [section] nor 'KEY = VALUE' nor a comment%s",
                ini->key_line > 0 ? " (a line that goes on with the value above is indented)" : "");
    } else if (equals == text.start) {
        MISTAKE(ini, "no key before the '='");
    } else {
        size_t rest = text.len - (size_t)(equals + 1 - text.start);
        ini->value_len = trimmed((struct slice){equals + 1, rest}).len;
        ini->kind = LINE_KEY;
    }
}

static void judge_first_column(struct inifile *ini, struct slice text) {
    if (*text.start == '[')
        judge_section(ini, text);
    else
        judge_setting(ini, text);
}

static void judge_indented(struct inifile *ini, struct slice text) {
    switch (ini->owner) {
    case OWNER_NONE:
        MISTAKE(ini,
                "indented, but there is no value above to go on with: keys and sections begin in the first column");
        judge_first_column(ini, text);
        return;
    case OWNER_MISTAKE:
        return;
    case OWNER_VALUE:
        ini->value_len = text.len;
        ini->kind = LINE_MORE;
        return;
    }
}

/* Whether a line can be a line of a manifest at all. */
static bool is_sound(struct inifile *ini, struct slice line, bool is_indented) {
    if (line.len <= LIMIT_MANIFEST_LINE && !memchr(line.start, '\0', line.len))
        return true;
    if (!is_indented) {
        flush(ini);
        ini->owner = OWNER_MISTAKE;
    }
    if (line.len > LIMIT_MANIFEST_LINE)
        MISTAKE(ini, "line of %zu bytes (at most %d)", line.len, LIMIT_MANIFEST_LINE);
    else
        MISTAKE(ini, "NUL byte in the line");
    return false;
}

/* Decides what a line is. */
static void judge(struct inifile *ini, struct slice line) {
    bool is_indented = line.len > 0 && is_blank(*line.start);
    struct slice text = trimmed(line);
    ini->kind = LINE_SILENT;
    ini->gaps++; /* until it turns out to be more of the value */
    if (!is_sound(ini, line, is_indented) || text.len == 0 || *text.start == '#' || *text.start == ';')
        return;
    if (is_indented)
        judge_indented(ini, text);
    else
        judge_first_column(ini, text);
}

/* What inih gets for a line: the line itself where it is for inih to take apart. */
static struct slice food(enum line_kind kind, struct slice line) {
    switch (kind) {
    case LINE_KEY:
    case LINE_MORE:
        return line;
    case LINE_SECTION: /* the name is known; inih forgets the key that an indented line would go on with */
        return (struct slice){"[]\n", 3};
    case LINE_SILENT:
        break;
    }
    return (struct slice){"\n", 1};
}

static bool take_line(struct inifile *ini) {
    if (ini->next == ini->end)
        return false;
    struct slice line = {ini->next, (size_t)(ini->end - ini->next)};
    const char *newline = memchr(line.start, '\n', line.len);
    if (newline)
        line.len = (size_t)(newline - line.start);
    ini->next = newline ? newline + 1 : ini->end;
    ini->line++;
    judge(ini, line);
    line.len += newline != NULL;
    ini->feed = food(ini->kind, line);
    return true;
}

/* inih's reader, as fgets would be. */
static char *reader(char *buffer, int size, void *stream) {
    struct inifile *ini = stream;
    if (size < 2 || (ini->feed.len == 0 && !take_line(ini)))
        return NULL;
    size_t len = ini->feed.len < (size_t)size - 1 ? ini->feed.len : (size_t)size - 1;
    memcpy(buffer, ini->feed.start, len);
    buffer[len] = '\0';
    ini->feed.start += len;
    ini->feed.len -= len;
    return buffer;
}

/* Called at most once for each line, before the next is read. */
static int handler(void *user, const char *section, const char *name, const char *value) {
    struct inifile *ini = user;
    (void)section; /* cut when long: ours come from judge_section() */
    if (strlen(value) != ini->value_len) {
        /* A build of inih that slipped past the configure-time check: loud, at least. */
        MISTAKE(ini, "inih gave %zu of the value's %zu bytes", strlen(value), ini->value_len);
        ini->owner = OWNER_MISTAKE;
        return 1;
    }
    if (ini->kind == LINE_KEY) {
        text_clear(&ini->key);
        text_clear(&ini->value);
        text_str(&ini->key, name);
        ini->key_line = ini->line;
        ini->owner = OWNER_VALUE;
    } else {
        for (; ini->gaps > 0; ini->gaps--)
            text_char(&ini->value, '\n');
    }
    text_str(&ini->value, value);
    ini->gaps = 0;
    return 1;
}

static size_t longest_line(const char *bytes, size_t len) {
    size_t longest = 0;
    for (const char *end = bytes + len; bytes < end;) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *next = newline ? newline + 1 : end;
        if ((size_t)(next - bytes) > longest)
            longest = (size_t)(next - bytes);
        bytes = next;
    }
    return longest;
}

bool inifile_read(const char *bytes, size_t len, const char *file, const struct inifile_sink *sink,
                  struct diags *diags) {
    struct inifile ini = {
        .next = bytes, .end = bytes + len, .file = file, .sink = sink, .diags = diags, .is_good = true};
    if (len > LIMIT_MANIFEST_FILE) {
        MISTAKE(&ini, "%zu bytes long (at most %d)", len, LIMIT_MANIFEST_FILE);
        return false;
    }
    if (len >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0)) {
        MISTAKE(&ini, "written in UTF-16: save it as UTF-8");
        return false;
    }
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        ini.next += 3;

    inih_options_set((int)longest_line(bytes, len) + 3);
    if (ini_parse_stream(reader, &ini, handler, &ini) != 0)
        MISTAKE(&ini, "inih cannot read it");
    flush(&ini);
    if (ini.key.failed || ini.value.failed)
        MISTAKE(&ini, "out of memory");
    text_fini(&ini.key);
    text_fini(&ini.value);
    return ini.is_good;
}
