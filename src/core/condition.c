#include "core/condition.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/diag.h"
#include "core/value.h"
#include "core/words.h"

enum { FD_MIN = 3, FD_MAX = 1023, HTTP_PORT = 80 };

/* What is a yes where no status is expected: 2xx and 3xx. */
enum { STATUS_MIN = 200, STATUS_MAX = 399 };

/* Parses what stands behind the prefix, in the condition's own text, which it may cut into pieces. */
typedef bool parse_rest(char *rest, struct condition *condition, struct text *error);
typedef void print_rest(const struct condition *condition, struct text *out);

struct row {
    struct condition_help help;
    const char *prefix;
    parse_rest *parse; /* NULL: the prefix is all there is */
    print_rest *print;
};

static parse_rest parse_tcp, parse_unix, parse_http, parse_exec, parse_log, parse_fd;
static print_rest print_tcp, print_http, print_path, print_number;

/* The one table of conditions, by kind. */
static const struct row rows[] = {
    [CONDITION_SPAWNED] = {{"spawned", "the program runs: execve succeeded"}, "spawned", NULL, NULL},
    [CONDITION_NOTIFY] = {{"notify", "the app says READY=1 through sd_notify"}, "notify", NULL, NULL},
    [CONDITION_PORT] = {{"port", "the app's port accepts connections"}, "port", NULL, NULL},
    [CONDITION_TCP] = {{"tcp:HOST:PORT", "this TCP port accepts connections"}, "tcp:", parse_tcp, print_tcp},
    [CONDITION_UNIX] = {{"unix:PATH", "this Unix socket accepts connections"}, "unix:", parse_unix, print_path},
    [CONDITION_HTTP] =
        {{"http://HOST[:PORT]/PATH",
          "a GET is answered with 2xx or 3xx; with ` = 426` or ` = 4xx` behind it, with this status or a "
          "status of this class"},
         "http://",
         parse_http,
         print_http},
    [CONDITION_EXEC] = {{"exec:COMMAND", "this command exits with 0"}, "exec:", parse_exec, print_path},
    [CONDITION_LOG] = {{"log:REGEX", "a line of stdout or stderr matches this POSIX extended regular expression"},
                       "log:",
                       parse_log,
                       print_path},
    [CONDITION_FD] = {{"fd:N", "the app writes a newline to descriptor N or closes it"}, "fd:", parse_fd, print_number},
    [CONDITION_EXIT] = {{"exit", "the program has ended well (of a oneshot)"}, "exit", NULL, NULL},
};
enum { FIRST_ROW = CONDITION_DEFAULT + 1, ROWS = sizeof(rows) / sizeof(rows[0]) };

const struct condition_help *condition_help(size_t index) {
    return index < ROWS - FIRST_ROW ? &rows[FIRST_ROW + index].help : NULL;
}

static bool refuse(struct text *error, const char *why) {
    text_str(error, why);
    return false;
}

/* tcp: and http:// */

/* Cuts `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT` into its parts; condition->number stays as it is where
 * there is no port. */
static bool parse_address(char *address, struct condition *condition, struct text *error) {
    static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char address_bytes[] = "0123456789abcdefABCDEF:.";
    bool is_bracketed = *address == '[';
    char *host = address + is_bracketed;
    size_t len = strspn(host, is_bracketed ? address_bytes : name_bytes);
    char *behind = host + len + is_bracketed;
    if (is_bracketed && (host[len] != ']' || !memchr(host, ':', len)))
        return refuse(error, "brackets hold an IPv6 address ([::1])");
    if (*behind != ':' && *behind != '\0')
        return refuse(error, "the host holds a byte that is in no host name");
    if (*behind == ':' && strchr(behind + 1, ':'))
        return refuse(error, "an IPv6 address stands in brackets ([::1])");
    if (len == 0)
        return refuse(error, "the host is missing");
    if (*behind == ':') {
        int64_t port;
        text_str(error, "port ");
        if (!value_parse_int(behind + 1, 1, 65535, &port, error))
            return false;
        text_clear(error);
        condition->number = (int)port;
    }
    host[len] = '\0';
    condition->host = host;
    return true;
}

/* Whoever probes does so from the one loop that everything waits for. */
static bool judge_host(const struct condition *condition, struct text *error) {
    struct in6_addr address;
    bool is_numeric =
        inet_pton(AF_INET, condition->host, &address) == 1 || inet_pton(AF_INET6, condition->host, &address) == 1;
    return is_numeric || strcasecmp(condition->host, "localhost") == 0 ||
           refuse(error,
                  "the host must be an address or localhost, as looking up a name could hold up every other app");
}

static void print_host(const struct condition *condition, struct text *out) {
    text_printf(out, strchr(condition->host, ':') ? "[%s]" : "%s", condition->host);
}

static bool parse_tcp(char *rest, struct condition *condition, struct text *error) {
    if (*rest != '\0' && rest[strspn(rest, "0123456789")] == '\0') {
        text_printf(error, "the host is missing (tcp:127.0.0.1:%s?)", rest);
        return false;
    }
    if (!parse_address(rest, condition, error))
        return false;
    if (condition->number == 0)
        return refuse(error, "the port is missing");
    return judge_host(condition, error);
}

static void print_tcp(const struct condition *condition, struct text *out) {
    print_host(condition, out);
    text_printf(out, ":%d", condition->number);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Whether string is `426` or `4xx`, and which answers that means. */
static bool parse_status(const char *string, int *min_out, int *max_out) {
    if (strlen(string) != 3 || *string < '1' || *string > '5')
        return false;
    int first = *string - '0';
    if (strcasecmp(string + 1, "xx") == 0) {
        *min_out = first * 100;
        *max_out = first * 100 + 99;
        return true;
    }
    if (!is_digit(string[1]) || !is_digit(string[2]))
        return false;
    *min_out = *max_out = first * 100 + (string[1] - '0') * 10 + (string[2] - '0');
    return true;
}

/* Cuts ` = STATUS` off. */
static bool parse_expected(char *rest, struct condition *condition, struct text *error) {
    static const char blanks[] = " \t";
    char *blank = rest + strcspn(rest, blanks);
    char *sign = blank + strspn(blank, blanks);
    if (*sign != '=')
        return true;
    char *status = sign + 1 + strspn(sign + 1, blanks);
    *blank = '\0';
    return parse_status(status, &condition->status_min, &condition->status_max) ||
           refuse(error, "behind the = stands one status (426), or a class of them (4xx)");
}

/* `/ws=426` was hardly meant to be a path. */
static bool is_expected_forgotten(const char *path) {
    const char *sign = strrchr(path, '=');
    int min, max;
    return sign && !strchr(path, '?') && parse_status(sign + 1, &min, &max);
}

static bool parse_http(char *rest, struct condition *condition, struct text *error) {
    condition->status_min = STATUS_MIN;
    condition->status_max = STATUS_MAX;
    if (!parse_expected(rest, condition, error))
        return false;
    for (const char *c = rest; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#')
            return refuse(error, "a request's path holds no blanks, control bytes or # (write them as %XX; a status "
                                 "that is expected as = 426)");
    if (is_expected_forgotten(rest))
        return refuse(error, "a status that is expected stands behind a blank (/PATH = 426)");
    size_t len = strcspn(rest, "/");
    condition->path = rest[len] == '/' ? rest + len : "/";
    /* The host moves over the last byte of the prefix, so that its NUL does not fall on the path. */
    char *address = memmove(rest - 1, rest, len);
    address[len] = '\0';
    condition->number = HTTP_PORT;
    return parse_address(address, condition, error) && judge_host(condition, error);
}

static void print_address(const struct condition *condition, struct text *out) {
    print_host(condition, out);
    if (condition->number != HTTP_PORT)
        text_printf(out, ":%d", condition->number);
    text_str(out, condition->path);
}

void condition_print_url(const struct condition *condition, struct text *out) {
    text_str(out, rows[CONDITION_HTTP].prefix);
    print_address(condition, out);
}

void condition_print_expected(const struct condition *condition, struct text *out) {
    if (condition->status_min == condition->status_max)
        text_printf(out, "%d", condition->status_min);
    else if (condition->status_min != STATUS_MIN || condition->status_max != STATUS_MAX)
        text_printf(out, "%dxx", condition->status_min / 100);
}

static void print_http(const struct condition *condition, struct text *out) {
    TEXT_AUTO struct text expected = {0};
    print_address(condition, out);
    condition_print_expected(condition, &expected);
    if (expected.len > 0)
        text_printf(out, " = %s", text_get(&expected));
}

/* What is one string or one number */

static bool parse_unix(char *rest, struct condition *condition, struct text *error) {
    condition->path = rest;
    return *rest != '\0' || refuse(error, "the path is missing");
}

static bool parse_exec(char *rest, struct condition *condition, struct text *error) {
    struct words words;
    condition->path = rest;
    if (!words_split(rest, &words, error))
        return false;
    bool is_empty = words.count == 0;
    words_fini(&words);
    return !is_empty || refuse(error, "the command is missing");
}

static bool parse_log(char *rest, struct condition *condition, struct text *error) {
    condition->path = rest;
    if (*rest == '\0')
        return refuse(error, "the regular expression is missing");
    regex_t regex;
    int code = regcomp(&regex, rest, REG_EXTENDED | REG_NOSUB);
    if (code == 0) {
        regfree(&regex);
        return true;
    }
    char why[128];
    (void)regerror(code, &regex, why, sizeof(why));
    text_printf(error, "not a POSIX extended regular expression: %s", why);
    return false;
}

static void print_path(const struct condition *condition, struct text *out) {
    text_str(out, condition->path);
}

static bool parse_fd(char *rest, struct condition *condition, struct text *error) {
    int64_t number;
    if (!value_parse_int(rest, FD_MIN, FD_MAX, &number, error))
        return false;
    condition->number = (int)number;
    return true;
}

static void print_number(const struct condition *condition, struct text *out) {
    text_printf(out, "%d", condition->number);
}

/* All kinds */

static bool refuse_unknown(const char *string, struct text *error) {
    if (strncmp(string, "https://", 8) == 0)
        return refuse(error,
                      "https:// is not probed: use http:// behind the proxy, or exec:curl -fsS with the address");
    const char *prefixes[ROWS] = {NULL};
    for (size_t i = FIRST_ROW; i < ROWS; i++)
        prefixes[i - FIRST_ROW] = rows[i].prefix;
    TEXT_AUTO struct text word = {0};
    text_append(&word, string, strcspn(string, ":"));
    if (string[word.len] == ':')
        text_char(&word, ':');
    const char *near = diag_nearest(text_get(&word), prefixes);
    text_str(error, "not a known condition");
    if (near) {
        text_printf(error, " (did you mean %s?)", near);
        return false;
    }
    for (size_t i = FIRST_ROW; i < ROWS; i++)
        text_printf(error, "%s%s", i == FIRST_ROW ? ": one of " : ", ", rows[i].help.syntax);
    return false;
}

static size_t find_row(const char *string) {
    for (size_t i = FIRST_ROW; i < ROWS; i++) {
        size_t len = strlen(rows[i].prefix);
        if (strncmp(string, rows[i].prefix, len) == 0 && (rows[i].parse || string[len] == '\0'))
            return i;
    }
    return ROWS;
}

bool condition_parse(const char *string, struct condition *out, struct text *error) {
    size_t i = find_row(string);
    if (i == ROWS)
        return refuse_unknown(string, error);
    struct condition condition = {.kind = (enum condition_kind)i, .text = strdup(string)};
    if (!condition.text)
        return refuse(error, "out of memory");
    if (rows[i].parse) {
        TEXT_AUTO struct text why = {0};
        if (!rows[i].parse(condition.text + strlen(rows[i].prefix), &condition, &why)) {
            text_printf(error, "%s: %s", rows[i].help.syntax, text_get(&why));
            condition_fini(&condition);
            return false;
        }
    }
    *out = condition;
    return true;
}

void condition_print(const struct condition *condition, struct text *out) {
    if (condition->kind == CONDITION_DEFAULT)
        return;
    const struct row *row = &rows[condition->kind];
    text_str(out, row->prefix);
    if (row->print)
        row->print(condition, out);
}

bool condition_is_repeatable(const struct condition *condition) {
    switch (condition->kind) {
    case CONDITION_TCP:
    case CONDITION_UNIX:
    case CONDITION_HTTP:
    case CONDITION_EXEC:
        return true;
    case CONDITION_DEFAULT:
    case CONDITION_SPAWNED:
    case CONDITION_NOTIFY:
    case CONDITION_PORT:
    case CONDITION_LOG:
    case CONDITION_FD:
    case CONDITION_EXIT:
        break;
    }
    return false;
}

void condition_fini(struct condition *condition) {
    free(condition->text);
    *condition = (struct condition){0};
}
