#include "core/shell_line.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A pass over a line: the present simple command, and those before it. */
struct reader {
    struct text command;
    struct shell_line *line;
    size_t list;  /* the first step of the present list */
    size_t last;  /* and of the one before */
    bool is_open; /* behind `&&` or `|` another command has to come */
};

bool shell_line_is_builtin(const char *name) {
    static const char *const names[] = {
        ".",      ":",    "[",      "alias",    "bg",      "break",   "cd",    "command",  "echo",   "eval",
        "exec",   "exit", "export", "false",    "fg",      "getopts", "hash",  "jobs",     "kill",   "local",
        "printf", "pwd",  "read",   "readonly", "return",  "set",     "shift", "test",     "times",  "trap",
        "true",   "type", "ulimit", "umask",    "unalias", "unset",   "wait",  "continue", "source", "shopt"};
    return text_is_one_of(name, names, COUNT(names));
}

bool shell_line_is_literal(const char *word) {
    return !strpbrk(word, "$*?[~`");
}

/* What makes more of a line than a list of simple commands. */
static bool is_beyond(const char *name) {
    static const char *const names[] = {"if", "then", "elif", "else",  "fi",   "for",     "while", "until",
                                        "do", "done", "case", "esac",  "in",   "{",       "}",     "!",
                                        "[[", "time", "eval", "alias", "trap", "function"};
    return text_is_one_of(name, names, COUNT(names));
}

static bool is_assignment(const char *word) {
    size_t len = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return len > 0 && !isdigit((unsigned char)word[0]) && word[len] == '=';
}

const char *shell_line_advice(const char *name) {
    if (is_assignment(name))
        return "write the variable as a line of env, or set shell = true";
    if (strcmp(name, "cd") == 0)
        return "write the folder as cwd, or set shell = true";
    if (strcmp(name, "source") == 0 || strcmp(name, ".") == 0)
        return "name the program in its folder (.venv/bin/python), use env_file for variables, or set shell = true";
    return shell_line_is_builtin(name) || is_beyond(name) ? "set shell = true" : NULL;
}

/* How many of the first words are not the command itself; -1 when they change what follows. */
static int prefix_of(const struct words *words) {
    size_t i = 0;
    for (; i < words->count; i++) {
        const char *word = words->list[i];
        bool is_runner = strcmp(word, "exec") == 0 || strcmp(word, "nohup") == 0 || strcmp(word, "env") == 0;
        if (is_runner && i + 1 < words->count && words->list[i + 1][0] == '-')
            return -1;
        if (!is_runner && !is_assignment(word))
            break;
        if (strncmp(word, "PATH=", 5) == 0)
            return -1;
    }
    return (int)i;
}

static void drop_first(struct words *words, size_t count) {
    memmove(words->list, words->list + count, (words->count + 1 - count) * sizeof *words->list);
    words->count -= count;
}

static bool is_blank(const struct text *text) {
    return text_get(text)[strspn(text_get(text), " \t")] == '\0';
}

/* Takes the words over when it returns true. */
static bool add_step(struct shell_line *line, struct words words) {
    struct shell_step *steps = reallocarray(line->steps, line->count + 1, sizeof *steps);
    if (!steps)
        return false;
    line->steps = steps;
    line->steps[line->count++] = (struct shell_step){words, true};
    return true;
}

static bool end_command(struct reader *reader) {
    struct words words = {0};
    struct text unused TEXT_AUTO = {0};
    if (reader->command.failed || is_blank(&reader->command) ||
        !words_split(text_get(&reader->command), &words, &unused))
        return false;
    text_clear(&reader->command);
    int prefix = prefix_of(&words);
    if (prefix >= 0)
        drop_first(&words, (size_t)prefix);
    if (words.count == 0) { /* assignments are a command too; lines that are joined to nothing are none */
        words_fini(&words);
        return prefix > 0;
    }
    bool is_good = prefix >= 0 && !is_beyond(words.list[0]) && add_step(reader->line, words);
    if (!is_good)
        words_fini(&words);
    return is_good;
}

/* At `&&` or `|`. */
static bool join(struct reader *reader) {
    reader->is_open = true;
    return end_command(reader);
}

static bool end_list(struct reader *reader) {
    if ((!is_blank(&reader->command) || reader->is_open) && !end_command(reader))
        return false;
    reader->is_open = false;
    if (reader->line->count > reader->list) {
        reader->last = reader->list;
        reader->list = reader->line->count;
    }
    return true;
}

/* Behind a quoted part that begins here; NULL when it does not end, or something is run in it. */
static const char *skip_quoted(const char *c) {
    char quote = *c++;
    for (; *c && *c != quote; c++) {
        if (quote == '"' && (*c == '`' || (*c == '$' && c[1] == '(')))
            return NULL;
        if (quote == '"' && *c == '\\' && c[1])
            c++;
    }
    return *c ? c + 1 : NULL;
}

/* Behind the target of a redirection. */
static const char *skip_target(const char *c) {
    c += strspn(c, " \t");
    while (c && *c && !strchr(" \t\n;|&<>()`", *c))
        c = *c == '\'' || *c == '"' ? skip_quoted(c) : c + (*c == '\\' && c[1] ? 2 : 1);
    return c;
}

/* `2>&1`, `> file`, `< file`; c: at its sign. */
static const char *skip_redirection(struct reader *reader, const char *c) {
    struct text *command = &reader->command;
    size_t digits = 0;
    while (digits < command->len && isdigit((unsigned char)command->data[command->len - 1 - digits]))
        digits++;
    if (digits == command->len || (digits > 0 && strchr(" \t", command->data[command->len - 1 - digits]))) {
        command->len -= digits;
        if (command->data)
            command->data[command->len] = '\0';
    }
    if (c[0] == '<' && c[1] == '<')
        return NULL;
    text_char(command, ' ');
    return skip_target(c + strspn(c, "<>&|"));
}

static bool is_word_start(const struct reader *reader) {
    return reader->command.len == 0 || strchr(" \t", reader->command.data[reader->command.len - 1]);
}

/* Takes what begins at c; returns the place behind it, NULL when it is beyond us. */
static const char *take(struct reader *reader, const char *c) {
    const char *end = c + 1;
    switch (*c) {
    case '\'':
    case '"':
        end = skip_quoted(c);
        break;
    case '\\':
        end = c[1] ? c + 2 : NULL;
        break;
    case '&':
        if (c[1] == '>')
            return skip_redirection(reader, c);
        return c[1] == '&' && join(reader) ? c + 2 : NULL;
    case '|':
        return c[1] != '|' && c[1] != '&' && join(reader) ? c + 1 : NULL;
    case ';':
    case '\n':
        return end_list(reader) ? c + 1 : NULL;
    case '<':
    case '>':
        return skip_redirection(reader, c);
    case '(':
    case ')':
    case '`':
        return NULL;
    case '#':
        if (is_word_start(reader))
            return NULL;
        break;
    default:
        break;
    }
    if (end)
        text_append(&reader->command, c, (size_t)(end - c));
    return end;
}

bool shell_line_split(const char *string, struct shell_line *out) {
    struct shell_line line = {0};
    struct reader reader = {.line = &line};
    const char *c = string;
    while (c && *c)
        c = take(&reader, c);
    bool is_good = c && end_list(&reader) && line.count > 0;
    text_fini(&reader.command);
    if (!is_good) {
        shell_line_fini(&line);
        return false;
    }
    for (size_t i = 0; i < reader.last; i++)
        line.steps[i].must_work = false;
    *out = line;
    return true;
}

void shell_line_fini(struct shell_line *line) {
    for (size_t i = 0; i < line->count; i++)
        words_fini(&line->steps[i].words);
    free(line->steps);
    *line = (struct shell_line){0};
}
