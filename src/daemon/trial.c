#include <stdlib.h>

#include "daemon/trial_inside.h"

static const struct trial_kind *trial_find_kind(enum condition_kind kind) {
    switch (kind) {
    case CONDITION_PORT:
        return &trial_port;
    case CONDITION_TCP:
        return &trial_tcp;
    case CONDITION_UNIX:
        return &trial_unix;
    case CONDITION_HTTP:
        return &trial_http;
    case CONDITION_EXEC:
        return &trial_exec;
    case CONDITION_DEFAULT:
    case CONDITION_SPAWNED:
    case CONDITION_NOTIFY:
    case CONDITION_LOG:
    case CONDITION_FD:
    case CONDITION_EXIT:
        break;
    }
    return NULL;
}

struct trial *trial_new(struct loop *loop, const struct condition *condition, const char *root,
                        const struct app_config *config, const struct env *env, struct text *error) {
    const struct trial_kind *kind = trial_find_kind(condition->kind);
    if (!kind) {
        text_str(error, "cannot be asked for: it is something that the app does once");
        return NULL;
    }
    struct trial *trial = calloc(1, kind->bytes);
    if (!trial) {
        text_str(error, "out of memory");
        return NULL;
    }
    trial->kind = kind;
    trial->loop = loop;
    if (kind->init(trial, &(struct trial_making){condition, root, config, env}, error))
        return trial;
    trial_free(trial);
    return NULL;
}

void trial_free(struct trial *trial) {
    if (!trial)
        return;
    trial_cancel(trial);
    trial->kind->fini(trial);
    text_fini(&trial->stranger);
    free(trial);
}

int trial_check_place(const struct trial *trial, const struct owner_tree *tree, struct text *error) {
    return trial->kind->check_place ? trial->kind->check_place(trial, tree, error) : 0;
}

void trial_begin(struct trial *trial, const struct trial_app *app, int64_t limit_ms, trial_ended *ended,
                 void *context) {
    trial->app = *app;
    trial->limit_ms = limit_ms;
    trial->ended = ended;
    trial->context = context;
    trial->is_under_way = true;
    trial->kind->begin(trial);
}

void trial_cancel(struct trial *trial) {
    trial->is_under_way = false;
    trial->kind->cancel(trial);
}

void trial_end(struct trial *trial, enum trial_verdict verdict) {
    trial->is_under_way = false;
    trial->ended(trial, verdict, trial->context);
}

bool trial_is_under_way(const struct trial *trial) {
    return trial->is_under_way;
}

void trial_print_verdict(const struct trial *trial, enum trial_verdict verdict, struct text *out) {
    switch (verdict) {
    case TRIAL_YES:
        trial->kind->print_yes(trial, out);
        return;
    case TRIAL_STRANGER:
        text_str(out, text_get(&trial->stranger));
        return;
    case TRIAL_REFUSED:
    case TRIAL_NO:
        trial_print_no(trial, out);
        return;
    }
}

void trial_print_no(const struct trial *trial, struct text *out) {
    trial->kind->print_no(trial, out);
}

bool trial_local_port(const struct trial *trial, int *port_out, bool *any_address_out) {
    return trial->kind->local_port && trial->kind->local_port(trial, port_out, any_address_out);
}
