/* exec: a command that exits with 0. Whatever it has started is gone when the try is over. Of what it writes the last
 * line is kept: that is where programs say why. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/columns.h"
#include "core/limits.h"
#include "core/value.h"
#include "core/why.h"
#include "core/words.h"
#include "daemon/launch.h"
#include "daemon/trial_inside.h"
#include "host/fs.h"
#include "host/proc.h"
#include "host/tree.h"

/* What the command writes. */
struct exec_output {
    struct loop_io io;
    int fd; /* meaningful while is_open */
    bool is_open;
    size_t len;
    char line[LIMIT_PROBE_LINE]; /* the beginning of the present one */
    size_t last_len;
    char last[LIMIT_PROBE_LINE]; /* the last that is not blank */
};

struct exec_trial {
    struct trial trial;
    struct loop_timer limit;
    struct words words;
    char *shell[4]; /* instead of them, where the app has `shell` */
    char *program;
    char *cwd;
    char *command;    /* as written */
    struct proc proc; /* the try that runs, if one does */
    struct exec_output output;
    struct text answer; /* of the last that was a no */
};

/* ---- what it writes ---- */

static void end_line(struct exec_output *output) {
    if (output->len > 0) {
        memcpy(output->last, output->line, output->len);
        output->last_len = output->len;
    }
    output->len = 0;
}

static void take_bytes(struct exec_output *output, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bool is_leading_blank = output->len == 0 && (bytes[i] == ' ' || bytes[i] == '\t');
        if (bytes[i] == '\n' || bytes[i] == '\r')
            end_line(output);
        else if (output->len < sizeof output->line && !is_leading_blank)
            output->line[output->len++] = bytes[i];
    }
}

static void close_output(struct exec_trial *self) {
    if (!self->output.is_open)
        return;
    loop_io_stop(self->trial.loop, &self->output.io);
    close(self->output.fd);
    self->output.is_open = false;
}

/* As much as is there, within reason: false when no more can come. */
static bool read_output(struct exec_output *output) {
    char bytes[4096];
    for (unsigned i = 0; i < 16; i++) {
        ssize_t len = read(output->fd, bytes, sizeof bytes);
        if (len <= 0)
            return len < 0 && (errno == EAGAIN || errno == EINTR);
        take_bytes(output, bytes, (size_t)len);
    }
    return true;
}

static void on_output(struct loop_io *io, int events) {
    (void)events;
    struct exec_trial *self = LOOP_CONTAINER(io, struct exec_trial, output.io);
    if (!read_output(&self->output))
        close_output(self);
}

/* Returns the end for the command, which is to be closed after the spawn; -1: it writes to nowhere. */
static int open_output(struct exec_trial *self, struct proc_spec *spec) {
    int fds[2];
    self->output.len = self->output.last_len = 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    self->output.fd = fds[0];
    self->output.is_open = true;
    loop_io_start(self->trial.loop, &self->output.io, fds[0], LOOP_READ, on_output);
    proc_spec_pass(spec, fds[1], STDOUT_FILENO);
    proc_spec_pass(spec, fds[1], STDERR_FILENO);
    return fds[1];
}

static void print_last_line(struct exec_trial *self, struct text *out) {
    struct exec_output *output = &self->output;
    if (output->is_open)
        (void)read_output(output);
    end_line(output);
    if (output->last_len == 0)
        return;
    text_str(out, ": ");
    columns_clean(output->last, output->last_len, out);
}

/* ---- ending it whole ---- */

/* It runs in a process group of its own, and has not been waited for yet: the number is still its. */
static void kill_group(const struct exec_trial *self) {
    if (self->proc.pid > 0)
        (void)kill(-self->proc.pid, SIGKILL);
}

static bool has_orphans(uint32_t tag) {
    struct tree_tags orphans = {0};
    bool has = tree_orphans(&orphans) < 0 || tree_tags_has(&orphans, tag);
    tree_tags_fini(&orphans);
    return has;
}

/* The last command of an instance that ends takes with it what any of them has left behind. */
static void leave_nest(struct exec_trial *self, bool is_over) {
    struct trial_nest *nest = self->trial.app.nest;
    nest->running--;
    if (nest->running == 0 && (!is_over || has_orphans(nest->tag)))
        (void)tree_signal(nest->tag, SIGKILL, 0, NULL);
}

static void cancel(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    loop_timer_stop(trial->loop, &self->limit);
    if (self->proc.pid == 0)
        return;
    kill_group(self);
    proc_forget(&self->proc);
    close_output(self);
    leave_nest(self, false);
}

/* ---- trying ---- */

static void on_limit(struct loop_timer *timer) {
    kill_group(LOOP_CONTAINER(timer, struct exec_trial, limit));
}

static void note_end(struct exec_trial *self, bool timed_out, struct outcome outcome) {
    text_clear(&self->answer);
    text_printf(&self->answer, "%s ", self->command);
    if (timed_out) {
        text_str(&self->answer, "did not end within ");
        value_print_duration(self->trial.limit_ms, &self->answer);
    } else {
        outcome_print(outcome, &self->answer);
    }
    print_last_line(self, &self->answer);
}

static void on_ended(struct proc *proc, struct outcome outcome) {
    struct exec_trial *self = LOOP_CONTAINER(proc, struct exec_trial, proc);
    bool timed_out = !self->limit.active;
    bool is_yes = !timed_out && outcome.kind == OUTCOME_EXIT && outcome.number == 0;
    loop_timer_stop(self->trial.loop, &self->limit);
    leave_nest(self, true);
    if (!is_yes)
        note_end(self, timed_out, outcome);
    close_output(self);
    trial_end(&self->trial, is_yes ? TRIAL_YES : TRIAL_NO);
}

static void begin(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    struct proc_spec spec = {.path = self->program,
                             .argv = self->shell[0] ? self->shell : self->words.list,
                             .envp = trial->app.envp,
                             .cwd = self->cwd,
                             .terms = trial->app.nest->terms,
                             .tag = trial->app.nest->tag};
    struct proc_failure failure;
    int write_fd = open_output(self, &spec);
    int result = proc_spawn(&self->proc, &spec, on_ended, &failure);
    if (write_fd >= 0)
        close(write_fd);
    if (result < 0) {
        close_output(self);
        text_clear(&self->answer);
        text_printf(&self->answer, "%s %s: %s", proc_step_words(failure.step), self->program, strerror(failure.error));
        trial_end(trial, TRIAL_NO);
        return;
    }
    trial->app.nest->running++;
    loop_timer_at(trial->loop, &self->limit, mono_add_ms(loop_now(trial->loop), trial->limit_ms), on_limit);
}

/* ---- sentences ---- */

static void print_yes(const struct trial *trial, struct text *out) {
    text_printf(out, "%s exited with code 0", ((const struct exec_trial *)trial)->command);
}

static void print_no(const struct trial *trial, struct text *out) {
    const struct exec_trial *self = (const struct exec_trial *)trial;
    if (self->answer.len > 0)
        text_str(out, text_get(&self->answer));
    else if (self->proc.pid > 0)
        text_printf(out, "%s did not end", self->command);
}

/* ---- making ---- */

static bool init_shell(struct exec_trial *self, struct text *error) {
    static char shell[] = "/bin/sh";
    static char option[] = "-c";
    self->shell[0] = shell;
    self->shell[1] = option;
    self->shell[2] = self->command;
    self->program = strdup(shell);
    if (!self->program)
        text_str(error, "out of memory");
    return self->program != NULL;
}

static bool init(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct exec_trial *self = (struct exec_trial *)trial;
    const char *cwd = making->config->cwd;
    self->command = strdup(making->condition->path);
    self->cwd = manifest_path(making->root, cwd ? cwd : ".", making->env);
    if (!self->command || !self->cwd) {
        text_str(error, "out of memory");
        return false;
    }
    if (making->config->shell)
        return init_shell(self, error);
    if (!words_split(self->command, &self->words, error))
        return false;
    const char *name = self->words.list[0];
    int result = fs_find_program(name, self->cwd, launch_path_list(making->env), &self->program);
    if (result < 0)
        text_printf(error, "cannot find %s, which exec: runs: %s", name, strerror(-result));
    return result >= 0;
}

static void fini(struct trial *trial) {
    struct exec_trial *self = (struct exec_trial *)trial;
    words_fini(&self->words);
    free(self->program);
    free(self->cwd);
    free(self->command);
    text_fini(&self->answer);
}

const struct trial_kind trial_exec = {.bytes = sizeof(struct exec_trial),
                                      .init = init,
                                      .fini = fini,
                                      .begin = begin,
                                      .cancel = cancel,
                                      .print_yes = print_yes,
                                      .print_no = print_no};
