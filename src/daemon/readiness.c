#include "daemon/readiness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/watch.h"

/* Bounds of one try, http: and exec: alike: a third of the time there is, so that one hang is not the end, but long
 * enough for a slow first answer. */
enum { TRY_MIN_MS = 3000, TRY_MAX_MS = 10000, TRIES_IN_TIMEOUT = 3 };

/* Spawned and exit: the supervisor sees these itself. */
static const struct watch watch_nothing;

static const struct watch *const watches[] = {
    [CONDITION_DEFAULT] = &watch_nothing, [CONDITION_SPAWNED] = &watch_nothing, [CONDITION_NOTIFY] = &watch_notify,
    [CONDITION_PORT] = &watch_connect,    [CONDITION_TCP] = &watch_connect,     [CONDITION_UNIX] = &watch_connect,
    [CONDITION_HTTP] = &watch_connect,    [CONDITION_EXEC] = &watch_exec,       [CONDITION_LOG] = &watch_log,
    [CONDITION_FD] = &watch_fd,           [CONDITION_EXIT] = &watch_nothing,
};

struct readiness *readiness_new(struct loop *loop, const char *runtime_dir, const char *name, uint32_t tag,
                                struct trial_nest *nest, const struct readiness_events *events, void *context) {
    struct readiness *readiness = malloc(sizeof *readiness);
    if (readiness)
        *readiness = (struct readiness){.loop = loop,
                                        .runtime_dir = runtime_dir,
                                        .name = name,
                                        .tag = tag,
                                        .nest = nest,
                                        .events = events,
                                        .context = context};
    return readiness;
}

void readiness_free(struct readiness *readiness) {
    if (!readiness)
        return;
    readiness_stop(readiness);
    text_fini(&readiness->sentence);
    text_fini(&readiness->answer);
    free(readiness->state);
    free(readiness);
}

/* Zeroed memory for a kind. */
static bool make_state(struct readiness *readiness, const struct watch *watch) {
    if (readiness->state_of != watch) {
        free(readiness->state);
        readiness->state_of = NULL;
        readiness->state = NULL;
        if (watch->state_bytes > 0 && !(readiness->state = malloc(watch->state_bytes)))
            return false;
        readiness->state_of = watch;
    }
    if (readiness->state)
        memset(readiness->state, 0, watch->state_bytes);
    return true;
}

static int64_t try_limit_ms(int64_t ready_timeout_ms) {
    int64_t share = ready_timeout_ms / TRIES_IN_TIMEOUT;
    if (ready_timeout_ms == 0 || share > TRY_MAX_MS)
        return TRY_MAX_MS;
    return share < TRY_MIN_MS ? TRY_MIN_MS : share;
}

/* All of a start's preparation but the notify socket. */
static int prepare_watch(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    const struct app_config *config = request->config;
    text_clear(&readiness->answer);
    text_clear(&readiness->sentence);
    readiness->verdict = WATCH_UNDECIDED;
    readiness->ready_owner = config->ready_owner;
    readiness->try_limit_ms = try_limit_ms(config->ready_timeout_ms);

    struct owner_tree tree = readiness_tree(readiness);
    int result = config->port > 0 ? owner_check_port(&tree, (int)config->port, error) : 0;
    if (result < 0)
        return result;
    const struct watch *watch = watches[config->ready.kind];
    if (!make_state(readiness, watch)) {
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    readiness->watch = watch;
    return watch->prepare ? watch->prepare(readiness, request, error) : 0;
}

int readiness_check(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                    struct text *error) {
    struct owner_tree tree = readiness_tree(readiness);
    if (!watches[config->ready.kind]->claims_place)
        return config->port > 0 ? owner_check_port(&tree, (int)config->port, error) : 0;
    int result = prepare_watch(readiness, &(struct watch_request){config, root, env, NULL}, error);
    readiness_stop(readiness);
    return result;
}

int readiness_prepare(struct readiness *readiness, const struct app_config *config, const char *root, struct env *env,
                      struct proc_spec *spec, struct text *error) {
    readiness_stop(readiness);
    int result = prepare_watch(readiness, &(struct watch_request){config, root, env, spec}, error);
    if (result >= 0 && (config->ready.kind == CONDITION_NOTIFY || config->watchdog_ms > 0))
        result = notice_open(readiness, config, spec->terms, env, error);
    if (result < 0)
        readiness_stop(readiness);
    return result;
}

void readiness_start(struct readiness *readiness, pid_t pid, char *const *envp, struct output *output) {
    readiness->pid = pid;
    readiness->envp = envp;
    readiness->output = output;
    notice_listen(readiness);
    if (readiness->watch && readiness->watch->start)
        readiness->watch->start(readiness);
}

void readiness_give_up(struct readiness *readiness) {
    loop_post_cancel(readiness->loop, &readiness->report);
    (void)readiness_last_answer(readiness);
    readiness->verdict = WATCH_GIVEN_UP;
    if (readiness->watch && readiness->watch->stop)
        readiness->watch->stop(readiness);
    readiness->watch = NULL;
}

void readiness_stop(struct readiness *readiness) {
    readiness_give_up(readiness);
    notice_close(readiness);
    readiness->pid = 0;
}

const char *readiness_last_answer(struct readiness *readiness) {
    if (readiness->watch && readiness->watch->note_answer)
        readiness->watch->note_answer(readiness);
    return readiness->answer.len > 0 ? text_get(&readiness->answer) : NULL;
}

struct owner_tree readiness_tree(const struct readiness *readiness) {
    return (struct owner_tree){readiness->tag, readiness->pid};
}

/* The receiver may call readiness_stop() or readiness_prepare(): nothing is touched after. */
static void on_report(struct loop_post *post) {
    struct readiness *readiness = LOOP_CONTAINER(post, struct readiness, report);
    if (readiness->verdict == WATCH_READY)
        readiness->events->ready(readiness->context, text_get(&readiness->sentence));
    else
        readiness->events->unfit(readiness->context, text_get(&readiness->sentence));
}

void readiness_report(struct readiness *readiness, enum watch_verdict verdict) {
    if (readiness->verdict != WATCH_UNDECIDED)
        return;
    readiness->verdict = verdict;
    loop_post(readiness->loop, &readiness->report, on_report);
}
