/* Bytes to lines, and lines to the entries of a log file. Pure: where the bytes come from, how they were split on the
 * way and what time it is are for others. However a stream of bytes is split, the same lines come out. */
#ifndef UPKEEP_CORE_LINES_H
#define UPKEEP_CORE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

/* One line, or a piece of one that is longer than LIMIT_LOG_LINE. */
struct line {
    const char *data; /* borrowed, not NUL-terminated, without its newline */
    size_t len;       /* at most LIMIT_LOG_LINE */
    bool cut;         /* the line goes on in the next piece */
};

/* How many of the len bytes can be handed on now: whole lines with their newlines and, of a line that is already too
 * long, its full pieces. What is left is at most LIMIT_LOG_LINE bytes without a newline, to be put before the bytes
 * that follow. searched: this many bytes at the start are known to hold no newline. */
size_t lines_whole(const char *bytes, size_t len, size_t searched);

/* The first line or piece of len (not 0) bytes that lines_whole() gave; returns how many bytes it takes, its newline
 * included. ended: nothing follows, so that bytes without a newline are the last line, and not a piece of one. */
size_t lines_next(const char *bytes, size_t len, bool ended, struct line *out);

/* `2026-11-21T11:20:04.123Z`: UTC, to the millisecond, sorts as text. */
enum { LINES_STAMP = 24 };

/* Writes LINES_STAMP bytes and a NUL. wall_ms: milliseconds since 1970, of the years 0 … 9999. */
void lines_stamp(int64_t wall_ms, char out[LINES_STAMP + 1]);

/* False when the bytes do not begin with a stamp. */
bool lines_parse_stamp(const char *bytes, size_t len, int64_t *wall_ms_out);

/* What the entries of one batch of lines have in common. */
struct lines_source {
    char stamp[LINES_STAMP + 1];
    bool is_stderr;
    const char *app; /* of manifest name characters only: not escaped */
};

/* How many bytes the entries of len bytes of lines can take, in either format. */
size_t lines_entries_max(const struct lines_source *source, size_t len);

/* `STAMP stdout LINE\n`, the line as it is; `stdout+` when the line is cut. Returns the length. */
size_t lines_text(const struct lines_source *source, const struct line *line, char *out);

/* `{"time":"STAMP","stream":"stdout","app":"NAME","line":"LINE"}\n`, with `"partial":true` when the line is cut. Valid
 * JSON whatever the bytes: what is not UTF-8 becomes U+FFFD, control characters are escaped. Returns the length. */
size_t lines_json(const struct lines_source *source, const struct line *line, char *out);

/* The time of an entry in either format; false when it is none. */
bool lines_entry_time(const char *entry, size_t len, int64_t *wall_ms_out);

/* Length (1 … 4) of the well-formed UTF-8 sequence at the start of len bytes, 0 when there is none. */
size_t lines_utf8_span(const char *bytes, size_t len);

#endif
