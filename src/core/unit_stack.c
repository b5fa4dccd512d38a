#include "core/unit_stack.h"

#include <stdlib.h>

#include "core/listen.h"

enum { FREE_PORT = 1024 }; /* the first that everybody may listen on */

/* The memory of one survey. */
struct survey {
    struct unit_app *apps;
    size_t *deps; /* of all apps, one after the other */
    int64_t *scratch;
};

static void survey_fini(struct survey *survey) {
    free(survey->apps);
    free(survey->deps);
    free(survey->scratch);
}

static bool survey_init(struct survey *survey, const struct manifest *manifest, const struct app_config *configs) {
    size_t dep_count = 0;
    for (size_t i = 0; i < manifest->app_count; i++)
        dep_count += configs[i].depends_on.count;
    survey->apps = calloc(manifest->app_count + 1, sizeof *survey->apps);
    survey->deps = calloc(dep_count + 1, sizeof *survey->deps);
    survey->scratch = calloc(manifest->app_count + 1, sizeof *survey->scratch);
    return survey->apps && survey->deps && survey->scratch;
}

static void survey_dependencies(struct survey *survey, const struct manifest *manifest,
                                const struct app_config *configs) {
    size_t *next = survey->deps;
    for (size_t i = 0; i < manifest->app_count; i++) {
        survey->apps[i].deps = next;
        for (size_t d = 0; d < configs[i].depends_on.count; d++) {
            const struct manifest_app *dep = manifest_find(manifest, configs[i].depends_on.items[d]);
            if (dep)
                next[survey->apps[i].dep_count++] = (size_t)(dep - manifest->apps);
        }
        next += survey->apps[i].dep_count;
    }
}

/* What starts by itself, and what that pulls in. */
static void survey_awaited(struct survey *survey, const struct app_config *configs, size_t count) {
    for (size_t i = 0; i < count; i++)
        survey->apps[i].is_awaited = configs[i].autostart;
    for (bool is_settled = false; !is_settled;) {
        is_settled = true;
        for (size_t i = 0; i < count; i++)
            for (size_t d = 0; survey->apps[i].is_awaited && d < survey->apps[i].dep_count; d++) {
                struct unit_app *dep = &survey->apps[survey->apps[i].deps[d]];
                is_settled = is_settled && dep->is_awaited;
                dep->is_awaited = true;
            }
    }
}

static bool is_low(int64_t port) {
    return port > 0 && port < FREE_PORT;
}

/* The ports and sockets of one app. */
static void survey_listening(const struct app_config *config, struct unit_spec *spec) {
    spec->has_low_port = spec->has_low_port || is_low(config->port);
    spec->listeners += config->listen.count;
    for (size_t i = 0; i < config->listen.count; i++) {
        struct listen_address address = {0};
        struct text unused TEXT_AUTO = {0};
        if (listen_parse(config->listen.items[i], &address, &unused) && !address.is_path)
            spec->has_low_port = spec->has_low_port || is_low(address.port);
    }
}

bool unit_stack(const struct manifest *manifest, const struct app_config *configs, struct unit_spec *spec) {
    struct survey survey = {0};
    bool ok = survey_init(&survey, manifest, configs);
    if (ok) {
        survey_dependencies(&survey, manifest, configs);
        survey_awaited(&survey, configs, manifest->app_count);
        for (size_t i = 0; i < manifest->app_count; i++)
            unit_time_app(&configs[i], &survey.apps[i]);
        spec->times = unit_time(survey.apps, manifest->app_count, manifest->supervisor.ready_when,
                                manifest->supervisor.stop_order, survey.scratch);
    }
    survey_fini(&survey);
    spec->name = manifest->supervisor.name;
    spec->profile = manifest->profile;
    spec->root = manifest->supervisor.root;
    spec->runtime_dir = manifest->supervisor.runtime_dir;
    spec->log_dir = manifest->supervisor.log_dir;
    for (size_t i = 0; i < manifest->app_count; i++)
        survey_listening(&configs[i], spec);
    return ok;
}
