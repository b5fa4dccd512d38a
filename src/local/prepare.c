/* `upkeep prepare`: runs the apps' prepare lines in this process, with or without a supervisor beside it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/prepare.h"
#include "core/value.h"
#include "core/why.h"
#include "daemon/launch.h"
#include "daemon/leftover.h"
#include "daemon/output.h"
#include "daemon/say.h"
#include "host/fs.h"
#include "host/proc.h"
#include "host/tree.h"
#include "local/local.h"
#include "local/record.h"

enum {
    AT_ONCE_MIN = 8, /* what waits for a network needs no processor of its own */
    TICK_MS = 1000,
    KILL_AGAIN_MS = 1000,
    ECHO_MS = 20, /* see daemon_end() */
};

static const int ending_signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

struct preparing;

/* One app's part. */
struct part {
    struct preparing *run;
    size_t index;
    uint32_t tag;
    const struct manifest_app *manifest_app;
    struct app_config config; /* of the step that runs, or the last that did */
    struct proc_terms terms;  /* likewise */
    struct output *output;    /* NULL: it writes nothing, not yet or no more */
    struct proc proc;         /* of the step */
    struct loop_timer kill;
    struct prepared inputs; /* as it was begun */
    bool has_inputs;
    bool has_written; /* its step has, a line at least */
};

struct preparing {
    struct loop *loop;
    const struct manifest *manifest;
    const struct prepare_wish *wish;
    struct prepare *prepare;
    struct env inherited;
    struct env env; /* of whichever step is being made */
    struct launch_context launch;
    struct output_hub *hub;
    struct part *parts;
    struct tree_tags orphans;
    struct loop_post turn;
    struct loop_post show;
    struct loop_timer tick;
    struct loop_timer limit;
    struct mono asked; /* when the last signal that counted came; MONO_UNSET: none has */
};

static struct prepare_app *part_app(const struct part *part) {
    return &part->run->prepare->apps[part->index];
}

/* ---- telling ---- */

static void tell_changed(const struct part *part) {
    const struct prepare_show *show = &part->run->wish->show;
    if (show->changed)
        show->changed(show->context, part->run->prepare, part->index);
}

static void tell_note(const struct part *part, const char *note) {
    const struct prepare_show *show = &part->run->wish->show;
    if (show->note)
        show->note(show->context, part->run->prepare, part->index, note);
}

static void tell_show(struct loop_post *post) {
    const struct preparing *run = LOOP_CONTAINER(post, struct preparing, show);
    run->wish->show.show(run->wish->show.context, run->prepare);
}

static void tell_line(void *context, bool is_stderr, const char *line, size_t len) {
    struct part *part = context;
    const struct prepare_show *show = &part->run->wish->show;
    (void)is_stderr;
    part->has_written = true;
    if (show->line)
        show->line(show->context, part->run->prepare, part->index, line, len);
    if (show->show)
        loop_post(part->run->loop, &part->run->show, tell_show);
}

static void tell_tick(struct loop_timer *timer) {
    struct preparing *run = LOOP_CONTAINER(timer, struct preparing, tick);
    const struct prepare_show *show = &run->wish->show;
    if (!show->show)
        return;
    show->show(show->context, run->prepare);
    loop_timer_at(run->loop, timer, mono_add_ms(loop_now(run->loop), TICK_MS), tell_tick);
}

/* ---- the end of an app's part ---- */

/* Whether a signal waits for the loop that asks us to end. */
static bool run_is_asked(void) {
    sigset_t waiting;
    if (sigpending(&waiting) < 0)
        return false;
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        if (sigismember(&waiting, ending_signals[i]) == 1)
            return true;
    return false;
}

static void take_turn(struct loop_post *post);
static bool part_configure(struct part *part, struct text *error);

/* What the commands have done to what they were made from is seen by looking again. */
static void part_keep_record(struct part *part) {
    struct preparing *run = part->run;
    if (!part->has_inputs)
        return;
    int r = record_write(run->manifest, part_app(part)->name, &part->inputs);
    struct text note TEXT_AUTO = {0};
    if (r < 0) {
        text_printf(&note, "cannot keep what it was prepared from: %s; --if-needed will prepare it again",
                    strerror(-r));
        tell_note(part, text_get(&note));
        return;
    }
    struct prepared now = {0};
    struct text unused TEXT_AUTO = {0};
    struct text why TEXT_AUTO = {0};
    if (!part_configure(part, &unused))
        return;
    struct record_subject subject = {run->manifest, &part->config, &run->env, run_is_asked};
    if (record_look(&subject, &now, &unused, &unused) == 0 && prepared_compare(&part->inputs, &now, &why) > 0) {
        text_printf(&note, "%s while it was prepared; --if-needed will prepare it again", text_get(&why));
        tell_note(part, text_get(&note));
    }
    prepared_fini(&now);
}

/* Nothing of it is left. */
static void part_settle(struct part *part) {
    struct prepare_app *app = part_app(part);
    loop_timer_stop(part->run->loop, &part->kill);
    if (part->output) {
        output_drain(part->output);
        output_free(part->output);
        part->output = NULL;
    }
    app->state = app->verdict;
    app->ended = loop_clock();
    if (app->state == PREPARE_DONE)
        part_keep_record(part);
    tell_changed(part);
    loop_post(part->run->loop, &part->run->turn, take_turn);
}

static bool part_has_tree(struct part *part) {
    return part->proc.pid != 0 || tree_orphans(&part->run->orphans) < 0 ||
           tree_tags_has(&part->run->orphans, part->tag);
}

static void part_kill(struct loop_timer *timer) {
    struct part *part = LOOP_CONTAINER(timer, struct part, kill);
    int reached = tree_signal(part->tag, SIGKILL, 0, NULL);
    if (reached == 0 && part->proc.pid == 0)
        part_settle(part); /* nobody is there whose end could be told */
    else
        loop_timer_at(part->run->loop, timer, mono_add_ms(loop_clock(), KILL_AGAIN_MS), part_kill);
}

/* Its steps are over: what they have left running goes with them. */
static void part_finish(struct part *part, enum prepare_state verdict) {
    struct prepare_app *app = part_app(part);
    app->verdict = verdict;
    app->state = PREPARE_CLEARING;
    app->step_begun = loop_clock();
    bool is_left = part->proc.pid == 0;
    if (!part_has_tree(part)) {
        part_settle(part);
        return;
    }
    int reached = tree_signal(part->tag, SIGTERM, 0, NULL);
    if (is_left && reached > 0) {
        struct text note TEXT_AUTO = {0};
        text_printf(&note, "its prepare lines left %d process%s running, which %s ended", reached,
                    reached == 1 ? "" : "es", reached == 1 ? "is" : "are");
        tell_note(part, text_get(&note));
    }
    loop_timer_at(part->run->loop, &part->kill, mono_add_ms(loop_clock(), part->config.kill_timeout_ms), part_kill);
    tell_changed(part);
}

static void part_fail(struct part *part, struct text *cause, struct outcome outcome) {
    struct prepare_app *app = part_app(part);
    app->cause = text_take(cause);
    app->outcome = outcome;
    if (part->output && outcome.kind != OUTCOME_NONE) {
        const char *log = output_path(part->output, false);
        app->tail = part->has_written ? strdup(output_tail(part->output)) : NULL;
        app->log = log ? strdup(log) : NULL;
    }
    part_finish(part, PREPARE_FAILED);
}

/* What another's end, or a signal, makes of those that are under way. */
static void run_stop(struct preparing *run) {
    for (size_t i = 0; i < run->prepare->count; i++)
        if (run->prepare->apps[i].state == PREPARE_RUNNING)
            part_finish(&run->parts[i], PREPARE_STOPPED);
}

/* A round of ends is over, of steps or of orphans. */
static void run_settled(void *context) {
    struct preparing *run = context;
    bool is_known = tree_orphans(&run->orphans) >= 0;
    for (size_t i = 0; is_known && run->parts && i < run->prepare->count; i++) {
        struct part *part = &run->parts[i];
        if (run->prepare->apps[i].state == PREPARE_CLEARING && part->proc.pid == 0 &&
            !tree_tags_has(&run->orphans, part->tag))
            part_settle(part);
    }
}

/* ---- steps ---- */

static void part_run_step(struct part *part);

static void part_ended(struct proc *proc, struct outcome outcome) {
    struct part *part = LOOP_CONTAINER(proc, struct part, proc);
    struct prepare_app *app = part_app(part);
    output_drain(part->output);
    if (app->state != PREPARE_RUNNING)
        return; /* run_settled() sees to it */
    if (outcome.kind == OUTCOME_EXIT && outcome.number == 0) {
        if (app->step + 1 == app->step_count) {
            part_finish(part, PREPARE_DONE);
        } else {
            app->step++;
            part_run_step(part);
        }
        return;
    }
    struct text cause TEXT_AUTO = {0};
    prepare_print_step(app, &cause);
    text_str(&cause, ", ");
    outcome_print(outcome, &cause);
    text_str(&cause, " after ");
    value_print_elapsed(mono_ms_between(app->step_begun, loop_clock()), &cause);
    part_fail(part, &cause, outcome);
    run_stop(part->run);
}

/* A line of ours before the step's own, in the log and wherever lines are shown. A pipe that somebody of an earlier
 * step keeps full is let be. */
static void part_announce_step(struct part *part, int fd) {
    struct text line TEXT_AUTO = {0};
    struct pollfd pipe = {.fd = fd, .events = POLLOUT};
    text_str(&line, "upkeep: ");
    prepare_print_step(part_app(part), &line);
    text_char(&line, '\n');
    if (poll(&pipe, 1, 0) == 1)
        (void)!write(fd, text_get(&line), line.len);
    output_drain(part->output);
    output_mark(part->output);
    part->has_written = false;
}

/* What the app does with its own output while it runs is no reason to keep no log of this. */
static void part_keep_output(struct app_config *config) {
    if (config->stdout_target.kind != LOG_TO_FILE)
        config->stdout_target.kind = LOG_TO_FILE; /* its path is NULL: LOG_DIR/NAME.log */
    if (config->stderr_target.kind != LOG_TO_FILE)
        config->stderr_target.kind = LOG_TO_STDOUT;
}

/* The environment is made anew for each step: one may write the dotenv file that the next one needs. */
static bool part_configure(struct part *part, struct text *error) {
    struct preparing *run = part->run;
    struct app_config config = {0};
    bool ok = launch_configure(&run->launch, part->manifest_app, &run->env, &config, error);
    app_config_fini(&part->config);
    part->config = config;
    if (!ok)
        return false;
    part_keep_output(&part->config);
    if (launch_export(&run->launch, part->manifest_app->name, &run->env))
        return true;
    text_str(error, "out of memory for the environment");
    return false;
}

static bool part_spawn(struct part *part, struct text *error) {
    struct preparing *run = part->run;
    struct proc_spec spec = {.terms = &part->terms};
    struct launch launch = {0};
    struct proc_failure failure;
    const char *command = part->config.prepare.items[part_app(part)->step];
    bool ok = launch_terms(&part->config, &part->terms, error) &&
              launch_command(&run->launch, &part->config, command, &run->env, part->tag, &launch, &spec, error);
    if (ok) {
        int out = -1;
        int err = -1;
        output_give(part->output, account_uid(&part->terms.account));
        output_fds(part->output, &out, &err);
        part_announce_step(part, out);
        proc_spec_pass(&spec, out, STDOUT_FILENO);
        proc_spec_pass(&spec, err, STDERR_FILENO);
        ok = proc_spawn(&part->proc, &spec, part_ended, &failure) >= 0;
        if (!ok)
            launch_say_failure(&spec, part->config.cwd, &failure, error);
    }
    launch_fini(&launch);
    return ok;
}

static bool part_open_output(struct part *part, struct text *error) {
    struct preparing *run = part->run;
    if (!part->output) {
        part->output = output_new(run->hub, part_app(part)->name);
        if (!part->output) {
            text_str(error, "out of memory");
            return false;
        }
        output_watch(part->output, tell_line, part);
    }
    return output_prepare(part->output, &part->config, run->manifest->supervisor.root, &run->env, error) >= 0;
}

static void part_run_step(struct part *part) {
    struct prepare_app *app = part_app(part);
    struct text error TEXT_AUTO = {0};
    app->state = PREPARE_RUNNING;
    app->step_begun = loop_clock();
    if (part_configure(part, &error) && part_open_output(part, &error) && part_spawn(part, &error)) {
        tell_changed(part);
        return;
    }
    struct text cause TEXT_AUTO = {0};
    prepare_print_step(app, &cause);
    text_printf(&cause, ": %s", text_get(&error));
    part_fail(part, &cause, (struct outcome){.kind = OUTCOME_NONE});
    run_stop(part->run);
}

/* ---- the beginning of an app's part ---- */

/* The first that is not there, as it is written. */
static const char *part_missing_path(const struct part *part) {
    const struct preparing *run = part->run;
    for (size_t i = 0; i < part->config.require_path.count; i++) {
        struct stat st;
        const char *written = part->config.require_path.items[i];
        char *path = manifest_path(run->manifest->supervisor.root, written, &run->env);
        bool is_there = path && stat(path, &st) == 0;
        free(path);
        if (!is_there)
            return written;
    }
    return NULL;
}

static int64_t wall_ms_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether it has to be prepared, and why or why not. The inputs are known, or could not be read for this reason. */
static bool part_is_needed(const struct part *part, const char *unread, struct text *why) {
    const struct manifest *manifest = part->run->manifest;
    const char *missing = part_missing_path(part);
    struct prepared before = {0};
    if (part->config.prepare_inputs.count == 0) {
        text_str(why, "it has no prepare_inputs");
    } else if (unread) {
        text_str(why, unread);
    } else if (missing) {
        text_printf(why, "%s is missing", missing);
    } else if (!record_read(manifest, part_app(part)->name, &before)) {
        text_str(why, "no good run of it is on record");
    } else if (prepared_compare(&before, &part->inputs, why) == 0) {
        int64_t good_run_ms = record_time_ms(manifest, part_app(part)->name);
        int64_t ago_ms = wall_ms_now() - good_run_ms;
        part_app(part)->good_run_ms = good_run_ms;
        text_str(why, "nothing has changed since its last good run, ");
        value_print_elapsed(ago_ms > 0 ? ago_ms : 0, why);
        text_str(why, " ago");
        prepared_fini(&before);
        return false;
    }
    prepared_fini(&before);
    return true;
}

static void part_note_unmatched(const struct part *part, const char *patterns) {
    while (*patterns) {
        int len = (int)strcspn(patterns, "\n");
        struct text note TEXT_AUTO = {0};
        text_printf(&note, "prepare_inputs: nothing is called %.*s", len, patterns);
        tell_note(part, text_get(&note));
        patterns += len + (patterns[len] == '\n');
    }
}

/* Looks at the inputs and decides. False when it is not to be begun: skipped, or interrupted. */
static bool part_judge(struct part *part) {
    struct prepare_app *app = part_app(part);
    const struct preparing *run = part->run;
    struct text unmatched TEXT_AUTO = {0};
    struct text unread TEXT_AUTO = {0};
    if (part->config.prepare_inputs.count > 0) {
        struct record_subject subject = {run->manifest, &part->config, &run->env, run_is_asked};
        int r = record_look(&subject, &part->inputs, &unmatched, &unread);
        if (r == -EINTR)
            return false;
        part->has_inputs = r == 0;
        part_note_unmatched(part, text_get(&unmatched));
    }
    if (!run->wish->if_needed)
        return true;
    struct text why TEXT_AUTO = {0};
    bool is_needed = part_is_needed(part, unread.len > 0 ? text_get(&unread) : NULL, &why);
    app->why = text_take(&why);
    if (!is_needed)
        app->state = PREPARE_SKIPPED;
    return is_needed;
}

static void part_begin(struct part *part) {
    struct prepare_app *app = part_app(part);
    struct text error TEXT_AUTO = {0};
    if (!app->is_wanted || app->step_count == 0) {
        app->state = PREPARE_NOTHING;
        return;
    }
    if (!part_configure(part, &error)) {
        app->begun = loop_clock();
        part_fail(part, &error, (struct outcome){.kind = OUTCOME_NONE});
        run_stop(part->run);
        return;
    }
    if (!part_judge(part)) {
        if (app->state == PREPARE_SKIPPED)
            tell_changed(part);
        return;
    }
    /* From now on until it has come to a good end, nobody knows what is there. */
    record_remove(part->run->manifest, app->name);
    app->begun = loop_clock();
    part_run_step(part);
}

/* One app at a time, so that signals are seen between two that take long to be looked at. */
static void take_turn(struct loop_post *post) {
    struct preparing *run = LOOP_CONTAINER(post, struct preparing, turn);
    size_t next = prepare_next(run->prepare);
    if (next != PREPARE_NOBODY) {
        part_begin(&run->parts[next]);
        loop_post(run->loop, post, take_turn);
    } else if (prepare_is_over(run->prepare)) {
        loop_break(run->loop);
    }
}

/* ---- signals ---- */

/* The first ends gracefully, the second at once; what a sender meant for us and for our group arrives twice. */
static void run_asked(void *context, int signal) {
    struct preparing *run = context;
    struct mono now = loop_clock();
    if (mono_is_set(run->asked) && mono_ms_between(run->asked, now) < ECHO_MS)
        return;
    run->asked = now;
    if (run->prepare->signal == 0) {
        run->prepare->signal = signal;
        run_stop(run);
    } else {
        for (size_t i = 0; i < run->prepare->count; i++)
            if (run->prepare->apps[i].state == PREPARE_CLEARING)
                part_kill(&run->parts[i].kill);
    }
    loop_post(run->loop, &run->turn, take_turn);
}

static void run_is_late(struct loop_timer *timer) {
    run_asked(LOOP_CONTAINER(timer, struct preparing, limit), SIGALRM);
}

/* What a shell has set to be ignored (nohup, &) stays so. */
static void run_watch_signals(struct preparing *run) {
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        struct sigaction action;
        if (sigaction(ending_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            loop_on_signal(run->loop, ending_signals[i], run_asked, run);
    }
}

/* One more Ctrl-C than was needed is not meant for what comes next. */
static void run_forget_signals(const struct preparing *run) {
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        (void)sigaddset(&set, ending_signals[i]);
    while (run->prepare->signal != 0 && sigtimedwait(&set, NULL, &(struct timespec){0}) > 0) {
    }
}

/* ---- the run ---- */

static bool run_open_folder(const struct preparing *run, struct tag_range tags, struct text *error) {
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

static void run_make_parts(struct preparing *run, uint32_t tag_base) {
    for (size_t i = 0; i < run->prepare->count; i++) {
        struct part *part = &run->parts[i];
        part->run = run;
        part->index = i;
        part->tag = tag_base + (uint32_t)i;
        part->manifest_app = &run->manifest->apps[i];
    }
}

static bool run_open(struct preparing *run, struct text *error) {
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

/* Those whose turn has not come, and does not. */
static void run_close_waiting(struct preparing *run) {
    for (size_t i = 0; i < run->prepare->count; i++) {
        struct prepare_app *app = &run->prepare->apps[i];
        if (app->state != PREPARE_WAITING)
            continue;
        app->state = app->is_wanted && app->step_count > 0 ? PREPARE_STOPPED : PREPARE_NOTHING;
        if (app->state == PREPARE_STOPPED)
            tell_changed(&run->parts[i]);
    }
}

static void run_until_over(struct preparing *run) {
    run_watch_signals(run);
    if (run->wish->limit_ms >= 0)
        loop_timer_at(run->loop, &run->limit, mono_add_ms(loop_now(run->loop), run->wish->limit_ms), run_is_late);
    loop_post(run->loop, &run->turn, take_turn);
    tell_tick(&run->tick);
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

static void run_close(struct preparing *run) {
    for (size_t i = 0; run->parts && i < run->prepare->count; i++) {
        app_config_fini(&run->parts[i].config);
        launch_terms_fini(&run->parts[i].terms);
        prepared_fini(&run->parts[i].inputs);
    }
    free(run->parts);
    output_hub_free(run->hub);
    tree_tags_fini(&run->orphans);
    env_fini(&run->env);
    env_fini(&run->inherited);
}

bool local_prepare(const struct manifest *manifest, const struct prepare_wish *wish, struct prepare *out,
                   struct text *error) {
    struct preparing run = {.manifest = manifest, .wish = wish, .prepare = out, .asked = MONO_UNSET};
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
