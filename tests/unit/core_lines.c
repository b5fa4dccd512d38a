#include "core/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/text.h"

/* Feeds bytes in chunks and writes down each line as `<line>` or, when it is cut, `<line+`. */
struct feed {
    char *carry;
    size_t carry_len;
    struct text seen;
};

static void feed_lines(struct feed *feed, const char *bytes, size_t len, bool ended) {
    while (len > 0) {
        struct line line;
        size_t taken = lines_next(bytes, len, ended, &line);
        assert_true(taken > 0 && taken <= len);
        assert_true(line.len <= LIMIT_LOG_LINE);
        text_char(&feed->seen, '<');
        text_append(&feed->seen, line.data, line.len);
        text_char(&feed->seen, line.cut ? '+' : '>');
        bytes += taken;
        len -= taken;
    }
}

static void feed_chunk(struct feed *feed, const char *bytes, size_t len) {
    char *joined = malloc(feed->carry_len + len + 1);
    assert_non_null(joined);
    if (feed->carry_len > 0)
        memcpy(joined, feed->carry, feed->carry_len);
    memcpy(joined + feed->carry_len, bytes, len);
    size_t all = feed->carry_len + len;
    size_t whole = lines_whole(joined, all, feed->carry_len);
    feed_lines(feed, joined, whole, false);
    free(feed->carry);
    feed->carry_len = all - whole;
    assert_true(feed->carry_len <= LIMIT_LOG_LINE);
    feed->carry = malloc(feed->carry_len + 1);
    assert_non_null(feed->carry);
    memcpy(feed->carry, joined + whole, feed->carry_len);
    free(joined);
}

static char *feed_end(struct feed *feed) {
    feed_lines(feed, feed->carry, feed->carry_len, true);
    free(feed->carry);
    return text_take(&feed->seen);
}

static char *seen_in_chunks(const char *bytes, size_t len, size_t first, size_t further) {
    struct feed feed = {0};
    feed_chunk(&feed, bytes, first);
    for (size_t at = first; at < len; at += further)
        feed_chunk(&feed, bytes + at, len - at < further ? len - at : further);
    return feed_end(&feed);
}

static void split_at_every_byte_gives_the_same(void **state) {
    (void)state;
    static const char bytes[] = "one\n\ntwo three\r\n\0four\n\n\xff\xfe\nfive";
    size_t len = sizeof bytes - 1;
    char *whole = seen_in_chunks(bytes, len, len, len);
    for (size_t first = 0; first <= len; first++) {
        for (size_t further = 1; further <= 5; further++) {
            char *split = seen_in_chunks(bytes, len, first, further);
            assert_memory_equal(split, whole, len + 10);
            free(split);
        }
    }
    assert_string_equal(whole, "<one><><two three\r><");
    free(whole);
}

/* Lines around the limit, of two-byte characters, split in many ways. */
static void long_lines_are_cut_alike_however_they_come(void **state) {
    (void)state;
    struct text bytes = {0};
    for (int extra = -2; extra <= 3; extra++) {
        for (int i = 0; i < LIMIT_LOG_LINE + extra; i++)
            text_char(&bytes, (i + extra) % 2 ? '\xC3' : '\xA9');
        text_char(&bytes, '\n');
    }
    for (int i = 0; i < 3 * LIMIT_LOG_LINE; i++)
        text_char(&bytes, 'x');
    char *whole = seen_in_chunks(bytes.data, bytes.len, bytes.len, 1);
    const size_t sizes[] = {1000, 4096, 65535, 65536, 65537, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *split = seen_in_chunks(bytes.data, bytes.len, 7, sizes[i]);
        assert_string_equal(split, whole);
        free(split);
    }
    assert_non_null(strstr(whole, "x+<x"));
    assert_null(strstr(whole, "\xC3+"));
    assert_null(strstr(whole, "+>"));
    free(whole);
    text_fini(&bytes);
}

static void a_line_of_just_the_limit_is_not_cut(void **state) {
    (void)state;
    char *bytes = malloc(LIMIT_LOG_LINE + 2);
    assert_non_null(bytes);
    memset(bytes, 'x', LIMIT_LOG_LINE + 1);
    bytes[LIMIT_LOG_LINE + 1] = '\n';
    struct line line;
    assert_int_equal(lines_next(bytes + 1, LIMIT_LOG_LINE + 1, true, &line), LIMIT_LOG_LINE + 1);
    assert_false(line.cut);
    assert_int_equal(lines_next(bytes, LIMIT_LOG_LINE + 2, true, &line), LIMIT_LOG_LINE);
    assert_true(line.cut);
    assert_int_equal(lines_whole(bytes, LIMIT_LOG_LINE, 0), 0);
    assert_int_equal(lines_whole(bytes, LIMIT_LOG_LINE + 1, 0), LIMIT_LOG_LINE);
    free(bytes);
}

static void stamps_go_both_ways(void **state) {
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *stamp;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951868799001, "2000-02-29T23:59:59.001Z"},
        {1795260004123, "2026-11-21T11:20:04.123Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char stamp[LINES_STAMP + 1];
        lines_stamp(rows[i].wall_ms, stamp);
        assert_string_equal(stamp, rows[i].stamp);
        int64_t back = 42;
        assert_true(lines_parse_stamp(stamp, LINES_STAMP, &back));
        assert_int_equal(back, rows[i].wall_ms);
    }
    int64_t untouched = 42;
    assert_false(lines_parse_stamp("2026-11-21T11:20:04.123", 23, &untouched));
    assert_false(lines_parse_stamp("2026-11-21 11:20:04.123Z", 24, &untouched));
    assert_false(lines_parse_stamp("2026-13-21T11:20:04.123Z", 24, &untouched));
    assert_int_equal(untouched, 42);
}

static struct lines_source source_of(bool is_stderr) {
    struct lines_source source = {.is_stderr = is_stderr, .app = "backend"};
    lines_stamp(1795260004123, source.stamp);
    return source;
}

static void text_entries(void **state) {
    (void)state;
    struct lines_source source = source_of(false);
    char entry[200];
    size_t len = lines_text(&source, &(struct line){"hello\tthere", 11, false}, entry);
    entry[len] = '\0';
    assert_string_equal(entry, "2026-11-21T11:20:04.123Z stdout hello\tthere\n");
    source = source_of(true);
    len = lines_text(&source, &(struct line){"long", 4, true}, entry);
    entry[len] = '\0';
    assert_string_equal(entry, "2026-11-21T11:20:04.123Z stderr+ long\n");
    int64_t time;
    assert_true(lines_entry_time(entry, len, &time));
    assert_int_equal(time, 1795260004123);
}

static void json_entries(void **state) {
    (void)state;
    struct lines_source source = source_of(true);
    char entry[300];
    size_t len = lines_json(&source, &(struct line){"say \"hi\"\\\t\x01\r", 12, true}, entry);
    entry[len] = '\0';
    assert_string_equal(entry, "{\"time\":\"2026-11-21T11:20:04.123Z\",\"stream\":\"stderr\",\"app\":\"backend\","
                               "\"partial\":true,\"line\":\"say \\\"hi\\\"\\\\\\t\\u0001\\r\"}\n");
    int64_t time;
    assert_true(lines_entry_time(entry, len, &time));
    assert_int_equal(time, 1795260004123);
}

/* Every pair of bytes, before and after a character of two, three and four bytes. */
static void json_is_valid_whatever_the_bytes(void **state) {
    (void)state;
    struct lines_source source = source_of(false);
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char bytes[] = {'x',     (char)a, (char)b, '\xE2', '\x82', '\xAC',
                            (char)b, '\xF0',  '\x9F',  '\x98', '\x80', (char)a};
            char entry[2000];
            assert_true(lines_entries_max(&source, sizeof bytes) <= sizeof entry);
            size_t len = lines_json(&source, &(struct line){bytes, sizeof bytes, false}, entry);
            assert_int_equal(memchr(entry, '\n', len) == entry + len - 1, 1);
            json_t *object = json_loadb(entry, len, JSON_ALLOW_NUL, NULL);
            assert_non_null(object);
            const char *line = json_string_value(json_object_get(object, "line"));
            assert_non_null(line);
            size_t line_len = json_string_length(json_object_get(object, "line"));
            assert_non_null(memmem(line, line_len, "\xE2\x82\xAC", 3));
            json_decref(object);
        }
    }
}

static void the_worst_bytes_fit_the_bound(void **state) {
    (void)state;
    struct lines_source source = source_of(true);
    char *out = malloc(lines_entries_max(&source, LIMIT_LOG_LINE));
    char *bytes = malloc(LIMIT_LOG_LINE);
    assert_true(out && bytes);
    memset(bytes, '\x01', LIMIT_LOG_LINE);
    size_t len = lines_json(&source, &(struct line){bytes, LIMIT_LOG_LINE, true}, out);
    assert_true(len <= lines_entries_max(&source, LIMIT_LOG_LINE));
    size_t empty = lines_json(&source, &(struct line){"", 0, false}, out);
    assert_true(empty * LIMIT_LOG_LINE <= lines_entries_max(&source, LIMIT_LOG_LINE));
    free(bytes);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_at_every_byte_gives_the_same),
        cmocka_unit_test(long_lines_are_cut_alike_however_they_come),
        cmocka_unit_test(a_line_of_just_the_limit_is_not_cut),
        cmocka_unit_test(stamps_go_both_ways),
        cmocka_unit_test(text_entries),
        cmocka_unit_test(json_entries),
        cmocka_unit_test(json_is_valid_whatever_the_bytes),
        cmocka_unit_test(the_worst_bytes_fit_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
