#include "core/renewal.h"

static enum renewal decide_one(const struct renewal_app *app, bool complete) {
    enum renewal named = app->is_named ? RENEWAL_NAMED : RENEWAL_NONE;
    switch (app->state) {
    case RENEWAL_IS_UP:
        return named;
    case RENEWAL_IS_DONE:
        return complete && app->has_changed && !app->is_named ? RENEWAL_AGAIN : named;
    case RENEWAL_HAS_FAILED:
        return complete && !app->is_named ? RENEWAL_FAILED : named;
    case RENEWAL_IS_DOWN:
        break;
    }
    if (!app->autostart)
        return RENEWAL_NONE;
    return complete && !app->is_named ? RENEWAL_DOWN : named;
}

/* A migration is to run before the code that needs it does, as at the first start. Returns whether there was one. */
static bool run_deps_again(struct renewal_app *apps, const struct renewal_app *of) {
    bool is_found = false;
    if (!of->is_started && of->renewal == RENEWAL_NONE)
        return false;
    for (size_t d = 0; d < of->dep_count; d++) {
        struct renewal_app *dep = &apps[of->deps[d]];
        if (dep->state != RENEWAL_IS_DONE || dep->renewal != RENEWAL_NONE)
            continue;
        dep->renewal = RENEWAL_AGAIN;
        is_found = true;
    }
    return is_found;
}

void renewal_decide(struct renewal_app *apps, size_t count, bool complete) {
    for (size_t i = 0; i < count; i++)
        apps[i].renewal = decide_one(&apps[i], complete);
    for (bool is_found = complete; is_found;) {
        is_found = false;
        for (size_t i = 0; i < count; i++)
            is_found |= run_deps_again(apps, &apps[i]);
    }
}

const char *renewal_why(enum renewal renewal) {
    switch (renewal) {
    case RENEWAL_NONE:
    case RENEWAL_NAMED:
        break;
    case RENEWAL_FAILED:
        return "it had failed";
    case RENEWAL_DOWN:
        return "it was down";
    case RENEWAL_AGAIN:
        return "a oneshot, to be run again";
    }
    return NULL;
}
