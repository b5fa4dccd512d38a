#include "fake_host.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "daemon/instance.h"
#include "daemon/require.h"
#include "daemon/say.h"
#include "host/tree.h"

enum { FAKE_APPS = 512, FAKE_TAG_BASE = 1000 };

/* One instance's processes. */
struct fake_tree {
    struct fake_script script;
    struct proc *main; /* NULL: none */
    void (*main_ended)(struct proc *, struct outcome);
    struct outcome outcome;
    int64_t ready_at, exit_at; /* virtual ms, -1: never */
    struct proc *helper;
    void (*helper_ended)(struct proc *, struct outcome);
    int64_t helper_at;
    int64_t spawned_at;
    bool has_orphan;
    bool orphan_dying;
    unsigned spawns;
};

struct fake_world {
    struct supervisor *supervisor;
    struct fake_tree trees[FAKE_APPS];
    int64_t now_ms;
    struct loop_post *posts, **posts_end;
    struct loop_timer *timers[FAKE_APPS * 2];
    size_t timer_count;
    bool is_over;
    struct text trace;
    bool set[FAKE_APPS];
    pid_t next_pid;
};

static struct fake_world *world; /* the one that the host's functions act on */

const struct actor fake_actor = {.kind = ACTOR_USER, .uid = 0, .pid = 1};

static void trace(const char *what, const char *name) {
    text_printf(&world->trace, "%lld:%s %s\n", (long long)world->now_ms, what, name);
}

static size_t index_of_tag(uint32_t tag) {
    for (size_t i = 0; i < supervisor_count(world->supervisor); i++)
        if (supervisor_view(world->supervisor, i).tag == tag)
            return i;
    fail_msg("nobody has tag %u", tag);
    return 0;
}

static const char *name_of(uint32_t tag) {
    return supervisor_view(world->supervisor, index_of_tag(tag)).name;
}

/* ---- host/loop.h ------------------------------------------------------------------------------------------------ */

struct loop {
    char unused;
};
static struct loop the_loop;

struct mono loop_now(struct loop *loop) {
    (void)loop;
    return (struct mono){world->now_ms * 1000000};
}

struct mono loop_clock(void) {
    return loop_now(NULL);
}

void loop_break(struct loop *loop) {
    (void)loop;
    world->is_over = true;
}

static int64_t due_ms(const struct loop_timer *timer) {
    return (timer->at.ns + 999999) / 1000000;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->active = false;
    for (size_t i = 0; i < world->timer_count; i++)
        if (world->timers[i] == timer) {
            world->timers[i] = world->timers[--world->timer_count];
            return;
        }
}

void loop_timer_at(struct loop *loop, struct loop_timer *timer, struct mono at, void (*due)(struct loop_timer *)) {
    loop_timer_stop(loop, timer);
    if (mono_is_never(at))
        return;
    timer->due = due;
    timer->active = true;
    timer->at = at;
    assert_true(world->timer_count < sizeof world->timers / sizeof *world->timers);
    world->timers[world->timer_count++] = timer;
}

void loop_post(struct loop *loop, struct loop_post *post, void (*run)(struct loop_post *)) {
    (void)loop;
    if (post->posted)
        return;
    post->posted = true;
    post->run = run;
    post->next = NULL;
    *world->posts_end = post;
    world->posts_end = &post->next;
}

void loop_post_cancel(struct loop *loop, struct loop_post *post) {
    (void)loop;
    for (struct loop_post **at = &world->posts; *at; at = &(*at)->next)
        if (*at == post) {
            *at = post->next;
            if (!*at)
                world->posts_end = at;
            break;
        }
    post->posted = false;
}

/* ---- host/proc.h, host/tree.h ----------------------------------------------------------------------------------- */

static struct fake_tree *tree_of(uint32_t tag) {
    assert_in_range(tag, FAKE_TAG_BASE, FAKE_TAG_BASE + FAKE_APPS * INSTANCE_TAGS - 1);
    return &world->trees[(tag - FAKE_TAG_BASE) / INSTANCE_TAGS];
}

static struct instance_view view_of(uint32_t tag) {
    return supervisor_view(world->supervisor, index_of_tag(tag));
}

/* A second process of an instance can only be its stop_command. */
static int spawn_helper(struct fake_tree *tree, struct proc *proc, const struct proc_spec *spec,
                        void (*ended)(struct proc *, struct outcome), struct proc_failure *failure_out) {
    assert_null(tree->helper);
    assert_ptr_not_equal(tree->main, proc);
    trace("stop-command", name_of(spec->tag));
    if (tree->script.spawn_fails) {
        *failure_out = (struct proc_failure){PROC_STEP_EXEC, ENOENT};
        return -ENOENT;
    }
    proc->pid = ++world->next_pid;
    proc->tag = spec->tag;
    tree->helper = proc;
    tree->helper_ended = ended;
    tree->helper_at = tree->script.helper_takes_ms < 0 ? -1 : world->now_ms + tree->script.helper_takes_ms;
    return 0;
}

int proc_spawn(struct proc *proc, const struct proc_spec *spec, void (*ended)(struct proc *, struct outcome),
               struct proc_failure *failure_out) {
    struct fake_tree *tree = tree_of(spec->tag);
    if (tree->main)
        return spawn_helper(tree, proc, spec, ended, failure_out);
    assert_null(tree->helper);
    /* Nor a start beside what is left of the last one; what a pre_start of this start left is left alone. */
    assert_true(!tree->has_orphan || view_of(spec->tag).life->step > 0);
    tree->spawns++;
    trace("spawn", name_of(spec->tag));
    if (tree->script.spawn_fails) {
        *failure_out = (struct proc_failure){PROC_STEP_EXEC, ENOENT};
        return -ENOENT;
    }
    proc->pid = ++world->next_pid;
    proc->tag = spec->tag;
    tree->main = proc;
    tree->main_ended = ended;
    tree->spawned_at = world->now_ms;
    tree->outcome = (struct outcome){OUTCOME_EXIT, tree->script.exit_code, false};
    tree->ready_at = tree->script.ready_after_ms < 0 ? -1 : world->now_ms + tree->script.ready_after_ms;
    tree->exit_at = tree->script.exit_after_ms < 0 ? -1 : world->now_ms + tree->script.exit_after_ms;
    tree->has_orphan = tree->has_orphan || tree->script.leaves_orphan;
    tree->orphan_dying = false;
    return 0;
}

static void end_main(struct fake_tree *tree, int after_ms, int signal) {
    if (!tree->main || (tree->exit_at >= 0 && tree->exit_at <= world->now_ms + after_ms))
        return;
    tree->exit_at = world->now_ms + after_ms;
    tree->outcome = (struct outcome){OUTCOME_SIGNAL, signal, false};
}

int proc_signal(const struct proc *proc, int signal) {
    if (proc->pid == 0)
        return -ESRCH;
    struct fake_tree *tree = tree_of(proc->tag);
    if (proc == tree->helper) {
        tree->helper_at = world->now_ms;
        return 0;
    }
    assert_ptr_equal(tree->main, proc);
    trace(signal == SIGKILL ? "kill" : "signal", name_of(proc->tag));
    if (signal == SIGKILL)
        end_main(tree, 0, signal);
    else if (!tree->script.ignores_stop_signal)
        end_main(tree, tree->script.stop_takes_ms, signal);
    return 0;
}

int proc_adopt(struct proc *proc, pid_t pid, uint32_t tag, void (*ended)(struct proc *, struct outcome)) {
    (void)proc, (void)pid, (void)tag, (void)ended;
    return -ESRCH;
}

void proc_forget(struct proc *proc) {
    proc->pid = 0;
}

const char *proc_step_words(enum proc_step step) {
    (void)step;
    return "cannot execute";
}

int tree_signal(uint32_t tag, int signal, pid_t except, pid_t *refused_out) {
    (void)except;
    struct fake_tree *tree = tree_of(tag);
    *refused_out = 0;
    trace(signal == SIGKILL ? "kill-tree" : "signal-tree", name_of(tag));
    int reached = (tree->main != NULL) + (tree->helper != NULL) + tree->has_orphan;
    if (tree->helper)
        tree->helper_at = world->now_ms;
    if (tree->main)
        (void)proc_signal(tree->main, signal);
    if (tree->has_orphan && (signal == SIGKILL || !tree->script.orphan_ignores))
        tree->orphan_dying = true;
    return reached;
}

int tree_orphans(struct tree_tags *tags) {
    (void)tags;
    return 0;
}

bool tree_tags_has(const struct tree_tags *tags, uint32_t tag) {
    (void)tags;
    return tree_of(tag)->has_orphan && !tree_of(tag)->main;
}

void tree_tags_fini(struct tree_tags *tags) {
    (void)tags;
}

/* ---- the daemon's rooms that touch the system ------------------------------------------------------------------- */

bool launch_environment(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                        struct diags *diags) {
    (void)context, (void)app, (void)env, (void)diags;
    return true;
}

void launch_first_error(const struct diags *diags, struct text *error) {
    (void)diags, (void)error;
    fail();
}

bool launch_configure(const struct launch_context *context, const struct manifest_app *app, struct env *env,
                      struct app_config *config, struct text *error) {
    (void)error;
    struct diags diags = {0};
    bool ok = manifest_resolve(context->manifest, app, env, config, &diags);
    assert_true(ok);
    diags_fini(&diags);
    return ok;
}

bool require_met(const struct launch_context *context, const struct manifest_app *app, const struct app_config *config,
                 const struct env *env, struct text *error) {
    (void)context, (void)app, (void)config, (void)env, (void)error;
    return true;
}

bool launch_export(const struct launch_context *context, const char *app, struct env *env) {
    (void)context, (void)app, (void)env;
    return true;
}

bool launch_terms(const struct app_config *config, struct proc_terms *terms, struct text *error) {
    (void)config, (void)terms, (void)error;
    return true;
}

void launch_terms_fini(struct proc_terms *terms) {
    (void)terms;
}

uid_t account_uid(const struct account *account) {
    (void)account;
    return 0;
}

bool launch_command(const struct launch_context *context, const struct app_config *config, const char *command,
                    struct env *env, uint32_t tag, struct launch *launch, struct proc_spec *spec, struct text *error) {
    (void)context, (void)config, (void)command, (void)env, (void)launch, (void)error;
    spec->tag = tag;
    return true;
}

void launch_say_failure(const struct proc_spec *spec, const char *cwd, const struct proc_failure *failure,
                        struct text *error) {
    (void)spec, (void)cwd;
    text_printf(error, "cannot execute it: %s", strerror(failure->error));
}

void seen_clear(struct seen *seen) {
    (void)seen;
}

bool seen_has_changed(const struct seen *seen) {
    (void)seen;
    return false;
}

void launch_fini(struct launch *launch) {
    (void)launch;
}

struct output {
    char unused;
};
struct output_hub {
    char unused;
};
static struct output the_output;
static struct output_hub the_hub;

struct output_hub *output_hub_new(struct loop *loop, const char *runtime_dir, const char *log_dir, int terminal_fd) {
    (void)loop, (void)runtime_dir, (void)log_dir, (void)terminal_fd;
    return &the_hub;
}
void output_hub_end(struct output_hub *hub) {
    (void)hub;
}
void output_hub_free(struct output_hub *hub) {
    (void)hub;
}
struct output *output_new(struct output_hub *hub, const char *name) {
    (void)hub, (void)name;
    return &the_output;
}
void output_free(struct output *output) {
    (void)output;
}
int output_prepare(struct output *output, const struct app_config *config, const char *root, const struct env *env,
                   struct text *error) {
    (void)output, (void)config, (void)root, (void)env, (void)error;
    return 0;
}
void output_fds(const struct output *output, int *stdout_out, int *stderr_out) {
    (void)output;
    *stdout_out = *stderr_out = -1;
}
void output_drain(struct output *output) {
    (void)output;
}
void output_mark(struct output *output) {
    (void)output;
}
const char *output_tail(const struct output *output) {
    (void)output;
    return "";
}
void output_give(struct output *output, uid_t uid) {
    (void)output, (void)uid;
}
bool output_export(const struct output *output, struct env *env) {
    (void)output, (void)env;
    return true;
}
const char *output_path(const struct output *output, bool is_stderr) {
    (void)output, (void)is_stderr;
    return NULL;
}

/* Readiness is told by the script, through the events that the instance gave when it was made. */
struct readiness {
    struct readiness_events events;
    void *context;
    bool is_watching;
};
static struct readiness readinesses[FAKE_APPS];

struct readiness *readiness_new(struct loop *loop, const char *runtime_dir, const char *name, uint32_t tag,
                                struct trial_nest *nest, const struct readiness_events *events, void *context) {
    (void)loop, (void)runtime_dir, (void)name, (void)nest;
    struct readiness *readiness = &readinesses[(tag - FAKE_TAG_BASE) / INSTANCE_TAGS];
    *readiness = (struct readiness){*events, context, false};
    return readiness;
}
void readiness_free(struct readiness *readiness) {
    (void)readiness;
}
int readiness_check(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                    struct text *error) {
    (void)config, (void)root, (void)env, (void)error;
    assert_false(readiness->is_watching);
    return 0;
}
int readiness_prepare(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                      struct proc_spec *spec, struct text *error) {
    (void)config, (void)root, (void)env, (void)spec, (void)error;
    assert_false(readiness->is_watching);
    return 0;
}
void readiness_start(struct readiness *readiness, pid_t pid, char *const *envp, struct output *output) {
    (void)pid, (void)envp, (void)output;
    readiness->is_watching = true;
}
void readiness_give_up(struct readiness *readiness) {
    readiness->is_watching = false;
}
void readiness_stop(struct readiness *readiness) {
    readiness->is_watching = false;
}
const char *readiness_last_answer(struct readiness *readiness) {
    (void)readiness;
    return "nothing yet";
}

/* A trial answers at once, as the script of its app has it. */
struct trial {
    int unused;
};

struct trial *trial_new(struct loop *loop, const struct condition *condition, const char *root,
                        const struct app_config *config, const struct env *env, struct text *error) {
    (void)loop, (void)condition, (void)root, (void)config, (void)env, (void)error;
    return calloc(1, sizeof(struct trial));
}
void trial_free(struct trial *trial) {
    free(trial);
}
void trial_begin(struct trial *trial, const struct trial_app *app, int64_t limit_ms, trial_ended *ended,
                 void *context) {
    (void)limit_ms;
    const struct fake_tree *tree = tree_of(app->tree.tag);
    const struct fake_script *script = &tree->script;
    int64_t begins = tree->spawned_at + script->sick_after_ms;
    bool is_sick = script->sick_after_ms > 0 && world->now_ms >= begins &&
                   (script->sick_for_ms == 0 || world->now_ms < begins + script->sick_for_ms);
    assert_int_equal(view_of(app->tree.tag).life->phase, PHASE_READY);
    trace(is_sick ? "miss" : "pass", name_of(app->tree.tag));
    ended(trial, is_sick ? TRIAL_NO : TRIAL_YES, context);
}
void trial_cancel(struct trial *trial) {
    (void)trial;
}
bool trial_is_under_way(const struct trial *trial) {
    (void)trial;
    return false;
}
void trial_print_verdict(const struct trial *trial, enum trial_verdict verdict, struct text *out) {
    (void)trial;
    text_str(out, verdict == TRIAL_YES ? "it said yes" : "it said no");
}

struct sockets *sockets_new(void) {
    return (struct sockets *)(void *)&readinesses;
}
void sockets_free(struct sockets *sockets) {
    (void)sockets;
}
void sockets_claim(struct sockets *sockets, const struct sockets_request *request) {
    (void)sockets, (void)request;
}
void sockets_end_claims(struct sockets *sockets) {
    (void)sockets;
}
int sockets_open(struct sockets *sockets, const struct sockets_request *request, struct text *error) {
    (void)sockets, (void)request, (void)error;
    return 0;
}
bool sockets_hand_over(const struct sockets *sockets, const struct sockets_request *request, struct env *env,
                       struct proc_spec *spec) {
    (void)sockets, (void)request, (void)env, (void)spec;
    return true;
}
char *sockets_pid_text(char *const *envp) {
    (void)envp;
    return NULL;
}
void sockets_close(struct sockets *sockets, const char *app) {
    (void)sockets, (void)app;
}

void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format,
            ...) {
    (void)place, (void)level, (void)about, (void)format;
}

/* ---- the world -------------------------------------------------------------------------------------------------- */

static void parse(const char *text, struct manifest *out) {
    struct diags diags = {0};
    struct env env = {0};
    bool ok = manifest_parse(text, strlen(text), "upkeep.ini", "/sim", NULL, &env, out, &diags);
    for (size_t i = 0; i < diags.count; i++)
        print_message("%s\n", diags.list[i].text);
    assert_true(ok);
    diags_fini(&diags);
    env_fini(&env);
}

struct fake_world *fake_new(const char *manifest_text, uint32_t seed) {
    world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->posts_end = &world->posts;
    struct manifest manifest = {0};
    parse(manifest_text, &manifest);
    assert_true(manifest.app_count <= FAKE_APPS);
    for (size_t i = 0; i < FAKE_APPS; i++)
        world->trees[i].script = (struct fake_script){.ready_after_ms = 10, .exit_after_ms = -1, .stop_takes_ms = 5};
    (void)seed;
    world->supervisor = supervisor_new(&the_loop, &manifest, (char *const[]){NULL}, FAKE_TAG_BASE, -1);
    assert_non_null(world->supervisor);
    return world;
}

void fake_take(struct fake_world *w, const char *manifest_text, const char *restarted) {
    struct manifest manifest = {0};
    struct env env = {0};
    struct diags diags = {0};
    parse(manifest_text, &manifest);
    size_t count = manifest.app_count;
    struct app_config *configs = calloc(count + 1, sizeof *configs);
    enum take *takes = calloc(count + 1, sizeof *takes);
    assert_true(configs && takes);
    for (size_t i = 0; i < count; i++) {
        const char *name = manifest.apps[i].name;
        assert_true(manifest_resolve(&manifest, &manifest.apps[i], &env, &configs[i], &diags));
        bool is_new = !manifest_find(supervisor_manifest(w->supervisor), name);
        takes[i] = is_new ? TAKE_START : strstr(restarted, name) ? TAKE_RESTART : TAKE_LEAVE;
    }
    assert_true(supervisor_take(w->supervisor, &manifest, configs, takes, fake_actor));
    for (size_t i = 0; i < count; i++)
        app_config_fini(&configs[i]);
    free(configs);
    free(takes);
    diags_fini(&diags);
}

void fake_free(struct fake_world *w) {
    supervisor_free(w->supervisor);
    text_fini(&w->trace);
    free(w);
    world = NULL;
}

struct supervisor *fake_supervisor(struct fake_world *w) {
    return w->supervisor;
}

static size_t index_of(const struct fake_world *w, const char *app) {
    for (size_t i = 0; i < supervisor_count(w->supervisor); i++)
        if (strcmp(supervisor_view(w->supervisor, i).name, app) == 0)
            return i;
    fail_msg("no app %s", app);
    return 0;
}

static struct fake_tree *tree_of_app(struct fake_world *w, const char *app) {
    return &w->trees[(supervisor_view(w->supervisor, index_of(w, app)).tag - FAKE_TAG_BASE) / INSTANCE_TAGS];
}

void fake_script(struct fake_world *w, const char *app, const struct fake_script *script) {
    tree_of_app(w, app)->script = *script;
}

enum phase fake_phase(const struct fake_world *w, const char *app) {
    return supervisor_view(w->supervisor, index_of(w, app)).life->phase;
}

unsigned fake_spawns(struct fake_world *w, const char *app) {
    return tree_of_app(w, app)->spawns;
}

int64_t fake_now_ms(const struct fake_world *w) {
    return w->now_ms;
}

bool fake_is_over(const struct fake_world *w) {
    return w->is_over;
}

size_t fake_processes(const struct fake_world *w) {
    size_t count = 0;
    for (size_t i = 0; i < FAKE_APPS; i++)
        count += (size_t)(w->trees[i].main != NULL) + (w->trees[i].helper != NULL) + w->trees[i].has_orphan;
    return count;
}

const bool *fake_set(struct fake_world *w, const char *names) {
    memset(w->set, 0, sizeof w->set);
    for (size_t i = 0; i < supervisor_count(w->supervisor); i++) {
        const char *name = supervisor_view(w->supervisor, i).name;
        const char *at = strstr(names, name);
        w->set[i] = *names == '\0' || at;
    }
    return w->set;
}

const char *fake_trace(const struct fake_world *w) {
    return text_get(&w->trace);
}

void fake_trace_clear(struct fake_world *w) {
    text_clear(&w->trace);
}

static bool run_posts(void) {
    bool any = false;
    while (world->posts) {
        struct loop_post *post = world->posts;
        world->posts = post->next;
        if (!world->posts)
            world->posts_end = &world->posts;
        post->posted = false;
        post->run(post);
        any = true;
    }
    return any;
}

/* What is due at this moment: readiness, ends, timers. One round of ends is followed by one `settled`, as in reap.c. */
static bool run_due(void) {
    bool any = false;
    bool ended = false;
    for (size_t i = 0; i < FAKE_APPS; i++) {
        struct fake_tree *tree = &world->trees[i];
        if (tree->main && tree->ready_at >= 0 && tree->ready_at <= world->now_ms) {
            tree->ready_at = -1;
            if (readinesses[i].is_watching)
                readinesses[i].events.ready(readinesses[i].context, "as scripted");
            any = true;
        }
        if (tree->main && tree->exit_at >= 0 && tree->exit_at <= world->now_ms) {
            struct proc *proc = tree->main;
            tree->main = NULL;
            proc->pid = 0;
            trace("end", name_of((uint32_t)(FAKE_TAG_BASE + i * INSTANCE_TAGS)));
            tree->main_ended(proc, tree->outcome);
            ended = true;
        }
        if (tree->helper && tree->helper_at >= 0 && tree->helper_at <= world->now_ms) {
            struct proc *proc = tree->helper;
            tree->helper = NULL;
            proc->pid = 0;
            tree->helper_ended(proc, (struct outcome){OUTCOME_EXIT, 0, false});
            ended = true;
        }
        if (tree->has_orphan && tree->orphan_dying && !tree->main) {
            tree->has_orphan = false;
            ended = true;
        }
    }
    if (ended)
        supervisor_settled(world->supervisor);
    for (size_t i = 0; i < world->timer_count;) {
        struct loop_timer *timer = world->timers[i];
        if (due_ms(timer) > world->now_ms) {
            i++;
            continue;
        }
        loop_timer_stop(NULL, timer);
        timer->due(timer);
        any = true;
        i = 0;
    }
    return any || ended;
}

static int64_t next_moment(int64_t limit) {
    int64_t next = limit;
    for (size_t i = 0; i < world->timer_count; i++)
        if (due_ms(world->timers[i]) < next)
            next = due_ms(world->timers[i]);
    for (size_t i = 0; i < FAKE_APPS; i++) {
        const struct fake_tree *tree = &world->trees[i];
        if (tree->main && tree->ready_at >= 0 && tree->ready_at < next)
            next = tree->ready_at;
        if (tree->main && tree->exit_at >= 0 && tree->exit_at < next)
            next = tree->exit_at;
        if (tree->helper && tree->helper_at >= 0 && tree->helper_at < next)
            next = tree->helper_at;
    }
    return next > world->now_ms ? next : world->now_ms;
}

void fake_run(struct fake_world *w, int64_t ms) {
    int64_t limit = w->now_ms + ms;
    unsigned rounds = 0;
    for (;;) {
        bool ran_posts = run_posts();
        bool ran_due = run_due();
        if (ran_posts || ran_due) {
            assert_true(++rounds < 100000); /* something goes round without time passing */
            if (!w->is_over)
                continue;
        }
        if (w->is_over || w->now_ms >= limit)
            return;
        int64_t next = next_moment(limit);
        if (next > w->now_ms)
            rounds = 0;
        w->now_ms = next;
    }
}
