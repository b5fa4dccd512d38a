#include "cli/prepare.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/code.h"
#include "cli/console.h"
#include "cli/handlers.h"
#include "core/columns.h"
#include "core/display.h"
#include "core/value.h"

enum { SCREEN_GATHERED = 32 * 1024 }; /* bytes of lines that are shown at once */

/* What is on the screen. */
struct prepare_screen {
    struct display display;
    struct console console;
    bool is_quiet;
    bool has_progress; /* the last line is the progress line */
    struct text out;
};

/* ---- showing ---- */

static void screen_take_progress_away(struct prepare_screen *screen) {
    if (screen->has_progress)
        text_str(&screen->out, CONSOLE_CLEAR_LINE);
    screen->has_progress = false;
}

static struct mono screen_now(void) {
    return mono_add_ms((struct mono){0}, session_now_ms());
}

static void screen_put_progress(struct prepare_screen *screen, const struct prepare *prepare) {
    struct text line TEXT_AUTO = {0};
    prepare_print_progress(prepare, screen_now(), &line);
    if (!screen->console.can_move || line.len == 0)
        return;
    columns_cut(text_get(&line), screen->console.width > 1 ? screen->console.width - 1 : 1, &screen->out);
    screen->has_progress = true;
}

static void screen_flush(struct prepare_screen *screen, const struct prepare *prepare) {
    if (!screen->is_quiet && screen->out.len > 0)
        (void)console_stream(&screen->out, prepare->signal != 0);
    text_clear(&screen->out);
}

static void screen_line(void *context, const struct prepare *prepare, size_t app, const char *line, size_t len) {
    struct prepare_screen *screen = context;
    screen_take_progress_away(screen);
    display_line(&screen->display, (unsigned)app, prepare->apps[app].name, line, len, &screen->out);
    if (screen->out.len > SCREEN_GATHERED)
        screen_flush(screen, prepare);
}

static void screen_show(void *context, const struct prepare *prepare) {
    struct prepare_screen *screen = context;
    screen_take_progress_away(screen);
    screen_put_progress(screen, prepare);
    screen_flush(screen, prepare);
}

static void screen_say(struct prepare_screen *screen, const struct prepare *prepare, const char *sentence) {
    screen_take_progress_away(screen);
    if (sentence[0]) {
        columns_clean(sentence, strlen(sentence), &screen->out);
        text_char(&screen->out, '\n');
    }
    screen_show(screen, prepare);
}

static void screen_note(void *context, const struct prepare *prepare, size_t app, const char *note) {
    struct text line TEXT_AUTO = {0};
    text_printf(&line, "%s: %s", prepare->apps[app].name, note);
    screen_say(context, prepare, text_get(&line));
}

/* What failed is shown at the end, with its card. */
static void screen_changed(void *context, const struct prepare *prepare, size_t app) {
    struct text line TEXT_AUTO = {0};
    if (prepare->apps[app].state != PREPARE_FAILED)
        prepare_print_app(&prepare->apps[app], &line);
    screen_say(context, prepare, text_get(&line));
}

static void screen_open(struct prepare_screen *screen, const struct session *session, bool is_quiet) {
    *screen = (struct prepare_screen){.console = console_of(STDOUT_FILENO), .is_quiet = is_quiet};
    screen->display = (struct display){
        .is_terminal = screen->console.is_terminal, .has_colour = screen->console.colour, .has_prefix = true};
    for (size_t i = 0; i < session->manifest.app_count; i++) {
        size_t width = strlen(session->manifest.apps[i].name);
        if (manifest_setting(&session->manifest.apps[i], "prepare").text && width > screen->display.name_width)
            screen->display.name_width = width;
    }
}

/* ---- judging ---- */

static void prepare_show_card(const struct prepare_app *app) {
    struct console console = console_of(STDERR_FILENO);
    struct card card = {
        .name = app->name,
        .state = "",
        .cause = app->cause ? app->cause : "failed",
        .exit_code = app->outcome.kind == OUTCOME_EXIT ? app->outcome.number : -1,
        .tail = app->tail,
        .log = app->log,
    };
    struct text out TEXT_AUTO = {0};
    card_print(&card, console_card_style(console), &out);
    (void)fflush(stdout);
    (void)fputs(text_get(&out), stderr);
}

static int prepare_judge(const struct prepare *prepare) {
    const struct prepare_app *failure = prepare_failure(prepare);
    for (size_t i = 0; i < prepare->count; i++)
        if (prepare->apps[i].state == PREPARE_FAILED)
            prepare_show_card(&prepare->apps[i]);
    if (failure)
        return code_fail(CODE_FAILED, "%s: %s", failure->name, failure->cause ? failure->cause : "failed");
    size_t stopped = prepare_count(prepare, PREPARE_STOPPED);
    if (prepare->signal == SIGALRM && stopped > 0)
        return code_fail(CODE_TIMED_OUT, "out of time; %zu app%s not prepared, and nothing is left running", stopped,
                         stopped == 1 ? " is" : "s are");
    if (prepare->signal != 0 && stopped > 0)
        return code_fail(CODE_FAILED, "interrupted by %s; %zu app%s not prepared, and nothing is left running",
                         value_signal_name(prepare->signal), stopped, stopped == 1 ? " is" : "s are");
    return CODE_DONE;
}

/* ---- for commands ---- */

int prepare_apps(const struct session *session, char *const *apps, size_t app_count, struct prepare_manner manner,
                 struct prepare *out) {
    struct prepare_screen screen;
    screen_open(&screen, session, manner.is_quiet);
    struct prepare_wish wish = {.apps = apps,
                                .app_count = app_count,
                                .if_needed = manner.if_needed,
                                .limit_ms = manner.limit_ms,
                                .show = {&screen, screen_line, screen_note, screen_changed, screen_show}};
    struct text error TEXT_AUTO = {0};
    *out = (struct prepare){0};
    (void)fflush(stdout);
    bool ok = session->invocation->local->prepare(&session->manifest, &wish, out, &error);
    screen_take_progress_away(&screen);
    screen_flush(&screen, out);
    text_fini(&screen.out);
    return ok ? prepare_judge(out) : code_fail(CODE_FAILED, "%s", text_get(&error));
}

/* NULL while there is nothing to say of the app. */
static const char *prepare_word(enum prepare_state state) {
    switch (state) {
    case PREPARE_SKIPPED:
        return "skipped";
    case PREPARE_DONE:
        return "prepared";
    case PREPARE_FAILED:
        return "failed";
    case PREPARE_STOPPED:
        return "stopped";
    case PREPARE_WAITING:
    case PREPARE_RUNNING:
    case PREPARE_CLEARING:
    case PREPARE_NOTHING:
        return NULL;
    }
    return NULL;
}

static json_t *prepare_json_word(const char *word) {
    return word ? session_word(word) : json_null();
}

/* What a program wrote, line by line. */
static json_t *prepare_json_tail(const char *tail) {
    struct text lines TEXT_AUTO = {0};
    while (tail && *tail) {
        size_t len = strcspn(tail, "\n");
        columns_clean(tail, len, &lines);
        text_char(&lines, '\n');
        tail += len + (tail[len] == '\n');
    }
    return lines.len > 0 ? json_string(text_get(&lines)) : json_null();
}

static json_t *prepare_json_app(const struct prepare_app *app) {
    bool has_begun = mono_is_set(app->begun);
    bool has_failed = app->state == PREPARE_FAILED;
    bool was_killed = has_failed && app->outcome.kind == OUTCOME_SIGNAL;
    bool has_exited = has_failed && app->outcome.kind == OUTCOME_EXIT;
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "app", app->name, "outcome",
        prepare_word(app->state), "why", prepare_json_word(has_failed ? app->cause : app->why), "good_run_ms",
        app->state == PREPARE_SKIPPED ? json_integer(app->good_run_ms) : json_null(), "step",
        has_begun ? json_integer((json_int_t)app->step + 1) : json_null(), "steps", (json_int_t)app->step_count,
        "command", has_failed ? prepare_json_word(app->steps[app->step]) : json_null(), "exit_code",
        has_exited ? json_integer(app->outcome.number) : json_null(), "exit_signal",
        was_killed ? json_string(value_signal_name(app->outcome.number)) : json_null(), "elapsed_ms",
        has_begun && mono_is_set(app->ended) ? json_integer(mono_ms_between(app->begun, app->ended)) : json_null(),
        "tail", prepare_json_tail(app->tail), "log", prepare_json_word(app->log));
}

json_t *prepare_json(const struct prepare *prepare) {
    json_t *apps = json_array();
    for (size_t i = 0; i < prepare->count; i++)
        if (prepare_word(prepare->apps[i].state))
            (void)json_array_append_new(apps, prepare_json_app(&prepare->apps[i]));
    return apps;
}

/* ---- the command ---- */

static void prepare_sum_up(const struct session *session, const struct prepare *prepare) {
    struct text line TEXT_AUTO = {0};
    size_t done = prepare_count(prepare, PREPARE_DONE);
    size_t skipped = prepare_count(prepare, PREPARE_SKIPPED);
    if (done + skipped == 0)
        text_printf(&line, "%s: nothing to prepare: no app%s has prepare lines\n", session->path,
                    session->invocation->arg_count > 0 ? " of these" : "");
    else if (done == 0)
        text_printf(&line, "%s: nothing to prepare: nothing has changed\n", session->path);
    else
        text_printf(&line, "%s: %zu app%s prepared", session->path, done, text_plural(done));
    if (done > 0 && skipped > 0)
        text_printf(&line, ", %zu skipped", skipped);
    if (done > 0)
        text_char(&line, '\n');
    (void)console_write(&line);
}

static int prepare_lock(const struct session *session, int *fd_out) {
    struct text error TEXT_AUTO = {0};
    int fd = session->invocation->local->prepare_lock(&session->manifest, "prepare", &error);
    if (fd < 0)
        return code_fail(CODE_FAILED, "%s", text_get(&error));
    *fd_out = fd;
    return CODE_DONE;
}

static void prepare_print_json(const struct session *session, const struct prepare *prepare, int code,
                               const char *why) {
    struct text out TEXT_AUTO = {0};
    json_t *whole = json_pack("{s:o, s:b, s:i, s:o, s:o}", "manifest", prepare_json_word(session->path), "ok",
                              code == CODE_DONE, "exit_code", code, "why",
                              prepare_json_word(code == CODE_DONE ? NULL : why), "apps", prepare_json(prepare));
    answer_print(whole, false, &out);
    json_decref(whole);
    (void)console_write(&out);
}

static int prepare_in(struct session *session, struct prepare *prepare_out) {
    const struct invocation *invocation = session->invocation;
    struct prepare_manner manner = {.if_needed = invocation->options.given[OPTION_IF_NEEDED],
                                    .limit_ms = -1,
                                    .is_quiet = invocation->options.given[OPTION_JSON]};
    int lock = -1;
    int code = session_load(session, invocation);
    if (code == CODE_DONE)
        code = session_check_apps(session);
    if (code == CODE_DONE)
        code = prepare_lock(session, &lock);
    if (code != CODE_DONE)
        return code;
    code = prepare_apps(session, invocation->args, invocation->arg_count, manner, prepare_out);
    (void)close(lock);
    return code;
}

int prepare_command(const struct invocation *invocation) {
    struct session session = {.invocation = invocation};
    struct prepare prepare = {0};
    struct text why TEXT_AUTO = {0};
    code_catch(&why);
    int code = prepare_in(&session, &prepare);
    code_catch(NULL);
    if (invocation->options.given[OPTION_JSON])
        prepare_print_json(&session, &prepare, code, text_get(&why));
    else if (code == CODE_DONE)
        prepare_sum_up(&session, &prepare);
    if (code != CODE_DONE)
        (void)code_fail((enum code)code, "%s", text_get(&why));
    prepare_fini(&prepare);
    session_close(&session);
    return code;
}
