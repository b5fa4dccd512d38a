#include "cli/handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/code.h"
#include "core/layers.h"
#include "core/lines.h"
#include "core/log_index.h"

/* ---- a folder with a manifest, and the command run in a child of its own ---- */

static char dir[64];

static const char *in_dir(const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof *paths, "%s/%s", dir, name);
    return path;
}

static void append_bytes(const char *name, const void *bytes, size_t len) {
    int fd = open(in_dir(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void append(const char *name, const char *string) {
    append_bytes(name, string, strlen(string));
}

static char *content(int fd) {
    struct text text = {0};
    char block[65536];
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;)
        text_append(&text, block, (size_t)n);
    return text_take(&text);
}

static bool load(const char *path, const char *profile, struct manifest *out, struct diags *diags) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *bytes = content(fd);
    close(fd);
    struct env none = {0};
    bool is_good = manifest_parse(bytes, strlen(bytes), path, dir, profile, &none, out, diags);
    free(bytes);
    return is_good;
}

static int no_file(void *context, const char *path, char **bytes_out, size_t *len_out) {
    (void)context;
    (void)path;
    (void)bytes_out;
    (void)len_out;
    return -ENOENT;
}

static bool environment(const struct manifest *manifest, const struct manifest_app *app, struct env *env,
                        struct diags *diags) {
    struct env none = {0};
    return layers_build(manifest, app, &none, no_file, NULL, env, diags);
}

/* Marks what `name` has grown by since `begin` as written at wall_ms. */
static void mark(const char *name, uint64_t begin, int64_t wall_ms) {
    struct stat st;
    assert_int_equal(stat(in_dir(name), &st), 0);
    struct log_mark mark = {
        .wall_ms = wall_ms, .file = log_index_file(st.st_dev, st.st_ino), .begin = begin, .end = (uint64_t)st.st_size};
    append_bytes("run/" LOG_INDEX_NAME, &mark, sizeof mark);
}

static void write_raw(const char *name, const char *string, int64_t wall_ms) {
    struct stat st = {0};
    (void)stat(in_dir(name), &st);
    append(name, string);
    mark(name, (uint64_t)st.st_size, wall_ms);
}

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/upkeep-logs-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mkdir(in_dir("run"), 0700), 0);
    assert_int_equal(mkdir(in_dir("logs"), 0755), 0);
    append("upkeep.ini", "[upkeep]\nruntime_dir = run\n"
                         "[app:web]\ncommand = true\n"
                         "[app:db]\ncommand = true\nstderr = logs/db.err\n");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

struct child {
    pid_t pid;
    int out;
    int err;
};

/* args: space-separated apps; lines: -1 for none given. */
static struct child begin(bool follow, int lines, const char *args) {
    int out[2];
    int err[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    (void)fflush(NULL);
    struct child child = {.pid = fork(), .out = out[0], .err = err[0]};
    assert_true(child.pid >= 0);
    if (child.pid > 0) {
        close(out[1]);
        close(err[1]);
        return child;
    }
    (void)dup2(out[1], STDOUT_FILENO);
    (void)dup2(err[1], STDERR_FILENO);
    close(out[0]);
    close(out[1]);
    (void)signal(SIGPIPE, SIG_IGN);
    char words[64];
    char *list[8];
    (void)snprintf(words, sizeof words, "%s", args);
    size_t count = 0;
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        list[count++] = word;
    static const struct local local = {.load = load, .environment = environment};
    struct invocation invocation = {.local = &local, .args = list, .arg_count = count};
    invocation.options.given[OPTION_MANIFEST] = true;
    invocation.options.word[OPTION_MANIFEST] = in_dir("upkeep.ini");
    invocation.options.given[OPTION_FOLLOW] = follow;
    invocation.options.given[OPTION_LINES] = lines >= 0;
    invocation.options.number[OPTION_LINES] = lines;
    int code = logs_command(&invocation);
    (void)fflush(stdout);
    _exit(code);
}

static int end(struct child *child) {
    close(child->out);
    close(child->err);
    int status;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_shows(int lines, const char *args, const char *expected) {
    struct child child = begin(false, lines, args);
    char *out = content(child.out);
    char *err = content(child.err);
    assert_string_equal(out, expected);
    assert_string_equal(err, "");
    assert_int_equal(end(&child), CODE_DONE);
    free(out);
    free(err);
}

/* Reads until this, and nothing else, was shown. */
static void await(struct child *child, const char *expected) {
    char seen[4096];
    size_t len = 0;
    while (len < strlen(expected)) {
        struct pollfd polled = {.fd = child->out, .events = POLLIN};
        if (poll(&polled, 1, 20000) <= 0)
            fail_msg("nothing more than \"%.*s\"", (int)len, seen);
        ssize_t n = read(child->out, seen + len, sizeof seen - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    seen[len] = '\0';
    assert_string_equal(seen, expected);
}

/* ---- the last lines ---- */

static void nothing_was_written_yet(void **state) {
    (void)state;
    assert_shows(-1, "", "");
}

static void one_app_is_shown_as_it_wrote(void **state) {
    (void)state;
    append("logs/web.log", "one\n\nthree\x1b[2J\nunfinished");
    assert_shows(-1, "web", "one\n\nthree\x1b[2J\nunfinished\n");
    assert_shows(2, "web", "three\x1b[2J\nunfinished\n");
    assert_shows(0, "web", "");
}

static void raw_lines_are_merged_by_the_index(void **state) {
    (void)state;
    write_raw("logs/web.log", "w1\nw2\n", 1000);
    write_raw("logs/db.log", "d1\n", 2000);
    write_raw("logs/db.err", "e1\n", 2000);
    write_raw("logs/web.log", "w3\n", 2000);
    write_raw("logs/db.log", "d2\n", 3000);
    assert_shows(-1, "", "web | w1\nweb | w2\ndb  | d1\ndb  | e1\nweb | w3\ndb  | d2\n");
    assert_shows(3, "web db", "db  | e1\nweb | w3\ndb  | d2\n");
    assert_shows(2, "db", "e1\nd2\n");
}

static void what_is_not_in_the_index_is_older(void **state) {
    (void)state;
    append("logs/web.log", "old\n");
    write_raw("logs/db.log", "d1\n", 1000);
    write_raw("logs/web.log", "new\n", 2000);
    append("logs/web.log", "later\n");
    write_raw("logs/db.log", "d2\n", 3000);
    assert_shows(-1, "", "web | old\ndb  | d1\nweb | new\nweb | later\ndb  | d2\n");
}

static void a_truncated_file_leaves_its_old_marks_behind(void **state) {
    (void)state;
    write_raw("logs/web.log", "a\nb\nc\nd\n", 1000);
    write_raw("logs/db.log", "d1\n", 2000);
    assert_int_equal(truncate(in_dir("logs/web.log"), 0), 0);
    write_raw("logs/web.log", "new\n", 3000);
    assert_shows(-1, "", "db  | d1\nweb | new\n");
}

static void a_broken_index_does_no_harm(void **state) {
    (void)state;
    append("run/" LOG_INDEX_NAME, "this is no index, but it is longer than a mark is");
    append("logs/web.log", "one\n");
    append("logs/db.log", "two\n");
    assert_shows(-1, "", "web | one\ndb  | two\n");
}

static void entries_are_merged_by_their_stamps(void **state) {
    (void)state;
    append("upkeep.ini", "log_format = json\n[app:cron]\ncommand = true\nlog_format = text\n");
    append("logs/db.log", "{\"time\":\"2026-11-21T11:20:04.123Z\",\"stream\":\"stdout\",\"line\":\"one\"}\n"
                          "{\"time\":\"2026-11-21T11:20:06.000Z\",\"stream\":\"stdout\",\"line\":\"three\"}\n");
    append("logs/cron.log", "2026-11-21T11:20:05.000Z stdout two\n2026-11-21T11:20:07.000Z stdout four\n");
    assert_shows(-1, "db cron",
                 "db   | {\"time\":\"2026-11-21T11:20:04.123Z\",\"stream\":\"stdout\",\"line\":\"one\"}\n"
                 "cron | 2026-11-21T11:20:05.000Z stdout two\n"
                 "db   | {\"time\":\"2026-11-21T11:20:06.000Z\",\"stream\":\"stdout\",\"line\":\"three\"}\n"
                 "cron | 2026-11-21T11:20:07.000Z stdout four\n");
}

static void the_end_of_a_huge_file_is_found(void **state) {
    (void)state;
    append("logs/web.log", "beginning\n");
    assert_int_equal(truncate(in_dir("logs/web.log"), (off_t)1 << 40), 0);
    append("logs/web.log", "\nlast but one\nlast\n");
    assert_shows(2, "web", "last but one\nlast\n");
}

static void long_lines_are_shown_in_pieces(void **state) {
    (void)state;
    struct text line = {0};
    for (int i = 0; i < 3 * LIMIT_LOG_LINE; i++)
        text_char(&line, 'x');
    text_char(&line, '\n');
    append("logs/web.log", "before\n");
    append_bytes("logs/web.log", line.data, line.len);
    append("logs/web.log", "after\n");
    text_fini(&line);
    struct child child = begin(false, 2, "web");
    char *out = content(child.out);
    assert_int_equal(strlen(out), 3 * LIMIT_LOG_LINE + 3 + strlen("after\n"));
    assert_string_equal(strchr(out + 3 * LIMIT_LOG_LINE, 'a'), "after\n");
    free(out);
    assert_int_equal(end(&child), CODE_DONE);
}

static void who_keeps_no_log_is_told_of(void **state) {
    (void)state;
    append("upkeep.ini", "[app:quiet]\ncommand = true\nstdout = null\n");
    struct child child = begin(false, -1, "quiet");
    char *err = content(child.err);
    assert_string_equal(err, "upkeep: quiet: no log is kept (stdout = null)\n");
    free(err);
    assert_int_equal(end(&child), CODE_DONE);
}

static void an_unknown_app_is_code_4(void **state) {
    (void)state;
    struct child child = begin(false, -1, "wbe");
    char *err = content(child.err);
    assert_non_null(strstr(err, "did you mean web?"));
    free(err);
    assert_int_equal(end(&child), CODE_NO_APP);
}

static void a_file_that_cannot_be_read_fails(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_dir("logs/web.log"), 0700), 0);
    struct child child = begin(false, -1, "web");
    char *err = content(child.err);
    assert_non_null(strstr(err, "upkeep: web: cannot read "));
    free(err);
    assert_int_equal(end(&child), CODE_FAILED);
}

/* ---- following ---- */

static void stop(struct child *child) {
    assert_int_equal(kill(child->pid, SIGINT), 0);
    char *rest = content(child->out);
    assert_string_equal(rest, "");
    free(rest);
    assert_int_equal(end(child), CODE_DONE);
}

static void new_lines_are_shown_as_they_come(void **state) {
    (void)state;
    append("logs/web.log", "one\ntwo\n");
    struct child child = begin(true, 1, "web");
    await(&child, "two\n");
    append("logs/web.log", "thr");
    append("logs/web.log", "ee\nfour\n");
    await(&child, "three\nfour\n");
    stop(&child);
}

static void an_unfinished_line_is_shown_when_it_stays_so(void **state) {
    (void)state;
    append("logs/web.log", "one\n");
    struct child child = begin(true, 1, "web");
    await(&child, "one\n");
    append("logs/web.log", "killed in mid-li");
    await(&child, "killed in mid-li\n");
    append("logs/web.log", "\nnext process\n");
    await(&child, "next process\n");
    stop(&child);
}

static void rotation_truncation_and_removal_are_followed(void **state) {
    (void)state;
    append("logs/web.log", "one\n");
    struct child child = begin(true, 5, "web");
    await(&child, "one\n");
    assert_int_equal(rename(in_dir("logs/web.log"), in_dir("logs/web.log.1")), 0);
    append("logs/web.log.1", "late\n");
    await(&child, "late\n");
    append("logs/web.log", "rotated\n");
    await(&child, "rotated\n");
    assert_int_equal(truncate(in_dir("logs/web.log"), 0), 0);
    append("logs/web.log", "cut\n");
    await(&child, "cut\n");
    assert_int_equal(unlink(in_dir("logs/web.log")), 0);
    append("logs/web.log", "anew\n");
    await(&child, "anew\n");
    stop(&child);
}

static void files_and_folders_may_come_later(void **state) {
    (void)state;
    assert_int_equal(rmdir(in_dir("logs")), 0);
    struct child child = begin(true, 5, "web db");
    assert_int_equal(mkdir(in_dir("logs"), 0755), 0);
    append("logs/db.log", "hello\n");
    await(&child, "db  | hello\n");
    append("logs/web.log", "there\n");
    await(&child, "web | there\n");
    append("logs/db.err", "oh\n");
    await(&child, "db  | oh\n");
    stop(&child);
}

static void it_ends_when_nobody_reads_any_more(void **state) {
    (void)state;
    append("logs/web.log", "one\n");
    struct child child = begin(true, 1, "web");
    await(&child, "one\n");
    assert_int_equal(end(&child), CODE_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define LOGS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        LOGS_TEST(nothing_was_written_yet),
        LOGS_TEST(one_app_is_shown_as_it_wrote),
        LOGS_TEST(raw_lines_are_merged_by_the_index),
        LOGS_TEST(what_is_not_in_the_index_is_older),
        LOGS_TEST(a_truncated_file_leaves_its_old_marks_behind),
        LOGS_TEST(a_broken_index_does_no_harm),
        LOGS_TEST(entries_are_merged_by_their_stamps),
        LOGS_TEST(the_end_of_a_huge_file_is_found),
        LOGS_TEST(long_lines_are_shown_in_pieces),
        LOGS_TEST(who_keeps_no_log_is_told_of),
        LOGS_TEST(an_unknown_app_is_code_4),
        LOGS_TEST(a_file_that_cannot_be_read_fails),
        LOGS_TEST(new_lines_are_shown_as_they_come),
        LOGS_TEST(an_unfinished_line_is_shown_when_it_stays_so),
        LOGS_TEST(rotation_truncation_and_removal_are_followed),
        LOGS_TEST(files_and_folders_may_come_later),
        LOGS_TEST(it_ends_when_nobody_reads_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
