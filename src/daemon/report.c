#include "daemon/report.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/json_text.h"
#include "core/lines.h"
#include "core/manifest_keys.h"
#include "core/value.h"
#include "core/why.h"
#include "daemon/usage.h"
#include "daemon/written.h"

struct report {
    struct supervisor *supervisor;
    uint64_t edition; /* of the manifest that `written` compares with */
    struct written *written;
    struct usage usage;
    bool has_usage;
};

struct report *report_new(struct supervisor *supervisor) {
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return NULL;
    report->supervisor = supervisor;
    report->written = written_new(supervisor_manifest(supervisor), supervisor_inherited(supervisor));
    if (!report->written) {
        free(report);
        return NULL;
    }
    report->edition = supervisor_edition(supervisor);
    return report;
}

void report_free(struct report *report) {
    if (!report)
        return;
    written_free(report->written);
    usage_fini(&report->usage);
    free(report);
}

static struct mono report_now(const struct report *report) {
    return loop_now(supervisor_loop(report->supervisor));
}

static bool report_has_processes(const struct supervisor *supervisor) {
    for (size_t i = 0; i < supervisor_count(supervisor); i++)
        if (phase_has_process(supervisor_view(supervisor, i).life->phase))
            return true;
    return false;
}

void report_look(struct report *report) {
    if (report->edition != supervisor_edition(report->supervisor))
        written_forget(report->written);
    report->edition = supervisor_edition(report->supervisor);
    written_look(report->written);
    report->has_usage = report_has_processes(report->supervisor) &&
                        usage_look(&report->usage, supervisor_tags(report->supervisor), report_now(report));
}

static void report_int_or_null(struct text *out, const char *key, bool has, int64_t value) {
    if (has)
        json_text_int(out, key, value);
    else
        json_text_null(out, key);
}

void report_supervisor(const struct report *report, struct text *out, const char *key) {
    const struct manifest *manifest = supervisor_manifest(report->supervisor);
    json_text_object(out, key);
    json_text_string(out, "name", manifest->supervisor.name);
    json_text_int(out, "pid", getpid());
    json_text_string(out, "state", supervisor_state(report->supervisor));
    json_text_string(out, "manifest", written_path(report->written));
    json_text_bool(out, "manifest_changed", written_has_changed(report->written));
    json_text_string(out, "root", manifest->supervisor.root);
    json_text_string(out, "profile", manifest->profile);
    json_text_string(out, "version", UPKEEP_VERSION);
    json_text_int(out, "uptime_ms", mono_ms_between(supervisor_began(report->supervisor), report_now(report)));
    json_text_object_end(out);
}

/* The exit code or the signal of a process that ended, never both. */
static void report_outcome(struct outcome outcome, struct text *out) {
    report_int_or_null(out, "exit_code", outcome.kind == OUTCOME_EXIT, outcome.number);
    json_text_string(out, "exit_signal", outcome.kind == OUTCOME_SIGNAL ? value_signal_name(outcome.number) : NULL);
}

static void report_usage(const struct report *report, const struct instance_view *view, struct text *out) {
    int64_t memory = report->has_usage ? usage_memory(&report->usage, view->tag) : -1;
    int64_t cpu = report->has_usage ? usage_cpu_tenths(&report->usage, view->tag, view->life->spawned) : -1;
    report_int_or_null(out, "memory_bytes", memory >= 0, memory);
    if (cpu >= 0)
        json_text_tenths(out, "cpu_percent", cpu);
    else
        json_text_null(out, "cpu_percent");
}

/* Left out of an instance without a health condition, as most are: of a thousand apps it is a quarter of the answer. */
static void report_health(const struct instance_view *view, struct mono now, struct text *out) {
    const struct health_view *health = &view->health;
    report_int_or_null(out, "health_misses", health->is_watched, health->misses);
    json_text_int(out, "health_retries", view->config->health_retries);
    json_text_string(out, "health_answer", health->answer);
    report_int_or_null(out, "health_age_ms", health->is_known,
                       health->is_known ? mono_ms_between(health->answered, now) : 0);
}

void report_instance(const struct report *report, const struct instance_view *view, struct text *out, const char *key) {
    const struct lifecycle *life = view->life;
    const struct health_view *health = &view->health;
    struct mono now = report_now(report);
    bool has_pid = view->pid > 0;
    bool waits = life->phase == PHASE_BACKOFF && !mono_is_never(life->deadline);
    int64_t next_start_ms = waits && mono_before(now, life->deadline) ? mono_ms_between(now, life->deadline) : 0;
    bool has_spawned = has_pid && mono_is_set(life->spawned);
    struct text why TEXT_AUTO = {0};

    json_text_object(out, key);
    json_text_string(out, "app", view->app);
    json_text_string(out, "name", view->name);
    json_text_int(out, "instance", view->instance);
    json_text_string(out, "state", phase_word(life->phase));
    report_int_or_null(out, "pid", has_pid, view->pid);
    report_int_or_null(out, "uptime_ms", has_spawned, has_spawned ? mono_ms_between(life->spawned, now) : 0);
    json_text_int(out, "restarts", lifecycle_restarts(life));
    report_outcome(life->outcome, out);
    if (view->answer)
        text_printf(&why, "not ready yet: %s", view->answer);
    else
        text_str(&why, view->why);
    json_text_string(out, "why", text_get(&why));
    report_int_or_null(out, "next_start_ms", waits, next_start_ms);
    report_int_or_null(out, "port", view->config->port > 0, view->config->port + view->instance - 1);
    json_text_string(out, "health", health->is_known ? health->is_healthy ? "healthy" : "unhealthy" : NULL);
    report_usage(report, view, out);
    json_text_bool(out, "stale",
                   phase_has_process(life->phase) &&
                       (written_is_stale(report->written, view->manifest_app) ||
                        supervisor_has_other_environment(report->supervisor, view->index)));
    json_text_string(out, "status_text", view->status);
    json_text_bool(out, "reloading", view->is_reloading);
    report_int_or_null(out, "said_errno", view->said_error > 0, view->said_error);
    if (view->config->health.kind != CONDITION_DEFAULT)
        report_health(view, now, out);
    json_text_object_end(out);
}

void report_instances(const struct report *report, const bool *set, struct text *out, const char *key) {
    json_text_array(out, key);
    for (size_t i = 0; i < supervisor_count(report->supervisor); i++) {
        if (set && !set[i])
            continue;
        struct instance_view view = supervisor_view(report->supervisor, i);
        report_instance(report, &view, out, NULL);
    }
    json_text_array_end(out);
}

bool report_has_failure(const struct instance_view *view) {
    enum phase phase = view->life->phase;
    return phase == PHASE_BACKOFF || phase == PHASE_FAILED || phase == PHASE_BLOCKED;
}

/* An instance that is on its way again says in its present why how that came about; what went wrong stands in the last
 * change to a failed state. One that has none says why it is not where it was wanted. */
static void report_cause(const struct instance_view *view, struct text *out) {
    if (!report_has_failure(view) && view->life->phase != PHASE_WAITING) {
        for (unsigned i = view->history->count; i-- > 0;) {
            const struct change *change = history_at(view->history, i);
            if (change->to != PHASE_BACKOFF && change->to != PHASE_FAILED)
                continue;
            why_print(&change->why, change->detail, out);
            return;
        }
    }
    text_str(out, view->why);
}

void report_failure(const struct report *report, const struct instance_view *view, struct text *out, const char *key) {
    struct text cause TEXT_AUTO = {0};
    report_cause(view, &cause);
    json_text_object(out, key);
    report_instance(report, view, out, "instance");
    json_text_string(out, "cause", text_get(&cause));
    /* A thousand apps that fail together must not make a reply of many megabytes. */
    json_text_lines(out, "tail", out->len < LIMIT_CLIENT_BACKLOG / 2 ? view->tail : NULL);
    json_text_string(out, "log", view->log_path);
    json_text_int(out, "attempt", view->life->record.ends);
    json_text_int(out, "max_restarts", view->config->max_restarts);
    json_text_int(out, "restart_window_ms", view->config->restart_window_ms);
    json_text_object_end(out);
}

void report_failures(const struct report *report, const bool *set, struct text *out, const char *key) {
    json_text_array(out, key);
    for (size_t i = 0; i < supervisor_count(report->supervisor); i++) {
        struct instance_view view = supervisor_view(report->supervisor, i);
        if (set ? set[i] : report_has_failure(&view))
            report_failure(report, &view, out, NULL);
    }
    json_text_array_end(out);
}

/* The word that the manifest has for a choice. */
static const char *report_choice(const char *name, unsigned value) {
    for (const struct manifest_key *key = manifest_app_keys; key->name; key++)
        if (strcmp(key->name, name) == 0)
            return key->choices[value];
    return NULL;
}

/* As it is written, joined with root; `~/` stays, because whose it is depends on the start. */
static void report_cwd(const struct report *report, const char *cwd, struct text *out) {
    if (!cwd || (*cwd != '/' && *cwd != '~'))
        text_str(out, supervisor_manifest(report->supervisor)->supervisor.root);
    if (cwd && *cwd != '/' && *cwd != '~')
        text_char(out, '/');
    if (cwd)
        text_str(out, cwd);
}

static void report_tree(const struct report *report, const struct instance_view *view, struct text *out) {
    size_t count = 0;
    const struct tree_usage *tree = report->has_usage ? usage_tree(&report->usage, view->tag, &count) : NULL;
    json_text_array(out, "tree");
    for (size_t i = 0; i < count; i++)
        json_text_int(out, NULL, tree[i].pid);
    json_text_array_end(out);
}

static void report_list(const struct list *list, struct text *out, const char *key) {
    json_text_array(out, key);
    for (size_t i = 0; i < list->count; i++)
        json_text_string(out, NULL, list->items[i]);
    json_text_array_end(out);
}

void report_detail(const struct report *report, const struct instance_view *view, struct text *out, const char *key) {
    const struct app_config *config = view->config;
    struct text cwd TEXT_AUTO = {0};
    struct text ready TEXT_AUTO = {0};
    report_cwd(report, config->cwd, &cwd);
    struct text health TEXT_AUTO = {0};
    condition_print(&config->ready, &ready);
    condition_print(&config->health, &health);

    json_text_object(out, key);
    report_instance(report, view, out, "instance");
    json_text_int(out, "since_ms", mono_ms_between(view->life->since, report_now(report)));
    json_text_bool(out, "wanted", view->wanted);
    json_text_string(out, "command", config->command ? config->command : "");
    json_text_string(out, "cwd", text_get(&cwd));
    json_text_string(out, "user", config->user);
    json_text_string(out, "group", config->group);
    json_text_string(out, "type", report_choice("type", config->type));
    json_text_string(out, "ready", text_get(&ready));
    json_text_string(out, "health_check", health.len > 0 ? text_get(&health) : NULL);
    json_text_int(out, "health_interval_ms", config->health_interval_ms);
    report_list(&config->verify, out, "verify");
    report_list(&config->depends_on, out, "depends_on");
    json_text_string(out, "stdout", view->log_path);
    json_text_string(out, "stderr", view->err_path);
    json_text_string(out, "restart", report_choice("restart", config->restart));
    json_text_int(out, "kill_timeout_ms", config->kill_timeout_ms);
    json_text_lines(out, "tail", view->tail);
    report_tree(report, view, out);
    json_text_object_end(out);
}

/* The name is asked for once per user in a row: a lookup may go over the network, and all events of a history tend to
 * have been asked for by the same one. */
static const char *report_user_name(uid_t uid) {
    static struct {
        bool is_set;
        uid_t uid;
        char name[64];
    } last;
    if (!last.is_set || last.uid != uid) {
        const struct passwd *user = getpwuid(uid);
        last.is_set = true;
        last.uid = uid;
        last.name[0] = '\0';
        if (user)
            strncat(last.name, user->pw_name, sizeof last.name - 1);
    }
    return last.name;
}

void report_actor(struct actor actor, struct text *out) {
    switch (actor.kind) {
    case ACTOR_POLICY:
        text_str(out, "policy");
        return;
    case ACTOR_DEPENDENCY:
        text_str(out, "dependency");
        return;
    case ACTOR_MANIFEST:
        text_str(out, "manifest");
        return;
    case ACTOR_SYSTEMD:
        text_str(out, "systemd");
        return;
    case ACTOR_SIGNAL:
        text_printf(out, "signal %s", value_signal_name(actor.signal));
        return;
    case ACTOR_USER: {
        const char *name = report_user_name(actor.uid);
        text_printf(out, "user %s%s(uid %u, pid %d)", name, *name ? " " : "", (unsigned)actor.uid, (int)actor.pid);
        return;
    }
    }
}

void report_event(const struct instance_view *view, const struct change *change, struct text *out, const char *key) {
    struct text why TEXT_AUTO = {0};
    struct text by TEXT_AUTO = {0};
    char stamp[LINES_STAMP + 1];
    why_print(&change->why, change->detail, &why);
    report_actor(change->actor, &by);
    lines_stamp((int64_t)change->time.tv_sec * 1000 + change->time.tv_nsec / 1000000, stamp);

    json_text_object(out, key);
    json_text_int(out, "number", (int64_t)change->number);
    json_text_string(out, "time", stamp);
    json_text_string(out, "app", view->app);
    json_text_string(out, "name", view->name);
    json_text_int(out, "instance", view->instance);
    json_text_string(out, "from", phase_word(change->from));
    json_text_string(out, "to", phase_word(change->to));
    json_text_string(out, "why", text_get(&why));
    json_text_string(out, "by", text_get(&by));
    if (change->pid > 0)
        json_text_int(out, "pid", change->pid);
    if (change->why.outcome.kind == OUTCOME_EXIT)
        json_text_int(out, "exit_code", change->why.outcome.number);
    if (change->why.outcome.kind == OUTCOME_SIGNAL)
        json_text_string(out, "exit_signal", value_signal_name(change->why.outcome.number));
    json_text_object_end(out);
}

struct report_entry {
    uint64_t number;
    size_t index; /* of the instance */
    const struct change *change;
};

static int report_compare(const void *a, const void *b) {
    const struct report_entry *x = a;
    const struct report_entry *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

bool report_history(const struct report *report, const bool *set, report_visit *visit, void *context) {
    size_t instances = supervisor_count(report->supervisor);
    struct report_entry *entries = calloc(instances * LIMIT_HISTORY + 1, sizeof *entries);
    if (!entries)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < instances; i++) {
        if (!set[i])
            continue;
        const struct history *history = supervisor_view(report->supervisor, i).history;
        for (unsigned h = 0; h < history->count; h++) {
            const struct change *change = history_at(history, h);
            entries[count++] = (struct report_entry){change->number, i, change};
        }
    }
    qsort(entries, count, sizeof *entries, report_compare);
    for (size_t i = 0; i < count; i++) {
        struct instance_view view = supervisor_view(report->supervisor, entries[i].index);
        visit(context, &view, entries[i].change);
    }
    free(entries);
    return true;
}
