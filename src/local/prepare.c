/* `upkeep prepare`: runs the apps' prepare lines in this process, with or without a supervisor beside it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/leftover.h"
#include "daemon/say.h"
#include "host/fs.h"
#include "local/local.h"
#include "local/prepare_inside.h"
#include "local/record.h"

enum {
    AT_ONCE_MIN = 8, /* what waits for a network needs no processor of its own */
    TICK_MS = 1000,
    ECHO_MS = 20, /* see daemon_end() */
};

static const int ending_signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

/* ---- turns ---- */

static void take_turn(struct loop_post *post);

void prepare_run_wake(struct prepare_run *run) {
    loop_post(run->loop, &run->turn, take_turn);
}

/* One app at a time, so that signals are seen between two that take long to be looked at. */
static void take_turn(struct loop_post *post) {
    struct prepare_run *run = LOOP_CONTAINER(post, struct prepare_run, turn);
    size_t next = prepare_next(run->prepare);
    if (next != PREPARE_NOBODY) {
        prepare_part_begin(&run->parts[next]);
        prepare_run_wake(run);
    } else if (prepare_is_over(run->prepare)) {
        loop_break(run->loop);
    }
}

/* What another's end, or a signal, makes of those that are under way. */
void prepare_run_stop(struct prepare_run *run) {
    for (size_t i = 0; i < run->prepare->count; i++)
        if (run->prepare->apps[i].state == PREPARE_RUNNING)
            prepare_part_finish(&run->parts[i], PREPARE_STOPPED);
}

/* A round of ends is over, of steps or of orphans. */
static void run_settled(void *context) {
    struct prepare_run *run = context;
    bool is_known = tree_orphans(&run->orphans) >= 0;
    for (size_t i = 0; is_known && run->parts && i < run->prepare->count; i++) {
        struct prepare_part *part = &run->parts[i];
        if (run->prepare->apps[i].state == PREPARE_CLEARING && part->proc.pid == 0 &&
            !tree_tags_has(&run->orphans, part->tag))
            prepare_part_settle(part);
    }
}

/* ---- signals ---- */

/* Whether a signal waits for the loop that asks us to end. */
bool prepare_run_is_asked(void) {
    sigset_t waiting;
    if (sigpending(&waiting) < 0)
        return false;
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        if (sigismember(&waiting, ending_signals[i]) == 1)
            return true;
    return false;
}

/* The first ends gracefully, the second at once; what a sender meant for us and for our group arrives twice. */
static void run_asked(void *context, int signal) {
    struct prepare_run *run = context;
    struct mono now = loop_clock();
    if (mono_is_set(run->asked) && mono_ms_between(run->asked, now) < ECHO_MS)
        return;
    run->asked = now;
    if (run->prepare->signal == 0) {
        run->prepare->signal = signal;
        prepare_run_stop(run);
    } else {
        for (size_t i = 0; i < run->prepare->count; i++)
            if (run->prepare->apps[i].state == PREPARE_CLEARING)
                prepare_part_kill(&run->parts[i].kill);
    }
    prepare_run_wake(run);
}

static void run_is_late(struct loop_timer *timer) {
    run_asked(LOOP_CONTAINER(timer, struct prepare_run, limit), SIGALRM);
}

/* What a shell has set to be ignored (nohup, &) stays so. */
static void run_watch_signals(struct prepare_run *run) {
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        struct sigaction action;
        if (sigaction(ending_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            loop_on_signal(run->loop, ending_signals[i], run_asked, run);
    }
}

/* One more Ctrl-C than was needed is not meant for what comes next. */
static void run_forget_signals(const struct prepare_run *run) {
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        (void)sigaddset(&set, ending_signals[i]);
    while (run->prepare->signal != 0 && sigtimedwait(&set, NULL, &(struct timespec){0}) > 0) {
    }
}

/* ---- the run ---- */

static bool run_open_folder(const struct prepare_run *run, struct tag_range tags, struct text *error) {
    char *folder = record_folder(run->manifest);
    int r = folder ? fs_make_dirs(folder, 0700) : -ENOMEM;
    if (r >= 0) {
        leftover_end(folder, "an earlier upkeep prepare");
        r = leftover_write(folder, &tags, run->manifest->file);
    }
    if (r < 0)
        text_printf(error, "cannot write in %s: %s", folder ? folder : "the runtime dir", strerror(-r));
    free(folder);
    return r >= 0;
}

static void run_make_parts(struct prepare_run *run, uint32_t tag_base) {
    for (size_t i = 0; i < run->prepare->count; i++) {
        struct prepare_part *part = &run->parts[i];
        part->run = run;
        part->index = i;
        part->tag = tag_base + (uint32_t)i;
        part->manifest_app = &run->manifest->apps[i];
    }
}

static bool run_open(struct prepare_run *run, struct text *error) {
    const struct supervisor_config *config = &run->manifest->supervisor;
    struct tag_range tags = {tag_draw_base(), (uint32_t)run->prepare->count + 1};
    if (!run_open_folder(run, tags, error))
        return false;
    run->parts = calloc(run->prepare->count + 1, sizeof *run->parts);
    run->hub = output_hub_new(run->loop, config->runtime_dir, config->log_dir, -1);
    if (!run->parts || !run->hub || !env_import(&run->inherited, environ, ENV_ORIGIN_INHERITED)) {
        text_str(error, "out of memory");
        return false;
    }
    run_make_parts(run, tags.base);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    run->prepare->at_once = processors > AT_ONCE_MIN ? (size_t)processors : AT_ONCE_MIN;
    return true;
}

static void run_tick(struct loop_timer *timer) {
    struct prepare_run *run = LOOP_CONTAINER(timer, struct prepare_run, tick);
    const struct prepare_show *show = &run->wish->show;
    if (!show->show)
        return;
    show->show(show->context, run->prepare);
    loop_timer_at(run->loop, timer, mono_add_ms(loop_now(run->loop), TICK_MS), run_tick);
}

/* Those whose turn has not come, and does not. */
static void run_close_waiting(struct prepare_run *run) {
    for (size_t i = 0; i < run->prepare->count; i++) {
        struct prepare_app *app = &run->prepare->apps[i];
        if (app->state != PREPARE_WAITING)
            continue;
        app->state = app->is_wanted && app->step_count > 0 ? PREPARE_STOPPED : PREPARE_NOTHING;
        if (app->state == PREPARE_STOPPED)
            prepare_part_tell(&run->parts[i]);
    }
}

static void run_until_over(struct prepare_run *run) {
    run_watch_signals(run);
    if (run->wish->limit_ms >= 0)
        loop_timer_at(run->loop, &run->limit, mono_add_ms(loop_now(run->loop), run->wish->limit_ms), run_is_late);
    prepare_run_wake(run);
    run_tick(&run->tick);
    loop_run(run->loop);
    loop_timer_stop(run->loop, &run->tick);
    loop_timer_stop(run->loop, &run->limit);
    run_close_waiting(run);
    run_forget_signals(run);
    char *folder = record_folder(run->manifest);
    if (folder)
        leftover_remove(folder);
    free(folder);
}

static void run_close(struct prepare_run *run) {
    for (size_t i = 0; run->parts && i < run->prepare->count; i++)
        prepare_part_fini(&run->parts[i]);
    free(run->parts);
    output_hub_free(run->hub);
    tree_tags_fini(&run->orphans);
    env_fini(&run->env);
    env_fini(&run->inherited);
}

bool local_prepare(const struct manifest *manifest, const struct prepare_wish *wish, struct prepare *out,
                   struct text *error) {
    struct prepare_run run = {.manifest = manifest, .wish = wish, .prepare = out, .asked = MONO_UNSET};
    run.launch = (struct launch_context){.manifest = manifest, .inherited = &run.inherited};
    if (!prepare_plan(out, manifest, wish->apps, wish->app_count)) {
        text_str(error, "out of memory");
        return false;
    }
    say_setup(NULL, NULL);
    run.loop = loop_new();
    int r = run.loop ? proc_setup(run.loop, run_settled, &run) : -errno;
    bool ok = r >= 0;
    if (!ok)
        text_printf(error, "cannot set up: %s", strerror(-r));
    ok = ok && run_open(&run, error);
    if (ok)
        run_until_over(&run);
    run_close(&run);
    if (r >= 0)
        proc_release();
    if (run.loop)
        loop_free(run.loop);
    if (!ok)
        prepare_fini(out);
    return ok;
}
