#include "core/prepare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/columns.h"
#include "core/value.h"

enum { STEP_COLUMNS = 1000, SECOND_MS = 1000 };

bool prepare_init(struct prepare *prepare, size_t count) {
    *prepare = (struct prepare){.apps = calloc(count + 1, sizeof *prepare->apps), .at_once = 1};
    if (!prepare->apps)
        return false;
    prepare->count = count;
    for (size_t i = 0; i < count; i++) {
        prepare->apps[i].group = i;
        prepare->apps[i].begun = prepare->apps[i].step_begun = prepare->apps[i].ended = MONO_UNSET;
    }
    return true;
}

static void app_fini(struct prepare_app *app) {
    for (size_t i = 0; i < app->step_count; i++)
        free(app->steps[i]);
    free(app->steps);
    free(app->after);
    free(app->why);
    free(app->cause);
    free(app->tail);
    free(app->log);
}

void prepare_fini(struct prepare *prepare) {
    for (size_t i = 0; i < prepare->count; i++)
        app_fini(&prepare->apps[i]);
    free(prepare->apps);
    *prepare = (struct prepare){0};
}

/* ---- from a manifest ---- */

static const char BLANKS[] = " \t\v\f\r";

/* The lines as they are written; the typed setting has as many, since it is split before ${…} is filled in. */
static bool read_steps(const struct manifest_app *manifest_app, struct prepare_app *app) {
    const char *line = manifest_setting(manifest_app, "prepare").text;
    while (line && *line) {
        size_t len = strcspn(line, "\n");
        const char *next = line + len + (line[len] == '\n');
        size_t blanks = strspn(line, BLANKS);
        blanks = blanks < len ? blanks : len;
        line += blanks;
        len -= blanks;
        while (len > 0 && strchr(BLANKS, line[len - 1]))
            len--;
        char **steps = len > 0 ? reallocarray(app->steps, app->step_count + 1, sizeof *steps) : app->steps;
        if (len > 0 && !steps)
            return false;
        app->steps = steps;
        if (len > 0 && !(steps[app->step_count++] = strndup(line, len)))
            return false;
        line = next;
    }
    return true;
}

static size_t index_of(const struct manifest *manifest, const char *name, size_t len) {
    size_t i = 0;
    while (i < manifest->app_count &&
           (strncmp(manifest->apps[i].name, name, len) != 0 || manifest->apps[i].name[len] != '\0'))
        i++;
    return i;
}

static bool read_after(const struct manifest *manifest, const struct manifest_app *manifest_app,
                       struct prepare_app *app) {
    static const char separators[] = ", \t\v\f\r\n";
    const char *name = manifest_setting(manifest_app, "depends_on").text;
    for (name = name ? name : ""; *(name += strspn(name, separators)); name += strcspn(name, separators)) {
        size_t other = index_of(manifest, name, strcspn(name, separators));
        size_t *after = reallocarray(app->after, app->after_count + 1, sizeof *after);
        if (!after)
            return false;
        app->after = after;
        if (other < manifest->app_count)
            after[app->after_count++] = other;
    }
    return true;
}

/* The same lines of [defaults], in the same folder: two of most installers in one folder get in each other's way. */
static bool is_same_work(const struct manifest_app *a, const struct manifest_app *b) {
    struct setting steps = manifest_setting(a, "prepare");
    return steps.text && steps.line == manifest_setting(b, "prepare").line &&
           text_is_same(manifest_setting(a, "cwd").text, manifest_setting(b, "cwd").text);
}

bool prepare_plan(struct prepare *prepare, const struct manifest *manifest, char *const *apps, size_t app_count) {
    bool ok = prepare_init(prepare, manifest->app_count);
    for (size_t i = 0; ok && i < manifest->app_count; i++) {
        struct prepare_app *app = &prepare->apps[i];
        app->name = manifest->apps[i].name;
        app->is_wanted = manifest_is_named(app->name, apps, app_count);
        ok = read_steps(&manifest->apps[i], app) && read_after(manifest, &manifest->apps[i], app);
        while (app->group > 0 && !is_same_work(&manifest->apps[app->group - 1], &manifest->apps[i]))
            app->group--;
        app->group = app->group > 0 ? prepare->apps[app->group - 1].group : i;
    }
    if (!ok)
        prepare_fini(prepare);
    return ok;
}

/* ---- order ---- */

/* Others may go on behind it. */
static bool is_behind(enum prepare_state state) {
    switch (state) {
    case PREPARE_NOTHING:
    case PREPARE_SKIPPED:
    case PREPARE_DONE:
        return true;
    case PREPARE_WAITING:
    case PREPARE_RUNNING:
    case PREPARE_CLEARING:
    case PREPARE_FAILED:
    case PREPARE_STOPPED:
        return false;
    }
    return false;
}

static bool is_under_way(const struct prepare_app *app) {
    return app->state == PREPARE_RUNNING || app->state == PREPARE_CLEARING;
}

bool prepare_is_ending(const struct prepare *prepare) {
    for (size_t i = 0; i < prepare->count; i++) {
        const struct prepare_app *app = &prepare->apps[i];
        if (app->state == PREPARE_FAILED || (app->state == PREPARE_CLEARING && app->verdict == PREPARE_FAILED))
            return true;
    }
    return prepare->signal != 0;
}

static bool may_begin(const struct prepare *prepare, const struct prepare_app *app) {
    for (size_t i = 0; i < app->after_count; i++)
        if (!is_behind(prepare->apps[app->after[i]].state))
            return false;
    for (size_t i = 0; i < prepare->count; i++)
        if (prepare->apps[i].group == app->group && is_under_way(&prepare->apps[i]))
            return false;
    return app->state == PREPARE_WAITING;
}

size_t prepare_next(const struct prepare *prepare) {
    size_t under_way = 0;
    for (size_t i = 0; i < prepare->count; i++)
        under_way += is_under_way(&prepare->apps[i]);
    if (under_way >= prepare->at_once || prepare_is_ending(prepare))
        return PREPARE_NOBODY;
    for (size_t i = 0; i < prepare->count; i++)
        if (may_begin(prepare, &prepare->apps[i]))
            return i;
    return PREPARE_NOBODY;
}

bool prepare_is_over(const struct prepare *prepare) {
    for (size_t i = 0; i < prepare->count; i++)
        if (is_under_way(&prepare->apps[i]))
            return false;
    return prepare_next(prepare) == PREPARE_NOBODY;
}

size_t prepare_count(const struct prepare *prepare, enum prepare_state state) {
    size_t count = 0;
    for (size_t i = 0; i < prepare->count; i++)
        count += prepare->apps[i].state == state;
    return count;
}

const struct prepare_app *prepare_failure(const struct prepare *prepare) {
    const struct prepare_app *first = NULL;
    for (size_t i = 0; i < prepare->count; i++) {
        const struct prepare_app *app = &prepare->apps[i];
        if (app->state == PREPARE_FAILED && (!first || mono_before(app->ended, first->ended)))
            first = app;
    }
    return first;
}

/* ---- words ---- */

/* The nearest: who looks once a second must not see one twice. */
static void print_seconds(struct mono from, struct mono to, struct text *out) {
    int64_t ms = mono_ms_between(from, to) + SECOND_MS / 2;
    value_print_duration(ms - ms % SECOND_MS, out);
}

static void print_running(const struct prepare_app *app, struct mono now, struct text *out) {
    if (app->state == PREPARE_CLEARING)
        text_printf(out, "%s ending what is left of it (", app->name);
    else
        text_printf(out, "%s step %zu of %zu (", app->name, app->step + 1, app->step_count);
    print_seconds(app->step_begun, now, out);
    text_char(out, ')');
}

void prepare_print_progress(const struct prepare *prepare, struct mono now, struct text *out) {
    size_t wanted = 0;
    size_t behind = 0;
    struct mono begun = now;
    struct text running TEXT_AUTO = {0};
    for (size_t i = 0; i < prepare->count; i++) {
        const struct prepare_app *app = &prepare->apps[i];
        bool has_work = app->is_wanted && app->step_count > 0;
        wanted += has_work;
        behind += has_work && is_behind(app->state);
        if (mono_is_set(app->begun) && mono_before(app->begun, begun))
            begun = app->begun;
        if (!is_under_way(app))
            continue;
        text_str(&running, running.len > 0 ? ", " : ": ");
        print_running(app, now, &running);
    }
    if (running.len == 0)
        return;
    text_printf(out, "%zu of %zu done, ", behind, wanted);
    print_seconds(begun, now, out);
    text_str(out, text_get(&running));
}

void prepare_print_step(const struct prepare_app *app, struct text *out) {
    text_printf(out, "step %zu of %zu, ", app->step + 1, app->step_count);
    columns_cut(app->steps[app->step], STEP_COLUMNS, out);
}

static void print_done(const struct prepare_app *app, struct text *out) {
    text_printf(out, "%s: prepared in ", app->name);
    value_print_elapsed(mono_ms_between(app->begun, app->ended), out);
    if (app->why)
        text_printf(out, " (%s)", app->why);
}

static void print_stopped(const struct prepare_app *app, struct text *out) {
    if (mono_is_set(app->begun))
        text_printf(out, "%s: stopped at step %zu of %zu", app->name, app->step + 1, app->step_count);
    else
        text_printf(out, "%s: not begun", app->name);
}

void prepare_print_app(const struct prepare_app *app, struct text *out) {
    switch (app->state) {
    case PREPARE_WAITING:
    case PREPARE_RUNNING:
    case PREPARE_CLEARING:
    case PREPARE_NOTHING:
        return;
    case PREPARE_SKIPPED:
        text_printf(out, "%s: skipped (%s)", app->name, app->why ? app->why : "nothing has changed");
        return;
    case PREPARE_DONE:
        print_done(app, out);
        return;
    case PREPARE_FAILED:
        text_printf(out, "%s: %s", app->name, app->cause ? app->cause : "failed");
        return;
    case PREPARE_STOPPED:
        print_stopped(app, out);
        return;
    }
}
