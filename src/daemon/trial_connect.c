/* port, tcp:, unix: and http://: a connection, or a request, and a look at whose socket answered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trial_inside.h"
#include "host/address.h"
#include "host/probe.h"

enum { MAX_TARGETS = 2 }; /* localhost is two addresses */

struct connect_trial {
    struct trial trial;
    struct probe probe;
    struct mono deadline;                 /* of the try that is under way */
    struct in6_addr targets[MAX_TARGETS]; /* none for unix: */
    size_t target_count;
    size_t current;
    int port;
    bool any_address; /* `port`: wherever on this machine the app listens */
    bool is_local;
    char *path;          /* unix: absolute */
    struct text label;   /* what is tried, as a sentence names it; empty: the present target */
    struct text request; /* http: */
    int status_min;      /* http: the answers that are a yes */
    int status_max;
    struct text expected; /* http: the same in words, where somebody wrote one */
    bool has_failure;     /* a try was a no: what its sentence is made from, as the next try makes the probe anew */
    struct {
        size_t target;
        int error;
        int status;
        bool connected;
    } failure;
};

/* ---- sentences ---- */

/* What a sentence calls a target. */
static void print_target(const struct connect_trial *self, size_t target, struct text *out) {
    if (self->label.len > 0)
        text_str(out, text_get(&self->label));
    else
        address_print(&self->targets[target], self->port, out);
}

static void print_yes(const struct trial *trial, struct text *out) {
    const struct connect_trial *self = (const struct connect_trial *)trial;
    if (self->probe.status > 0)
        text_printf(out, "%s answered %d", text_get(&self->label), self->probe.status);
    else if (self->any_address)
        text_printf(out, "port %d accepts connections", self->port);
    else
        text_printf(out, "%s accepts connections", text_get(&self->label));
}

static void note_failure(struct connect_trial *self, int error) {
    const struct probe *probe = &self->probe;
    self->has_failure = true;
    self->failure.target = self->current;
    self->failure.error = error;
    self->failure.status = probe->status;
    self->failure.connected = probe->connected;
}

/* A try that hangs may outlast all the time there is. It says more than a refusal before it, and less than an answer.
 */
static bool is_hanging(const struct connect_trial *self) {
    const struct probe *probe = &self->probe;
    return probe->open && !probe->settled && self->failure.status == 0 && (!self->has_failure || probe->connected);
}

static void print_no(const struct trial *trial, struct text *out) {
    const struct connect_trial *self = (const struct connect_trial *)trial;
    if (is_hanging(self)) {
        text_str(out, self->probe.connected ? "no answer yet from " : "no connection yet to ");
        print_target(self, self->current, out);
        return;
    }
    if (!self->has_failure)
        return;
    TEXT_AUTO struct text target = {0};
    struct probe probe = {.error = self->failure.error,
                          .status = self->failure.status,
                          .connected = self->failure.connected,
                          .limit_ms = trial->limit_ms};
    print_target(self, self->failure.target, &target);
    probe_print(&probe, text_get(&target), out);
    if (probe.status > 0 && self->expected.len > 0)
        text_printf(out, " instead of %s", text_get(&self->expected));
}

static void note_stranger(struct connect_trial *self, const struct text *who) {
    struct text *out = &self->trial.stranger;
    text_clear(out);
    if (self->any_address)
        text_printf(out, "port %d", self->port);
    else if (self->path)
        text_printf(out, "socket %s", self->path);
    else
        address_print(&self->targets[self->current], self->port, out);
    text_printf(out, " is held by %s", text_get(who));
}

/* ---- trying ---- */

static enum owner find_owner(const struct connect_trial *self, struct text *who) {
    const struct trial_app *app = &self->trial.app;
    if (app->any_owner || !self->is_local)
        return OWNER_OURS;
    if (self->path)
        return owner_of_unix(&app->tree, self->path, self->probe.peer, self->probe.peer_uid, who);
    return owner_of_tcp(&app->tree, &self->targets[self->current], self->port, who);
}

static bool is_expected(const struct connect_trial *self) {
    int status = self->probe.status;
    return self->request.len == 0 || (status >= self->status_min && status <= self->status_max);
}

/* Somebody accepted the connection. */
static enum trial_verdict judge_answer(struct connect_trial *self, enum probe_answer answer) {
    TEXT_AUTO struct text who = {0};
    switch (find_owner(self, &who)) {
    case OWNER_STRANGER:
        note_stranger(self, &who);
        return TRIAL_STRANGER;
    case OWNER_NOBODY: /* not any more: what it answered was its last word */
        note_failure(self, ECONNREFUSED);
        self->failure.status = 0;
        return TRIAL_NO;
    case OWNER_OURS:
        break;
    }
    if (answer == PROBE_YES && is_expected(self))
        return TRIAL_YES;
    note_failure(self, self->probe.error);
    return TRIAL_NO;
}

/* Ends one target's try, and maybe all. True when the other targets need no try. */
static bool end_target(struct connect_trial *self, enum probe_answer answer) {
    if (self->probe.connected) {
        trial_end(&self->trial, judge_answer(self, answer));
        return true;
    }
    if (self->current == 0)
        note_failure(self, self->probe.error);
    self->current++;
    return false;
}

static void try_targets(struct connect_trial *self);

static void on_probed(struct probe *probe, enum probe_answer answer) {
    struct connect_trial *self = LOOP_CONTAINER(probe, struct connect_trial, probe);
    if (!end_target(self, answer))
        try_targets(self);
}

/* What is left of the time that all targets have together. */
static int64_t time_left_ms(const struct connect_trial *self) {
    struct mono now = loop_now(self->trial.loop);
    return mono_before(now, self->deadline) ? mono_ms_between(now, self->deadline) : 0;
}

static enum probe_answer try_target(struct connect_trial *self) {
    struct trial *trial = &self->trial;
    if (self->path)
        return probe_unix(&self->probe, trial->loop, self->path);
    const char *request = self->request.len > 0 ? text_get(&self->request) : NULL;
    return probe_tcp(&self->probe, trial->loop, &self->targets[self->current], self->port, request, time_left_ms(self),
                     on_probed);
}

/* Those that are left. */
static void try_targets(struct connect_trial *self) {
    size_t count = self->path ? 1 : self->target_count;
    while (self->current < count) {
        enum probe_answer answer = try_target(self);
        if (answer == PROBE_PENDING || end_target(self, answer))
            return;
    }
    trial_end(&self->trial, TRIAL_REFUSED);
}

static void begin(struct trial *trial) {
    struct connect_trial *self = (struct connect_trial *)trial;
    self->current = 0;
    self->deadline = mono_add_ms(loop_now(trial->loop), trial->limit_ms);
    try_targets(self);
}

static void cancel(struct trial *trial) {
    probe_cancel(&((struct connect_trial *)trial)->probe);
}

static void fini(struct trial *trial) {
    struct connect_trial *self = (struct connect_trial *)trial;
    free(self->path);
    text_fini(&self->label);
    text_fini(&self->request);
    text_fini(&self->expected);
}

/* ---- making ---- */

static void add_target(struct connect_trial *self, const char *numeric) {
    if (address_parse(numeric, &self->targets[self->target_count]))
        self->target_count++;
}

static void add_loopbacks(struct connect_trial *self) {
    add_target(self, "127.0.0.1");
    add_target(self, "::1");
    self->is_local = true;
}

/* Fills the targets from a host as the manifest names it: an address or localhost. */
static void add_host(struct connect_trial *self, const char *host) {
    if (strcasecmp(host, "localhost") == 0) {
        add_loopbacks(self);
        return;
    }
    add_target(self, host);
    if (address_is_any(&self->targets[0])) {
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&self->targets[0]);
        self->target_count = 0;
        add_target(self, is_v4 ? "127.0.0.1" : "::1");
    }
    self->is_local = address_is_local(&self->targets[0]);
}

static bool init_port(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct connect_trial *self = (struct connect_trial *)trial;
    (void)error;
    self->port = (int)making->config->port;
    self->any_address = true;
    add_loopbacks(self);
    return true;
}

static void print_authority(const struct condition *condition, struct text *out) {
    text_printf(out, strchr(condition->host, ':') ? "[%s]:%d" : "%s:%d", condition->host, condition->number);
}

static bool is_whole(const struct text *text, struct text *error) {
    if (text->failed)
        text_str(error, "out of memory");
    return !text->failed;
}

static bool init_tcp(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct connect_trial *self = (struct connect_trial *)trial;
    self->port = making->condition->number;
    print_authority(making->condition, &self->label);
    add_host(self, making->condition->host);
    return is_whole(&self->label, error);
}

static bool init_http(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct connect_trial *self = (struct connect_trial *)trial;
    const struct condition *condition = making->condition;
    TEXT_AUTO struct text authority = {0};
    self->port = condition->number;
    self->status_min = condition->status_min;
    self->status_max = condition->status_max;
    condition_print_expected(condition, &self->expected);
    condition_print_url(condition, &self->label);
    print_authority(condition, &authority);
    probe_print_request(text_get(&authority), condition->path, &self->request);
    add_host(self, condition->host);
    return is_whole(&authority, error) && is_whole(&self->request, error) && is_whole(&self->label, error);
}

static bool init_unix(struct trial *trial, const struct trial_making *making, struct text *error) {
    struct connect_trial *self = (struct connect_trial *)trial;
    self->is_local = true;
    self->path = manifest_path(making->root, making->condition->path, making->env);
    if (self->path)
        text_str(&self->label, self->path);
    else
        text_str(error, "out of memory");
    return self->path && is_whole(&self->label, error);
}

/* ---- the place ---- */

static int check_target(const struct connect_trial *self, const struct in6_addr *target, const struct owner_tree *tree,
                        struct text *error) {
    TEXT_AUTO struct text words = {0};
    address_print(target, self->port, &words);
    return owner_check_address(tree, target, self->port, text_get(&words), error);
}

/* That nobody else holds `port` is seen for every app that has one. */
static int check_place(const struct trial *trial, const struct owner_tree *tree, struct text *error) {
    const struct connect_trial *self = (const struct connect_trial *)trial;
    if (!self->is_local || self->any_address)
        return 0;
    if (self->path)
        return owner_check_unix(tree, self->path, error);
    int result = 0;
    for (size_t i = 0; i < self->target_count && result >= 0; i++)
        result = check_target(self, &self->targets[i], tree, error);
    return result;
}

static bool local_port(const struct trial *trial, int *port_out, bool *any_address_out) {
    const struct connect_trial *self = (const struct connect_trial *)trial;
    if (self->path || !self->is_local)
        return false;
    *port_out = self->port;
    *any_address_out = self->any_address;
    return true;
}

#define CONNECT_TRIAL(init_it)                                                                                         \
    {                                                                                                                  \
        .bytes = sizeof(struct connect_trial), .init = (init_it), .fini = fini, .begin = begin, .cancel = cancel,      \
        .print_yes = print_yes, .print_no = print_no, .check_place = check_place, .local_port = local_port             \
    }

const struct trial_kind trial_port = CONNECT_TRIAL(init_port);
const struct trial_kind trial_tcp = CONNECT_TRIAL(init_tcp);
const struct trial_kind trial_unix = CONNECT_TRIAL(init_unix);
const struct trial_kind trial_http = CONNECT_TRIAL(init_http);
