/* port, tcp:, unix:, http:// and exec:. Tries until the condition is met, or a stranger answers. */
#include <errno.h>

#include "daemon/pace.h"
#include "daemon/trial.h"
#include "daemon/watch.h"
#include "host/address.h"

enum {
    LOOK_EVERY_MS = 100, /* between looks where else the app listens */
    STRANGE_TRIES = 2,   /* a socket on its way between two processes of ours is for a moment nobody's */
};

/* What a try costs in processor time, on a slow machine: of a connection one that is refused, of a command a small
 * program's start and end. And the least time from one that reached the app, and that it notices, to the next. */
enum { CONNECT_COST_US = 50, CONNECT_APART_MS = 25, EXEC_COST_US = 3000, EXEC_APART_MS = 100 };

struct try_watch {
    struct readiness *readiness;
    struct trial *trial;
    struct pace pace;
    bool is_exec;
    bool is_refused; /* as far as is known, nobody is there */
    unsigned strange_tries;
    struct mono look_at;
    struct text elsewhere; /* where the app listens instead */
};

static void report(struct try_watch *watch, enum watch_verdict verdict) {
    pace_stop(&watch->pace);
    readiness_report(watch->readiness, verdict);
}

/* Nobody answered: from time to time, see where the app listens instead. True when that settles it. */
static bool look_around(struct try_watch *watch) {
    struct readiness *readiness = watch->readiness;
    struct mono now = loop_now(readiness->loop);
    int port;
    bool any_address;
    if (!trial_local_port(watch->trial, &port, &any_address) || !mono_reached(watch->look_at, now))
        return false;
    watch->look_at = mono_add_ms(now, LOOK_EVERY_MS);
    struct owner_tree tree = readiness_tree(readiness);
    struct in6_addr address;
    text_clear(&watch->elsewhere);
    if (!owner_finds_port(&tree, port, &address, &watch->elsewhere))
        return false;
    struct text *out = any_address ? &readiness->sentence : &watch->elsewhere;
    text_clear(out);
    if (any_address)
        text_printf(out, "port %d accepts connections on ", port);
    address_print(&address, port, out);
    if (any_address)
        report(watch, WATCH_READY);
    return any_address;
}

static void on_ended(struct trial *trial, enum trial_verdict verdict, void *context) {
    struct try_watch *watch = context;
    watch->strange_tries = verdict == TRIAL_STRANGER ? watch->strange_tries + 1 : 0;
    watch->is_refused = verdict == TRIAL_REFUSED;
    if (verdict == TRIAL_YES || watch->strange_tries == STRANGE_TRIES) {
        trial_print_verdict(trial, verdict, &watch->readiness->sentence);
        report(watch, verdict == TRIAL_YES ? WATCH_READY : WATCH_UNFIT);
    } else if (verdict != TRIAL_REFUSED) {
        pace_next(&watch->pace, watch->is_exec ? EXEC_APART_MS : CONNECT_APART_MS);
    } else if (!look_around(watch)) {
        pace_next(&watch->pace, 0);
    }
}

static void on_due(struct pace *pace) {
    struct try_watch *watch = LOOP_CONTAINER(pace, struct try_watch, pace);
    struct readiness *readiness = watch->readiness;
    struct trial_app app = {.tree = readiness_tree(readiness),
                            .any_owner = !readiness->ready_owner,
                            .envp = readiness->envp,
                            .nest = readiness->nest};
    trial_begin(watch->trial, &app, readiness->try_limit_ms, on_ended, watch);
}

static int prepare(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct try_watch *watch = readiness->state;
    watch->readiness = readiness;
    watch->is_exec = request->config->ready.kind == CONDITION_EXEC;
    watch->trial =
        trial_new(readiness->loop, &request->config->ready, request->root, request->config, request->env, error);
    if (!watch->trial)
        return -EINVAL;
    struct owner_tree tree = readiness_tree(readiness);
    return readiness->ready_owner ? trial_check_place(watch->trial, &tree, error) : 0;
}

static void start(struct readiness *readiness) {
    struct try_watch *watch = readiness->state;
    watch->look_at = mono_add_ms(loop_now(readiness->loop), LOOK_EVERY_MS);
    pace_start(&watch->pace, readiness->loop, watch->is_exec ? EXEC_COST_US : CONNECT_COST_US, on_due);
}

static void note_answer(struct readiness *readiness) {
    struct try_watch *watch = readiness->state;
    struct text *answer = &readiness->answer;
    if (!watch->trial)
        return;
    text_clear(answer);
    trial_print_no(watch->trial, answer);
    if (watch->is_refused && watch->elsewhere.len > 0)
        text_printf(answer, "; it listens on %s", text_get(&watch->elsewhere));
}

static void stop(struct readiness *readiness) {
    struct try_watch *watch = readiness->state;
    pace_stop(&watch->pace);
    trial_free(watch->trial);
    watch->trial = NULL;
    text_fini(&watch->elsewhere);
}

#define TRY_WATCH(claims)                                                                                              \
    {                                                                                                                  \
        .state_bytes = sizeof(struct try_watch), .prepare = prepare, .claims_place = (claims), .start = start,         \
        .note_answer = note_answer, .stop = stop                                                                       \
    }

const struct watch watch_connect = TRY_WATCH(true);
const struct watch watch_exec = TRY_WATCH(false);
