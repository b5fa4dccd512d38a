/* One app's part in a run of prepare: whether it is needed, its steps, its end and its record. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/value.h"
#include "core/why.h"
#include "local/prepare_inside.h"
#include "local/record.h"

enum { KILL_AGAIN_MS = 1000 };

/* ---- telling ---- */

void prepare_part_tell(const struct prepare_part *part) {
    const struct prepare_show *show = &part->run->wish->show;
    if (show->changed)
        show->changed(show->context, part->run->prepare, part->index);
}

static void tell_note(const struct prepare_part *part, const char *note) {
    const struct prepare_show *show = &part->run->wish->show;
    if (show->note)
        show->note(show->context, part->run->prepare, part->index, note);
}

static void tell_show(struct loop_post *post) {
    const struct prepare_run *run = LOOP_CONTAINER(post, struct prepare_run, show);
    run->wish->show.show(run->wish->show.context, run->prepare);
}

static void tell_line(void *context, bool is_stderr, const char *line, size_t len) {
    struct prepare_part *part = context;
    const struct prepare_show *show = &part->run->wish->show;
    (void)is_stderr;
    part->has_written = true;
    if (show->line)
        show->line(show->context, part->run->prepare, part->index, line, len);
    if (show->show)
        loop_post(part->run->loop, &part->run->show, tell_show);
}

/* ---- its end ---- */

static bool part_configure(struct prepare_part *part, struct text *error);

/* What the commands have done to what they were made from is seen by looking again. */
static void part_keep_record(struct prepare_part *part) {
    struct prepare_run *run = part->run;
    if (!part->has_inputs)
        return;
    int r = record_write(run->manifest, prepare_part_app(part)->name, &part->inputs);
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
    struct record_subject subject = {run->manifest, &part->config, &run->env, prepare_run_is_asked};
    if (record_look(&subject, &now, &unused, &unused) == 0 && prepared_compare(&part->inputs, &now, &why) > 0) {
        text_printf(&note, "%s while it was prepared; --if-needed will prepare it again", text_get(&why));
        tell_note(part, text_get(&note));
    }
    prepared_fini(&now);
}

/* Nothing of it is left. */
void prepare_part_settle(struct prepare_part *part) {
    struct prepare_app *app = prepare_part_app(part);
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
    prepare_part_tell(part);
    prepare_run_wake(part->run);
}

static bool part_has_tree(struct prepare_part *part) {
    return part->proc.pid != 0 || tree_orphans(&part->run->orphans) < 0 ||
           tree_tags_has(&part->run->orphans, part->tag);
}

void prepare_part_kill(struct loop_timer *timer) {
    struct prepare_part *part = LOOP_CONTAINER(timer, struct prepare_part, kill);
    int reached = tree_signal(part->tag, SIGKILL, 0, NULL);
    if (reached == 0 && part->proc.pid == 0)
        prepare_part_settle(part); /* nobody is there whose end could be told */
    else
        loop_timer_at(part->run->loop, timer, mono_add_ms(loop_clock(), KILL_AGAIN_MS), prepare_part_kill);
}

/* Its steps are over: what they have left running goes with them. */
void prepare_part_finish(struct prepare_part *part, enum prepare_state verdict) {
    struct prepare_app *app = prepare_part_app(part);
    app->verdict = verdict;
    app->state = PREPARE_CLEARING;
    app->step_begun = loop_clock();
    bool is_left = part->proc.pid == 0;
    if (!part_has_tree(part)) {
        prepare_part_settle(part);
        return;
    }
    int reached = tree_signal(part->tag, SIGTERM, 0, NULL);
    if (is_left && reached > 0) {
        struct text note TEXT_AUTO = {0};
        text_printf(&note, "its prepare lines left %d process%s running, which %s ended", reached,
                    reached == 1 ? "" : "es", reached == 1 ? "is" : "are");
        tell_note(part, text_get(&note));
    }
    loop_timer_at(part->run->loop, &part->kill, mono_add_ms(loop_clock(), part->config.kill_timeout_ms),
                  prepare_part_kill);
    prepare_part_tell(part);
}

static void part_fail(struct prepare_part *part, struct text *cause, struct outcome outcome) {
    struct prepare_app *app = prepare_part_app(part);
    app->cause = text_take(cause);
    app->outcome = outcome;
    if (part->output && outcome.kind != OUTCOME_NONE) {
        const char *log = output_path(part->output, false);
        app->tail = part->has_written ? strdup(output_tail(part->output)) : NULL;
        app->log = log ? strdup(log) : NULL;
    }
    prepare_part_finish(part, PREPARE_FAILED);
    prepare_run_stop(part->run);
}

/* ---- its steps ---- */

static void part_run_step(struct prepare_part *part);

static void part_ended(struct proc *proc, struct outcome outcome) {
    struct prepare_part *part = LOOP_CONTAINER(proc, struct prepare_part, proc);
    struct prepare_app *app = prepare_part_app(part);
    output_drain(part->output);
    if (app->state != PREPARE_RUNNING)
        return; /* run_settled() sees to it */
    if (outcome.kind == OUTCOME_EXIT && outcome.number == 0) {
        if (app->step + 1 == app->step_count) {
            prepare_part_finish(part, PREPARE_DONE);
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
}

/* A line of ours before the step's own, in the log and wherever lines are shown. A pipe that somebody of an earlier
 * step keeps full is let be. */
static void part_announce_step(struct prepare_part *part, int fd) {
    struct text line TEXT_AUTO = {0};
    struct pollfd pipe = {.fd = fd, .events = POLLOUT};
    text_str(&line, "upkeep: ");
    prepare_print_step(prepare_part_app(part), &line);
    text_char(&line, '\n');
    if (poll(&pipe, 1, 0) == 1)
        (void)!write(fd, text_get(&line), line.len);
    output_drain(part->output);
    output_mark(part->output);
    part->has_written = false;
}

/* What the app does with its own output while it runs is no reason to keep no log of this. */
static void part_keep_output(struct app_config *config) {
    config->stdout_target.kind = LOG_TO_FILE; /* its path is NULL where it named no file: LOG_DIR/NAME.log */
    if (config->stderr_target.kind != LOG_TO_FILE)
        config->stderr_target.kind = LOG_TO_STDOUT;
}

/* The environment is made anew for each step: one may write the dotenv file that the next one needs. */
static bool part_configure(struct prepare_part *part, struct text *error) {
    struct prepare_run *run = part->run;
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

static bool part_spawn(struct prepare_part *part, struct text *error) {
    struct prepare_run *run = part->run;
    struct proc_spec spec = {.terms = &part->terms};
    struct launch launch = {0};
    struct proc_failure failure;
    const char *command = part->config.prepare.items[prepare_part_app(part)->step];
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

static bool part_open_output(struct prepare_part *part, struct text *error) {
    struct prepare_run *run = part->run;
    if (!part->output) {
        part->output = output_new(run->hub, prepare_part_app(part)->name);
        if (!part->output) {
            text_str(error, "out of memory");
            return false;
        }
        output_watch(part->output, tell_line, part);
    }
    return output_prepare(part->output, &part->config, run->manifest->supervisor.root, &run->env, error) >= 0;
}

static void part_run_step(struct prepare_part *part) {
    struct prepare_app *app = prepare_part_app(part);
    struct text error TEXT_AUTO = {0};
    app->state = PREPARE_RUNNING;
    app->step_begun = loop_clock();
    if (part_configure(part, &error) && part_open_output(part, &error) && part_spawn(part, &error)) {
        prepare_part_tell(part);
        return;
    }
    struct text cause TEXT_AUTO = {0};
    prepare_print_step(app, &cause);
    text_printf(&cause, ": %s", text_get(&error));
    part_fail(part, &cause, (struct outcome){.kind = OUTCOME_NONE});
}

/* ---- its beginning ---- */

/* The first that is not there, as it is written. */
static const char *part_missing_path(const struct prepare_part *part) {
    const struct prepare_run *run = part->run;
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
static bool part_is_needed(const struct prepare_part *part, const char *unread, struct text *why) {
    const struct manifest *manifest = part->run->manifest;
    const char *missing = part_missing_path(part);
    struct prepared before = {0};
    if (part->config.prepare_inputs.count == 0) {
        text_str(why, "it has no prepare_inputs");
    } else if (unread) {
        text_str(why, unread);
    } else if (missing) {
        text_printf(why, "%s is missing", missing);
    } else if (!record_read(manifest, prepare_part_app(part)->name, &before)) {
        text_str(why, "no good run of it is on record");
    } else if (prepared_compare(&before, &part->inputs, why) == 0) {
        int64_t good_run_ms = record_time_ms(manifest, prepare_part_app(part)->name);
        int64_t ago_ms = wall_ms_now() - good_run_ms;
        prepare_part_app(part)->good_run_ms = good_run_ms;
        text_str(why, "nothing has changed since its last good run, ");
        value_print_elapsed(ago_ms > 0 ? ago_ms : 0, why);
        text_str(why, " ago");
        prepared_fini(&before);
        return false;
    }
    prepared_fini(&before);
    return true;
}

static void part_note_unmatched(const struct prepare_part *part, const char *patterns) {
    while (*patterns) {
        int len = (int)strcspn(patterns, "\n");
        struct text note TEXT_AUTO = {0};
        text_printf(&note, "prepare_inputs: nothing is called %.*s", len, patterns);
        tell_note(part, text_get(&note));
        patterns += len + (patterns[len] == '\n');
    }
}

/* Looks at the inputs and decides. False when it is not to be begun: skipped, or interrupted. */
static bool part_judge(struct prepare_part *part) {
    struct prepare_app *app = prepare_part_app(part);
    const struct prepare_run *run = part->run;
    struct text unmatched TEXT_AUTO = {0};
    struct text unread TEXT_AUTO = {0};
    if (part->config.prepare_inputs.count > 0) {
        struct record_subject subject = {run->manifest, &part->config, &run->env, prepare_run_is_asked};
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

void prepare_part_begin(struct prepare_part *part) {
    struct prepare_app *app = prepare_part_app(part);
    struct text error TEXT_AUTO = {0};
    if (!app->is_wanted || app->step_count == 0) {
        app->state = PREPARE_NOTHING;
        return;
    }
    if (!part_configure(part, &error)) {
        app->begun = loop_clock();
        part_fail(part, &error, (struct outcome){.kind = OUTCOME_NONE});
        return;
    }
    if (!part_judge(part)) {
        if (app->state == PREPARE_SKIPPED)
            prepare_part_tell(part);
        return;
    }
    /* From now on until it has come to a good end, nobody knows what is there. */
    record_remove(part->run->manifest, app->name);
    app->begun = loop_clock();
    part_run_step(part);
}

void prepare_part_fini(struct prepare_part *part) {
    app_config_fini(&part->config);
    launch_terms_fini(&part->terms);
    prepared_fini(&part->inputs);
}
