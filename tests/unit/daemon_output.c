#include "daemon/output.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/limits.h"
#include "core/log_index.h"
#include "daemon/say.h"

/* ---- the world: a folder, a loop, a hub, one app; what is said is written down ---- */

static struct text said;

void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format,
            ...) {
    (void)place;
    va_list args;
    va_start(args, format);
    text_printf(&said, "<%d>%s: ", (int)level, about->app ? about->app : "-");
    text_vprintf(&said, format, args);
    text_char(&said, '\n');
    va_end(args);
}

struct world {
    char dir[64];
    struct loop *loop;
    struct output_hub *hub;
    struct output *app;
    struct app_config config;
    struct env env;
    struct loop_timer look;
    struct mono deadline;
    bool (*is_done)(struct world *);
    const char *path; /* for is_done */
    size_t size;
    int terminal[2];
    struct text shown;
};

static char *world_path(const struct world *world, const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof *paths, "%s/%s", world->dir, name);
    return path;
}

static void world_hub(struct world *world, int terminal_fd) {
    world->hub = output_hub_new(world->loop, world->dir, world_path(world, "logs"), terminal_fd);
    assert_non_null(world->hub);
    world->app = output_new(world->hub, "backend");
    assert_non_null(world->app);
}

static int world_setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    strcpy(world->dir, "/tmp/upkeep-output-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->loop = loop_new();
    assert_non_null(world->loop);
    world->config.stderr_target.kind = LOG_TO_STDOUT;
    world_hub(world, -1);
    *state = world;
    return 0;
}

static int world_teardown(void **state) {
    struct world *world = *state;
    output_hub_free(world->hub);
    loop_timer_stop(world->loop, &world->look);
    loop_free(world->loop);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", world->dir);
    assert_int_equal(system(command), 0);
    text_fini(&world->shown);
    env_fini(&world->env);
    text_fini(&said);
    free(world);
    return 0;
}

static void world_look(struct loop_timer *timer) {
    struct world *world = LOOP_CONTAINER(timer, struct world, look);
    struct mono now = loop_clock();
    if (world->is_done(world) || mono_reached(world->deadline, now))
        loop_break(world->loop);
    else
        loop_timer_at(world->loop, timer, mono_add_ms(now, 2), world_look);
}

/* Runs the loop until is_done or, after a generous time, fails. */
static void world_run(struct world *world, bool (*is_done)(struct world *)) {
    world->is_done = is_done;
    world->deadline = mono_add_ms(loop_clock(), 60000);
    loop_timer_at(world->loop, &world->look, loop_clock(), world_look);
    loop_run(world->loop);
    assert_true(is_done(world));
}

static bool has_size(struct world *world) {
    struct stat st;
    return stat(world->path, &st) == 0 && (size_t)st.st_size >= world->size;
}

static void world_run_until_size(struct world *world, const char *path, size_t size) {
    world->path = path;
    world->size = size;
    world_run(world, has_size);
}

static void world_prepare(struct world *world) {
    struct text error = {0};
    int r = output_prepare(world->app, &world->config, world->dir, &world->env, &error);
    assert_string_equal(text_get(&error), "");
    assert_int_equal(r, 0);
    text_fini(&error);
}

static int stdout_of(const struct output *output) {
    int fds[2];
    output_fds(output, &fds[0], &fds[1]);
    return fds[0];
}

static int stderr_of(const struct output *output) {
    int fds[2];
    output_fds(output, &fds[0], &fds[1]);
    return fds[1];
}

static void put_bytes(int fd, const char *bytes, size_t len) {
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

static void put(int fd, const char *string) {
    put_bytes(fd, string, strlen(string));
}

/* The whole of a file; heap. */
static char *content(const char *path, size_t *len_out) {
    FILE *file = fopen(path, "re");
    if (!file) {
        print_message("cannot open %s: %s\n", path, strerror(errno));
        fail();
    }
    struct text text = {0};
    char block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        text_append(&text, block, n);
    (void)fclose(file);
    if (len_out)
        *len_out = text.len;
    char *taken = text_take(&text);
    assert_non_null(taken);
    return taken;
}

static void assert_content(const char *path, const char *expected) {
    char *is = content(path, NULL);
    assert_string_equal(is, expected);
    free(is);
}

/* ---- raw ---- */

static void lines_arrive_from_the_loop(void **state) {
    struct world *world = *state;
    world_prepare(world);
    put(stdout_of(world->app), "one\ntwo\nthr");
    world_run_until_size(world, world_path(world, "logs/backend.log"), 8);
    assert_content(world_path(world, "logs/backend.log"), "one\ntwo\n");
    put(stdout_of(world->app), "ee\n");
    world_run_until_size(world, world_path(world, "logs/backend.log"), 14);
    assert_content(world_path(world, "logs/backend.log"), "one\ntwo\nthree\n");
    assert_string_equal(output_path(world->app, false), world_path(world, "logs/backend.log"));
    assert_string_equal(output_path(world->app, true), world_path(world, "logs/backend.log"));
}

static void the_last_bytes_of_a_process_are_kept_as_they_are(void **state) {
    struct world *world = *state;
    world_prepare(world);
    output_mark(world->app);
    put(stdout_of(world->app), "one\nkilled in mid-li");
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log"), "one\nkilled in mid-li");
    world_prepare(world);
    put(stdout_of(world->app), "next");
    output_drain(world->app);
    output_mark(world->app);
    put(stdout_of(world->app), "and next\n");
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log"), "one\nkilled in mid-li\nnext\nand next\n");
}

static void an_unfinished_file_is_gone_on_with_on_a_new_line(void **state) {
    struct world *world = *state;
    world->config.stdout_target.path = "old.log";
    FILE *old = fopen(world_path(world, "old.log"), "we");
    assert_non_null(old);
    (void)fputs("torn", old);
    (void)fclose(old);
    world_prepare(world);
    put(stdout_of(world->app), "new\n");
    output_drain(world->app);
    assert_content(world_path(world, "old.log"), "torn\nnew\n");
}

static void the_end_that_the_app_has_blocks(void **state) {
    struct world *world = *state;
    world_prepare(world);
    assert_false(fcntl(stdout_of(world->app), F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(stdout_of(world->app), F_GETFD) & FD_CLOEXEC);
    assert_int_equal(stdout_of(world->app), stderr_of(world->app));
}

static void two_streams_share_a_file_by_whole_lines(void **state) {
    struct world *world = *state;
    world->config.stdout_target.path = "both.log";
    world->config.stderr_target = (struct log_target){.kind = LOG_TO_FILE, .path = "both.log"};
    world_prepare(world);
    assert_int_not_equal(stdout_of(world->app), stderr_of(world->app));
    put(stdout_of(world->app), "out begins");
    put(stderr_of(world->app), "err whole\nerr begins");
    output_drain(world->app);
    char *both = content(world_path(world, "both.log"), NULL);
    assert_non_null(strstr(both, "err whole\n"));
    assert_non_null(strstr(both, "out begins"));
    free(both);
}

static void other_targets_have_no_pipe(void **state) {
    struct world *world = *state;
    world->config.stdout_target.kind = LOG_TO_NULL;
    world->config.stderr_target.kind = LOG_TO_INHERITED;
    world_prepare(world);
    struct stat st;
    assert_int_equal(fstat(stdout_of(world->app), &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(stderr_of(world->app), STDERR_FILENO);
    assert_null(output_path(world->app, false));
    assert_null(output_path(world->app, true));

    /* … until the manifest says otherwise; and back. */
    world->config.stdout_target = (struct log_target){.kind = LOG_TO_FILE, .path = "now.log"};
    world_prepare(world);
    put(stdout_of(world->app), "kept\nand this");
    world->config.stdout_target = (struct log_target){.kind = LOG_TO_NULL};
    world_prepare(world);
    assert_content(world_path(world, "now.log"), "kept\nand this");
}

/* A line longer than any buffer is kept whole, in raw. */
static void a_long_line_is_not_changed(void **state) {
    struct world *world = *state;
    world_prepare(world);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char block[10000];
        memset(block, 'x', sizeof block);
        for (int i = 0; i < 500; i++)
            (void)!write(stdout_of(world->app), block, sizeof block);
        _exit(0);
    }
    const char *path = world_path(world, "logs/backend.log");
    world_run_until_size(world, path, 5000000 - LIMIT_LOG_LINE);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    output_drain(world->app);
    size_t len;
    char *bytes = content(path, &len);
    assert_int_equal(len, 5000000);
    assert_null(memchr(bytes, '\n', len));
    free(bytes);
}

static void write_numbered_lines(int fd, unsigned count, bool one_by_one) {
    char block[64 * 1024];
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(block + len, sizeof block - len, "%08u%091u\n", i, i);
        if (!one_by_one && len < sizeof block - 200 && i + 1 < count)
            continue;
        for (size_t at = 0; at < len;) {
            ssize_t n = write(fd, block + at, len - at);
            if (n <= 0)
                _exit(1);
            at += (size_t)n;
        }
        len = 0;
    }
    _exit(0);
}

static void check_burst(struct world *world, unsigned count, bool one_by_one) {
    world_prepare(world);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        write_numbered_lines(stdout_of(world->app), count, one_by_one);
    const char *path = world_path(world, "logs/backend.log");
    world_run_until_size(world, path, (size_t)count * 100);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    size_t len;
    char *bytes = content(path, &len);
    assert_int_equal(len, (size_t)count * 100);
    for (unsigned i = 0; i < count; i++) {
        const char *line = bytes + (size_t)i * 100;
        if (line[99] != '\n' ||
            (unsigned)strtoul((char[]){line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7], '\0'},
                              NULL, 10) != i)
            fail_msg("line %u is wrong", i);
    }
    free(bytes);
}

static void a_million_lines_arrive_whole(void **state) {
    check_burst(*state, 1000000, false);
}

static void lines_written_one_by_one_arrive_whole(void **state) {
    check_burst(*state, 100000, true);
}

/* ---- formats ---- */

static void text_format_stamps_each_line(void **state) {
    struct world *world = *state;
    world->config.log_format = LOG_TEXT;
    world->config.stderr_target = (struct log_target){.kind = LOG_TO_FILE, .path = "err.log"};
    world_prepare(world);
    put(stdout_of(world->app), "one\n\nthr");
    put(stderr_of(world->app), "bad\n");
    output_drain(world->app);
    char *out = content(world_path(world, "logs/backend.log"), NULL);
    char *err = content(world_path(world, "err.log"), NULL);
    static const char form[] = "Z stdout one\n";
    assert_memory_equal(out + 23, form, sizeof form - 1);
    assert_non_null(strstr(out, "Z stdout \n"));
    assert_non_null(strstr(out, "Z stdout thr\n"));
    assert_non_null(strstr(err, "Z stderr bad\n"));
    free(out);
    free(err);
}

static void json_lines_come_whole_through_the_loop(void **state) {
    struct world *world = *state;
    world->config.log_format = LOG_JSON;
    world_prepare(world);
    const char *path = world_path(world, "logs/backend.log");
    put(stdout_of(world->app), "fir");
    put(stdout_of(world->app), "st \xE2\x82");
    world_run_until_size(world, world->dir, 0);
    put(stdout_of(world->app), "\xAC\nsecond \xFF\n");
    world_run_until_size(world, path, 150);
    char *all = content(path, NULL);
    assert_non_null(strstr(all, "\"line\":\"first \xE2\x82\xAC\"}\n"));
    assert_non_null(strstr(all, "\"line\":\"second \xEF\xBF\xBD\"}\n"));
    free(all);
}

static void long_lines_are_marked_in_json(void **state) {
    struct world *world = *state;
    world->config.log_format = LOG_JSON;
    world_prepare(world);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char block[1000];
        memset(block, '\x01', sizeof block);
        for (int i = 0; i < 200; i++)
            (void)!write(stdout_of(world->app), block, sizeof block);
        (void)!write(stdout_of(world->app), "\n", 1);
        _exit(0);
    }
    const char *path = world_path(world, "logs/backend.log");
    world_run_until_size(world, path, 200000 * 6);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    char *all = content(path, NULL);
    size_t partial = 0;
    size_t whole = 0;
    for (char *line = all, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_non_null(object);
        *(json_is_true(json_object_get(object, "partial")) ? &partial : &whole) += 1;
        json_decref(object);
    }
    assert_int_equal(partial, 200000 / LIMIT_LOG_LINE);
    assert_int_equal(whole, 1);
    free(all);
}

/* ---- the disk takes no more ---- */

static bool is_said(struct world *world) {
    return strstr(text_get(&said), world->path);
}

static void what_a_full_disk_did_not_take_is_written_later(void **state) {
    struct world *world = *state;
    world->config.stdout_target.path = "full.log";
    assert_int_equal(symlink("/dev/full", world_path(world, "full.log")), 0);
    world_prepare(world);
    put(stdout_of(world->app), "one\ntwo\n");
    world->path = "No space left on device";
    world_run(world, is_said);
    assert_non_null(strstr(text_get(&said), "<3>backend: cannot write "));
    put(stdout_of(world->app), "three\nkilled in mid-li");
    output_drain(world->app);
    output_mark(world->app);

    /* Nothing more is read meanwhile: the app blocks when its pipe is full. */
    char block[4096];
    memset(block, '.', sizeof block);
    assert_int_equal(fcntl(stdout_of(world->app), F_SETFL, O_NONBLOCK), 0);
    while (write(stdout_of(world->app), block, sizeof block) > 0)
        ;
    assert_int_equal(errno, EAGAIN);

    assert_int_equal(unlink(world_path(world, "full.log")), 0);
    output_hub_reopen(world->hub);
    assert_non_null(strstr(text_get(&said), "<6>-: "));
    output_drain(world->app);
    char *all = content(world_path(world, "full.log"), NULL);
    assert_memory_equal(all, "one\ntwo\nthree\nkilled in mid-li", 30);
    assert_true(strlen(all) > 60000);
    free(all);
}

static bool is_writable_again(struct world *world) {
    (void)world;
    return strstr(text_get(&said), "can be written again");
}

/* A write that stopped in mid-line goes on at that very byte. */
static void a_torn_write_is_mended(void **state) {
    struct world *world = *state;
    world_prepare(world);
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN); /* as proc_setup() does */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, before.rlim_max}), 0);
    put(stdout_of(world->app), "one\ntwo\nthree\nfour\n");
    world->path = "File too large";
    world_run(world, is_said);
    assert_content(world_path(world, "logs/backend.log"), "one\ntwo\nth");
    put(stdout_of(world->app), "five\n");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    world_run(world, is_writable_again);
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log"), "one\ntwo\nthree\nfour\nfive\n");
}

static void what_is_lost_for_good_is_said(void **state) {
    struct world *world = *state;
    world->config.stdout_target.path = "full.log";
    assert_int_equal(symlink("/dev/full", world_path(world, "full.log")), 0);
    world_prepare(world);
    put(stdout_of(world->app), "one\n");
    world->path = "No space left on device";
    world_run(world, is_said);
    put(stdout_of(world->app), "three\n");
    output_free(world->app);
    assert_non_null(strstr(text_get(&said), "<3>backend: lost 6 bytes of output"));
    assert_non_null(strstr(text_get(&said), "<3>-: lost 4 bytes of output"));
}

/* ---- files that others move ---- */

static void reopening_follows_the_path(void **state) {
    struct world *world = *state;
    world_prepare(world);
    const char *path = world_path(world, "logs/backend.log");
    put(stdout_of(world->app), "before\n");
    output_drain(world->app);
    assert_int_equal(rename(path, world_path(world, "logs/backend.log.1")), 0);
    put(stdout_of(world->app), "still\n");
    output_drain(world->app);
    output_hub_reopen(world->hub);
    put(stdout_of(world->app), "after\n");
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log.1"), "before\nstill\n");
    assert_content(path, "after\n");
}

static void a_removed_file_is_made_again_at_the_next_start(void **state) {
    struct world *world = *state;
    world_prepare(world);
    put(stdout_of(world->app), "gone\n");
    output_drain(world->app);
    assert_int_equal(unlink(world_path(world, "logs/backend.log")), 0);
    world_prepare(world);
    put(stdout_of(world->app), "here\n");
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log"), "here\n");
}

static void a_path_may_be_in_the_users_home(void **state) {
    struct world *world = *state;
    assert_true(env_set(&world->env, "HOME", 4, world_path(world, "home"), ENV_ORIGIN_UPKEEP, 0));
    world->config.stdout_target.path = "~/logs/x.log";
    world_prepare(world);
    assert_string_equal(output_path(world->app, false), world_path(world, "home/logs/x.log"));
    assert_int_equal(access(world_path(world, "home/logs"), F_OK), 0);
}

/* More than are made at a time. */
static void files_of_silent_apps_appear_all_the_same(void **state) {
    struct world *world = *state;
    char name[32];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "silent-%d", i);
        struct output *output = output_new(world->hub, name);
        assert_non_null(output);
        struct text error = {0};
        assert_int_equal(output_prepare(output, &world->config, world->dir, &world->env, &error), 0);
    }
    world_run_until_size(world, world_path(world, "logs/silent-0.log"), 0);
    world_run_until_size(world, world_path(world, "logs/silent-39.log"), 0);
}

static void a_file_that_cannot_be_made_is_a_disk_that_is_full(void **state) {
    struct world *world = *state;
    world_prepare(world);
    assert_int_equal(rmdir(world_path(world, "logs")), 0);
    FILE *file = fopen(world_path(world, "logs"), "we");
    assert_non_null(file);
    (void)fclose(file);
    put(stdout_of(world->app), "one\n");
    world->path = "Not a directory";
    world_run(world, is_said);
    assert_int_equal(unlink(world_path(world, "logs")), 0);
    world_run(world, is_writable_again);
    assert_content(world_path(world, "logs/backend.log"), "one\n");
}

static void a_file_that_cannot_be_opened_is_named(void **state) {
    struct world *world = *state;
    struct text error = {0};
    world->config.stdout_target.path = "file/below.log";
    FILE *file = fopen(world_path(world, "file"), "we");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(output_prepare(world->app, &world->config, world->dir, &world->env, &error), -ENOTDIR);
    char expected[200];
    (void)snprintf(expected, sizeof expected, "cannot open %s: Not a directory", world_path(world, "file/below.log"));
    assert_string_equal(text_get(&error), expected);
    text_fini(&error);
}

static void without_descriptors_prepare_fails_and_keeps_what_was(void **state) {
    struct world *world = *state;
    world_prepare(world);
    int old_fd = stdout_of(world->app);
    put(old_fd, "before\n"); /* opens the index too */
    output_drain(world->app);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    struct text error = {0};
    world->config.stdout_target.path = "other.log";
    FILE *other = fopen(world_path(world, "other.log"), "we");
    assert_non_null(other);
    (void)fclose(other);
    for (int more = 0; more < 3; more++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)(next + more), before.rlim_max}), 0);
        text_clear(&error);
        int r = output_prepare(world->app, &world->config, world->dir, &world->env, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(r, -EMFILE);
        assert_non_null(strstr(text_get(&error), "Too many open files"));
    }
    text_fini(&error);
    assert_int_equal(stdout_of(world->app), old_fd);
    put(old_fd, "works\n");
    output_drain(world->app);
    assert_content(world_path(world, "logs/backend.log"), "before\nworks\n");
    int after = dup(0);
    assert_int_equal(after, next);
    close(after);
}

static void marks_in_the_index_say_when(void **state) {
    struct world *world = *state;
    world_prepare(world);
    put(stdout_of(world->app), "one\n");
    output_drain(world->app);
    put(stdout_of(world->app), "two\n");
    output_drain(world->app);
    size_t len;
    struct log_mark *marks = (void *)content(world_path(world, LOG_INDEX_NAME), &len);
    assert_int_equal(len, 2 * sizeof *marks);
    assert_int_equal(marks[0].begin, 0);
    assert_int_equal(marks[0].end, 4);
    assert_int_equal(marks[1].begin, 4);
    assert_int_equal(marks[1].end, 8);
    struct stat st;
    assert_int_equal(stat(world_path(world, "logs/backend.log"), &st), 0);
    assert_int_equal(marks[1].file, log_index_file(st.st_dev, st.st_ino));
    assert_true(marks[1].wall_ms >= marks[0].wall_ms);
    free(marks);
}

/* ---- tail, watchers, terminal ---- */

static void the_tail_is_of_the_last_process(void **state) {
    struct world *world = *state;
    world_prepare(world);
    output_mark(world->app);
    put_bytes(stdout_of(world->app), "one\nt\0o\nunfinished", 18);
    output_drain(world->app);
    assert_string_equal(output_tail(world->app), "one\nt o\nunfinished\n");
    output_mark(world->app);
    assert_string_equal(output_tail(world->app), "one\nt o\nunfinished\n");
    put(stdout_of(world->app), "new\n");
    output_drain(world->app);
    assert_string_equal(output_tail(world->app), "new\n");
}

static void the_tail_begins_with_a_whole_line(void **state) {
    struct world *world = *state;
    world_prepare(world);
    char line[64];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(line, sizeof line, "line number %d\n", i);
        put(stdout_of(world->app), line);
        if (i % 3 == 0)
            output_drain(world->app);
    }
    output_drain(world->app);
    const char *tail = output_tail(world->app);
    assert_true(strlen(tail) <= LIMIT_TAIL);
    assert_true(strlen(tail) > LIMIT_TAIL - 20);
    assert_memory_equal(tail, "line number ", 12);
    assert_string_equal(strstr(tail, "line number 199"), "line number 199\n");
}

static void note_line(void *context, bool is_stderr, const char *line, size_t len) {
    struct text *text = context;
    text_str(text, is_stderr ? "2:" : "1:");
    text_append(text, line, len);
    text_char(text, '|');
}

static void watchers_are_told_of_lines(void **state) {
    struct world *world = *state;
    world->config.stderr_target = (struct log_target){.kind = LOG_TO_FILE, .path = "err.log"};
    world_prepare(world);
    struct text seen = {0};
    output_watch(world->app, note_line, &seen);
    put(stdout_of(world->app), "one\ntwo");
    put(stderr_of(world->app), "bad\n");
    output_drain(world->app);
    output_watch(world->app, NULL, NULL);
    put(stdout_of(world->app), "unseen\n");
    output_drain(world->app);
    assert_string_equal(text_get(&seen), "1:one|1:two|2:bad|");
    text_fini(&seen);
}

static void world_terminal(struct world *world) {
    output_hub_free(world->hub);
    assert_int_equal(pipe2(world->terminal, O_CLOEXEC), 0);
    world_hub(world, world->terminal[1]);
}

static void read_terminal(struct world *world) {
    assert_int_equal(fcntl(world->terminal[0], F_SETFL, O_NONBLOCK), 0);
    char block[65536];
    for (ssize_t n; (n = read(world->terminal[0], block, sizeof block)) > 0;)
        text_append(&world->shown, block, (size_t)n);
}

static void the_terminal_shows_prefixed_lines(void **state) {
    struct world *world = *state;
    world_terminal(world);
    struct output *other = output_new(world->hub, "web");
    assert_non_null(other);
    struct text error = {0};
    world_prepare(world);
    assert_int_equal(output_prepare(other, &world->config, world->dir, &world->env, &error), 0);
    put(stdout_of(world->app), "one\ntwo");
    put(stdout_of(other), "three\n");
    output_drain(world->app);
    output_hub_say(world->hub, "upkeep: backend: ready");
    output_drain(other);
    read_terminal(world);
    assert_string_equal(text_get(&world->shown), "backend | one\nbackend | two\nupkeep: backend: ready\n"
                                                 "web     | three\n");
    close(world->terminal[0]);
    close(world->terminal[1]);
}

static bool has_caught_up(struct world *world) {
    read_terminal(world);
    return strstr(text_get(&world->shown), "in the log\nupkeep: said meanwhile\n");
}

static void a_terminal_that_does_not_read_holds_nobody_up(void **state) {
    struct world *world = *state;
    world_terminal(world);
    world_prepare(world);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        write_numbered_lines(stdout_of(world->app), 50000, false);
    world_run_until_size(world, world_path(world, "logs/backend.log"), 5000000);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(fcntl(world->terminal[1], F_GETFL) & O_NONBLOCK);
    output_hub_say(world->hub, "upkeep: said meanwhile");
    world_run(world, has_caught_up);
    size_t shown = 0;
    for (const char *at = text_get(&world->shown); (at = strstr(at, "backend | ")); at++)
        shown++;
    const char *note = strstr(text_get(&world->shown), "… ");
    assert_non_null(note);
    assert_int_equal(shown + strtoul(note + strlen("… "), NULL, 10), 50000);
    close(world->terminal[0]);
    close(world->terminal[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        WORLD_TEST(lines_arrive_from_the_loop),
        WORLD_TEST(the_last_bytes_of_a_process_are_kept_as_they_are),
        WORLD_TEST(an_unfinished_file_is_gone_on_with_on_a_new_line),
        WORLD_TEST(the_end_that_the_app_has_blocks),
        WORLD_TEST(two_streams_share_a_file_by_whole_lines),
        WORLD_TEST(other_targets_have_no_pipe),
        WORLD_TEST(a_long_line_is_not_changed),
        WORLD_TEST(a_million_lines_arrive_whole),
        WORLD_TEST(lines_written_one_by_one_arrive_whole),
        WORLD_TEST(text_format_stamps_each_line),
        WORLD_TEST(json_lines_come_whole_through_the_loop),
        WORLD_TEST(long_lines_are_marked_in_json),
        WORLD_TEST(what_a_full_disk_did_not_take_is_written_later),
        WORLD_TEST(a_torn_write_is_mended),
        WORLD_TEST(what_is_lost_for_good_is_said),
        WORLD_TEST(reopening_follows_the_path),
        WORLD_TEST(a_removed_file_is_made_again_at_the_next_start),
        WORLD_TEST(a_path_may_be_in_the_users_home),
        WORLD_TEST(files_of_silent_apps_appear_all_the_same),
        WORLD_TEST(a_file_that_cannot_be_made_is_a_disk_that_is_full),
        WORLD_TEST(a_file_that_cannot_be_opened_is_named),
        WORLD_TEST(without_descriptors_prepare_fails_and_keeps_what_was),
        WORLD_TEST(marks_in_the_index_say_when),
        WORLD_TEST(the_tail_is_of_the_last_process),
        WORLD_TEST(the_tail_begins_with_a_whole_line),
        WORLD_TEST(watchers_are_told_of_lines),
        WORLD_TEST(the_terminal_shows_prefixed_lines),
        WORLD_TEST(a_terminal_that_does_not_read_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
