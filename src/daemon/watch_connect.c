/* port, tcp:, unix: and http://: tries to reach the app until it answers, and looks whose socket answered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pace.h"
#include "daemon/watch.h"
#include "host/address.h"
#include "host/probe.h"

enum {
    MAX_TARGETS = 2,     /* localhost is two addresses */
    TRY_COST_US = 50,    /* of a try that is refused, on a slow machine */
    ANSWERED_MS = 25,    /* between tries that reach the app: those it notices */
    LOOK_EVERY_MS = 100, /* between looks where else the app listens */
    STRANGE_TRIES = 2,   /* a socket on its way between two processes of ours is for a moment nobody's */
};

struct connect_watch {
    struct readiness *readiness;
    struct pace pace;
    struct probe probe;
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
    unsigned strange_tries;
    struct mono look_at;
    struct text elsewhere; /* where the app listens instead */
    bool has_failure;      /* what the answer was made from, so that it is not made anew for each try */
    struct {
        size_t target;
        int error;
        int status;
    } failure;
};

static void run_tries(struct connect_watch *watch);

static void on_due(struct pace *pace) {
    struct connect_watch *watch = LOOP_CONTAINER(pace, struct connect_watch, pace);
    watch->current = 0;
    run_tries(watch);
}

static void give_verdict(struct connect_watch *watch, enum watch_verdict verdict) {
    pace_stop(&watch->pace);
    readiness_report(watch->readiness, verdict);
}

/* What a sentence calls the target that is tried. */
static void print_target(const struct connect_watch *watch, struct text *out) {
    if (watch->label.len > 0)
        text_str(out, text_get(&watch->label));
    else
        address_print(&watch->targets[watch->current], watch->port, out);
}

static void print_ready(struct connect_watch *watch) {
    struct text *out = &watch->readiness->sentence;
    if (watch->probe.status > 0)
        text_printf(out, "%s answered %d", text_get(&watch->label), watch->probe.status);
    else if (watch->any_address)
        text_printf(out, "port %d accepts connections", watch->port);
    else
        text_printf(out, "%s accepts connections", text_get(&watch->label));
}

/* Keeps the words of a try that failed as the last answer. */
static void note_failure(struct connect_watch *watch) {
    const struct probe *probe = &watch->probe;
    if (watch->has_failure && watch->failure.target == watch->current && watch->failure.error == probe->error &&
        watch->failure.status == probe->status)
        return;
    watch->has_failure = true;
    watch->failure.target = watch->current;
    watch->failure.error = probe->error;
    watch->failure.status = probe->status;

    struct text *answer = &watch->readiness->answer;
    TEXT_AUTO struct text target = {0};
    print_target(watch, &target);
    text_clear(answer);
    probe_print(probe, text_get(&target), answer);
    if (probe->status > 0 && watch->expected.len > 0)
        text_printf(answer, " instead of %s", text_get(&watch->expected));
    if (watch->elsewhere.len > 0)
        text_printf(answer, "; it listens on %s", text_get(&watch->elsewhere));
}

/* A try that hangs may outlast all the time there is. It says more than a refusal before it, and less than an answer.
 */
static void note_pending(struct readiness *readiness) {
    struct connect_watch *watch = readiness->state;
    bool connected = watch->probe.connected;
    if (!watch->probe.open || watch->probe.settled || watch->failure.status > 0 || (watch->has_failure && !connected))
        return;
    watch->has_failure = true;
    watch->failure.target = watch->current;
    watch->failure.error = EINPROGRESS;

    struct text *answer = &readiness->answer;
    text_clear(answer);
    text_str(answer, connected ? "no answer yet from " : "no connection yet to ");
    print_target(watch, answer);
}

static enum owner find_owner(struct connect_watch *watch, struct text *who) {
    struct readiness *readiness = watch->readiness;
    struct owner_tree tree = readiness_tree(readiness);
    if (!readiness->ready_owner || !watch->is_local)
        return OWNER_OURS;
    if (watch->path)
        return owner_of_unix(&tree, watch->path, watch->probe.peer, watch->probe.peer_uid, who);
    return owner_of_tcp(&tree, &watch->targets[watch->current], watch->port, who);
}

static void report_stranger(struct connect_watch *watch, const struct text *who) {
    struct text *why = &watch->readiness->sentence;
    if (watch->any_address)
        text_printf(why, "port %d", watch->port);
    else if (watch->path)
        text_printf(why, "socket %s", watch->path);
    else
        address_print(&watch->targets[watch->current], watch->port, why);
    text_printf(why, " is held by %s", text_get(who));
    give_verdict(watch, WATCH_UNFIT);
}

static bool is_expected(const struct connect_watch *watch) {
    int status = watch->probe.status;
    return watch->request.len == 0 || (status >= watch->status_min && status <= watch->status_max);
}

/* Somebody accepted the connection. */
static void judge_answer(struct connect_watch *watch, enum probe_answer answer) {
    TEXT_AUTO struct text who = {0};
    if (answer == PROBE_YES && !is_expected(watch))
        answer = PROBE_NO;
    enum owner owner = find_owner(watch, &who);
    watch->strange_tries = owner == OWNER_STRANGER ? watch->strange_tries + 1 : 0;
    if (watch->strange_tries == STRANGE_TRIES) {
        report_stranger(watch, &who);
    } else if (owner == OWNER_OURS && answer == PROBE_YES) {
        print_ready(watch);
        give_verdict(watch, WATCH_READY);
    } else {
        if (answer == PROBE_NO)
            note_failure(watch);
        pace_next(&watch->pace, ANSWERED_MS);
    }
}

/* Nobody answered: from time to time, see where the app listens instead. True when that settles it. */
static bool look_around(struct connect_watch *watch) {
    struct mono now = loop_now(watch->readiness->loop);
    if (watch->path || !watch->is_local || !mono_reached(watch->look_at, now))
        return false;
    watch->look_at = mono_add_ms(now, LOOK_EVERY_MS);
    struct owner_tree tree = readiness_tree(watch->readiness);
    struct in6_addr address;
    TEXT_AUTO struct text elsewhere = {0};
    bool found = owner_finds_port(&tree, watch->port, &address, &elsewhere);
    if (found && watch->any_address) {
        text_printf(&watch->readiness->sentence, "port %d accepts connections on ", watch->port);
        address_print(&address, watch->port, &watch->readiness->sentence);
        give_verdict(watch, WATCH_READY);
        return true;
    }
    if (found) {
        text_clear(&elsewhere);
        address_print(&address, watch->port, &elsewhere);
    }
    if (strcmp(text_get(&elsewhere), text_get(&watch->elsewhere)) != 0) {
        text_clear(&watch->elsewhere);
        text_str(&watch->elsewhere, text_get(&elsewhere));
        watch->has_failure = false;
    }
    return false;
}

/* Ends one target's try. True when the whole round is over. */
static bool end_try(struct connect_watch *watch, enum probe_answer answer) {
    if (watch->probe.connected) {
        judge_answer(watch, answer);
        return true;
    }
    if (watch->current == 0)
        note_failure(watch);
    watch->current++;
    return false;
}

static void on_probed(struct probe *probe, enum probe_answer answer) {
    struct connect_watch *watch = LOOP_CONTAINER(probe, struct connect_watch, probe);
    if (!end_try(watch, answer))
        run_tries(watch);
}

static enum probe_answer try_target(struct connect_watch *watch) {
    struct readiness *readiness = watch->readiness;
    if (watch->path)
        return probe_unix(&watch->probe, readiness->loop, watch->path);
    const char *request = watch->request.len > 0 ? text_get(&watch->request) : NULL;
    return probe_tcp(&watch->probe, readiness->loop, &watch->targets[watch->current], watch->port, request,
                     readiness->try_limit_ms, on_probed);
}

/* One round over the targets that are left of it. */
static void run_tries(struct connect_watch *watch) {
    size_t count = watch->path ? 1 : watch->target_count;
    while (watch->current < count) {
        enum probe_answer answer = try_target(watch);
        if (answer == PROBE_PENDING || end_try(watch, answer))
            return;
    }
    if (!look_around(watch))
        pace_next(&watch->pace, 0);
}

static void start(struct readiness *readiness) {
    struct connect_watch *watch = readiness->state;
    watch->look_at = mono_add_ms(loop_now(readiness->loop), LOOK_EVERY_MS);
    pace_start(&watch->pace, readiness->loop, TRY_COST_US, on_due);
}

static void stop(struct readiness *readiness) {
    struct connect_watch *watch = readiness->state;
    pace_stop(&watch->pace);
    probe_cancel(&watch->probe);
    free(watch->path);
    watch->path = NULL;
    text_fini(&watch->label);
    text_fini(&watch->request);
    text_fini(&watch->expected);
    text_fini(&watch->elsewhere);
}

static void add_target(struct connect_watch *watch, const char *numeric) {
    if (address_parse(numeric, &watch->targets[watch->target_count]))
        watch->target_count++;
}

static void add_loopbacks(struct connect_watch *watch) {
    add_target(watch, "127.0.0.1");
    add_target(watch, "::1");
    watch->is_local = true;
}

/* Fills the targets from a host as the manifest names it: an address or localhost. */
static void add_host(struct connect_watch *watch, const char *host) {
    if (strcasecmp(host, "localhost") == 0) {
        add_loopbacks(watch);
        return;
    }
    add_target(watch, host);
    if (address_is_any(&watch->targets[0])) {
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&watch->targets[0]);
        watch->target_count = 0;
        add_target(watch, is_v4 ? "127.0.0.1" : "::1");
    }
    watch->is_local = address_is_local(&watch->targets[0]);
}

/* Refuses a start while a stranger listens on a target of this machine. */
static int check_targets(struct connect_watch *watch, struct text *error) {
    struct readiness *readiness = watch->readiness;
    struct owner_tree tree = readiness_tree(readiness);
    if (!readiness->ready_owner || !watch->is_local)
        return 0;
    for (size_t i = 0; i < watch->target_count; i++) {
        TEXT_AUTO struct text target = {0};
        address_print(&watch->targets[i], watch->port, &target);
        int result = owner_check_address(&tree, &watch->targets[i], watch->port, text_get(&target), error);
        if (result < 0)
            return result;
    }
    return 0;
}

/* That nobody else holds the port was seen for every app that has one. */
static int prepare_port(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    (void)error;
    struct connect_watch *watch = readiness->state;
    watch->readiness = readiness;
    watch->port = (int)request->config->port;
    watch->any_address = true;
    add_loopbacks(watch);
    return 0;
}

static void print_authority(const struct condition *condition, struct text *out) {
    text_printf(out, strchr(condition->host, ':') ? "[%s]:%d" : "%s:%d", condition->host, condition->number);
}

static int prepare_tcp(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct connect_watch *watch = readiness->state;
    const struct condition *condition = &request->config->ready;
    watch->readiness = readiness;
    watch->port = condition->number;
    print_authority(condition, &watch->label);
    add_host(watch, condition->host);
    return check_targets(watch, error);
}

static int prepare_http(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct connect_watch *watch = readiness->state;
    const struct condition *condition = &request->config->ready;
    watch->readiness = readiness;
    watch->port = condition->number;
    watch->status_min = condition->status_min;
    watch->status_max = condition->status_max;
    condition_print_expected(condition, &watch->expected);
    condition_print_url(condition, &watch->label);
    TEXT_AUTO struct text authority = {0};
    print_authority(condition, &authority);
    probe_print_request(text_get(&authority), condition->path, &watch->request);
    if (watch->request.failed) {
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    add_host(watch, condition->host);
    return check_targets(watch, error);
}

static int prepare_unix(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct connect_watch *watch = readiness->state;
    watch->readiness = readiness;
    watch->is_local = true;
    watch->path = manifest_path(request->root, request->config->ready.path, request->env);
    if (!watch->path) {
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    text_str(&watch->label, watch->path);
    struct owner_tree tree = readiness_tree(readiness);
    return readiness->ready_owner ? owner_check_unix(&tree, watch->path, error) : 0;
}

#define CONNECT_WATCH(prepare_it)                                                                                      \
    {                                                                                                                  \
        .state_bytes = sizeof(struct connect_watch), .prepare = (prepare_it), .claims_place = true, .start = start,    \
        .note_pending = note_pending, .stop = stop                                                                     \
    }

const struct watch watch_port = CONNECT_WATCH(prepare_port);
const struct watch watch_tcp = CONNECT_WATCH(prepare_tcp);
const struct watch watch_http = CONNECT_WATCH(prepare_http);
const struct watch watch_unix = CONNECT_WATCH(prepare_unix);
