#include "core/lines.h"

#include <string.h>

/* Where to cut a line that has more than LIMIT_LOG_LINE bytes: not within a character, if they are characters. */
static size_t lines_cut(const char *bytes) {
    for (size_t at = LIMIT_LOG_LINE; at > LIMIT_LOG_LINE - 4; at--)
        if (((unsigned char)bytes[at] & 0xC0) != 0x80)
            return at;
    return LIMIT_LOG_LINE;
}

size_t lines_whole(const char *bytes, size_t len, size_t searched) {
    const char *newline = memrchr(bytes + searched, '\n', len - searched);
    size_t whole = newline ? (size_t)(newline - bytes) + 1 : 0;
    while (len - whole > LIMIT_LOG_LINE)
        whole += lines_cut(bytes + whole);
    return whole;
}

size_t lines_next(const char *bytes, size_t len, bool ended, struct line *out) {
    const char *newline = memchr(bytes, '\n', len <= LIMIT_LOG_LINE ? len : LIMIT_LOG_LINE + 1);
    size_t line = newline ? (size_t)(newline - bytes) : len;
    if (line > LIMIT_LOG_LINE)
        line = lines_cut(bytes);
    *out = (struct line){bytes, line, !newline && !(ended && line == len)};
    return newline ? line + 1 : line;
}

/* Days since 1970-01-01 and back, in the Gregorian calendar: years begin in March, so that the leap day is the last;
 * eras are of 400 years. */
static int64_t lines_days(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void lines_civil(int64_t days, unsigned *year_out, unsigned *month_out, unsigned *day_out) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    *day_out = day_of_year - (153 * month + 2) / 5 + 1;
    *month_out = month < 10 ? month + 3 : month - 9;
    *year_out = (unsigned)(year_of_era + era * 400) + (*month_out <= 2);
}

static void lines_digits(char *out, unsigned value, unsigned digits) {
    while (digits > 0) {
        out[--digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

static const char lines_stamp_form[] = "0000-00-00T00:00:00.000Z";

void lines_stamp(int64_t wall_ms, char out[LINES_STAMP + 1]) {
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    int64_t days = wall_ms / DAY_MS - (wall_ms % DAY_MS < 0);
    unsigned ms = (unsigned)(wall_ms - days * DAY_MS);
    unsigned year, month, day;
    lines_civil(days, &year, &month, &day);
    memcpy(out, lines_stamp_form, sizeof lines_stamp_form);
    lines_digits(out, year, 4);
    lines_digits(out + 5, month, 2);
    lines_digits(out + 8, day, 2);
    lines_digits(out + 11, ms / 3600000, 2);
    lines_digits(out + 14, ms / 60000 % 60, 2);
    lines_digits(out + 17, ms / 1000 % 60, 2);
    lines_digits(out + 20, ms % 1000, 3);
}

static unsigned lines_number(const char *digits, unsigned count) {
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value * 10 + (unsigned)(digits[i] - '0');
    return value;
}

bool lines_parse_stamp(const char *bytes, size_t len, int64_t *wall_ms_out) {
    if (len < LINES_STAMP)
        return false;
    for (unsigned i = 0; i < LINES_STAMP; i++) {
        bool is_digit = bytes[i] >= '0' && bytes[i] <= '9';
        if (lines_stamp_form[i] == '0' ? !is_digit : bytes[i] != lines_stamp_form[i])
            return false;
    }
    unsigned month = lines_number(bytes + 5, 2);
    unsigned day = lines_number(bytes + 8, 2);
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int64_t days = lines_days(lines_number(bytes, 4), month, day);
    int64_t minutes = (days * 24 + lines_number(bytes + 11, 2)) * 60 + lines_number(bytes + 14, 2);
    *wall_ms_out = (minutes * 60 + lines_number(bytes + 17, 2)) * 1000 + lines_number(bytes + 20, 3);
    return true;
}

static const char *lines_stream_word(bool is_stderr) {
    return is_stderr ? "stderr" : "stdout";
}

static const char lines_json_time[] = "{\"time\":\"";

size_t lines_entries_max(const struct lines_source *source, size_t len) {
    enum { JSON_FRAME = 96 }; /* generous for all that is neither the app's name nor the line */
    enum { WORST_ESCAPE = 6 };
    /* Each byte may be a line of its own. */
    return (len + 1) * (JSON_FRAME + strlen(source->app) + WORST_ESCAPE);
}

static char *lines_put(char *at, const char *bytes, size_t len) {
    memcpy(at, bytes, len);
    return at + len;
}

static char *lines_put_string(char *at, const char *string) {
    return lines_put(at, string, strlen(string));
}

size_t lines_text(const struct lines_source *source, const struct line *line, char *out) {
    char *at = lines_put(out, source->stamp, LINES_STAMP);
    *at++ = ' ';
    at = lines_put_string(at, lines_stream_word(source->is_stderr));
    at = lines_put_string(at, line->cut ? "+ " : " ");
    at = lines_put(at, line->data, line->len);
    *at++ = '\n';
    return (size_t)(at - out);
}

size_t lines_utf8_span(const char *bytes, size_t len) {
    /* Lead bytes, how long their sequence is, and what its second byte may be: that leaves out overlong forms,
     * surrogates and what is beyond U+10FFFF. */
    static const struct {
        unsigned char lead_first, lead_last, span, second_first, second_last;
    } forms[] = {
        {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
        {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
        {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
    };
    const unsigned char *s = (const unsigned char *)bytes;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && len > 0; i++) {
        if (s[0] < forms[i].lead_first || s[0] > forms[i].lead_last)
            continue;
        if (forms[i].span > len)
            return 0;
        if (forms[i].span > 1 && (s[1] < forms[i].second_first || s[1] > forms[i].second_last))
            return 0;
        for (size_t k = 2; k < forms[i].span; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].span;
    }
    return 0;
}

static char *lines_put_escape(char *at, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* of 0x08 … 0x0D */
    *at++ = '\\';
    if (c == '"' || c == '\\') {
        *at++ = (char)c;
    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        *at++ = letters[c - '\b'];
    } else {
        at = lines_put(at, "u00", 3);
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    return at;
}

static bool lines_is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static char *lines_put_json(char *at, const char *bytes, size_t len) {
    const char *end = bytes + len;
    while (bytes < end) {
        const char *plain = bytes;
        while (plain < end && lines_is_plain((unsigned char)*plain))
            plain++;
        at = lines_put(at, bytes, (size_t)(plain - bytes));
        bytes = plain;
        if (bytes == end)
            break;
        if ((unsigned char)*bytes < 0x80) {
            at = lines_put_escape(at, (unsigned char)*bytes++);
            continue;
        }
        size_t span = lines_utf8_span(bytes, (size_t)(end - bytes));
        at = span > 0 ? lines_put(at, bytes, span) : lines_put(at, "\xEF\xBF\xBD", 3);
        bytes += span > 0 ? span : 1;
    }
    return at;
}

size_t lines_json(const struct lines_source *source, const struct line *line, char *out) {
    char *at = lines_put_string(out, lines_json_time);
    at = lines_put(at, source->stamp, LINES_STAMP);
    at = lines_put_string(at, "\",\"stream\":\"");
    at = lines_put_string(at, lines_stream_word(source->is_stderr));
    at = lines_put_string(at, "\",\"app\":\"");
    at = lines_put_string(at, source->app);
    at = lines_put_string(at, line->cut ? "\",\"partial\":true,\"line\":\"" : "\",\"line\":\"");
    at = lines_put_json(at, line->data, line->len);
    at = lines_put_string(at, "\"}\n");
    return (size_t)(at - out);
}

bool lines_entry_time(const char *entry, size_t len, int64_t *wall_ms_out) {
    size_t frame = sizeof lines_json_time - 1;
    if (len >= frame && memcmp(entry, lines_json_time, frame) == 0) {
        entry += frame;
        len -= frame;
    }
    return lines_parse_stamp(entry, len, wall_ms_out);
}
