#include "core/manifest_diff.h"

#include <stdlib.h>
#include <string.h>

#include "core/manifest_keys.h"
#include "core/manifest_value.h"

/* ---- one key ----------------------------------------------------------------------------------------------------- */

static bool same_setting(const struct manifest_key *key, const struct setting *a, const struct setting *b) {
    if (a->text == b->text || (a->text && b->text && strcmp(a->text, b->text) == 0))
        return true;
    TEXT_AUTO struct text before = {0};
    TEXT_AUTO struct text now = {0};
    manifest_key_print(key, a, &before);
    manifest_key_print(key, b, &now);
    return !before.failed && !now.failed && strcmp(text_get(&before), text_get(&now)) == 0;
}

static bool same_layers(const struct manifest_key *key, const struct manifest_app *a, const struct manifest_app *b) {
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++) {
        const struct setting *before = key->type == KEY_ENV ? &a->layers[i].env : &a->layers[i].env_file;
        const struct setting *now = key->type == KEY_ENV ? &b->layers[i].env : &b->layers[i].env_file;
        if (!same_setting(key, before, now))
            return false;
    }
    return true;
}

static bool same_key(size_t row, const struct manifest_app *a, const struct manifest_app *b) {
    const struct manifest_key *key = &manifest_app_keys[row];
    if (key->type == KEY_ENV || key->type == KEY_ENV_FILES)
        return same_layers(key, a, b);
    return same_setting(key, &a->settings[row], &b->settings[row]);
}

/* What the key came to mean counts: `root` and `name` have defaults that stand in no table. */
static bool same_supervisor_key(const struct manifest_key *key, const struct supervisor_config *a,
                                const struct supervisor_config *b) {
    TEXT_AUTO struct text before = {0};
    TEXT_AUTO struct text now = {0};
    manifest_value_print(key, a, &before);
    manifest_value_print(key, b, &now);
    return !before.failed && !now.failed && strcmp(text_get(&before), text_get(&now)) == 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static uint64_t keys_at_start(const struct manifest_key *keys, uint64_t changed) {
    uint64_t at_start = 0;
    for (size_t row = 0; keys[row].name; row++)
        if (keys[row].effect == KEY_AT_START)
            at_start |= UINT64_C(1) << row;
    return changed & at_start;
}

static struct diff_app diff_app(const struct manifest_app *before, const struct manifest_app *now) {
    struct diff_app app = {.kind = DIFF_SAME, .before = before, .now = now};
    if (!before || !now) {
        app.kind = before ? DIFF_GONE : DIFF_NEW;
        return app;
    }
    for (size_t row = 0; row < manifest_app_key_count; row++)
        if (!same_key(row, before, now))
            app.keys |= UINT64_C(1) << row;
    if (app.keys != 0)
        app.kind = keys_at_start(manifest_app_keys, app.keys) ? DIFF_START : DIFF_LIVE;
    return app;
}

bool manifest_diff(const struct manifest *before, const struct manifest *now, struct manifest_diff *out) {
    *out = (struct manifest_diff){0};
    struct diff_app *apps = calloc(before->app_count + now->app_count + 1, sizeof(*apps));
    if (!apps)
        return false;
    out->apps = apps;
    for (size_t i = 0; i < now->app_count; i++)
        apps[out->count++] = diff_app(manifest_find(before, now->apps[i].name), &now->apps[i]);
    for (size_t i = 0; i < before->app_count; i++)
        if (!manifest_find(now, before->apps[i].name))
            apps[out->count++] = diff_app(&before->apps[i], NULL);
    for (size_t row = 0; row < manifest_supervisor_key_count; row++)
        if (!same_supervisor_key(&manifest_supervisor_keys[row], &before->supervisor, &now->supervisor))
            out->keys |= UINT64_C(1) << row;
    return true;
}

void manifest_diff_fini(struct manifest_diff *diff) {
    free(diff->apps);
    *diff = (struct manifest_diff){0};
}

bool manifest_diff_is_empty(const struct manifest_diff *diff) {
    bool is_empty = diff->keys == 0;
    for (size_t i = 0; i < diff->count && is_empty; i++)
        is_empty = diff->apps[i].kind == DIFF_SAME;
    return is_empty;
}

uint64_t manifest_diff_for_new_supervisor(const struct manifest_diff *diff) {
    return keys_at_start(manifest_supervisor_keys, diff->keys);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void print_keys(const char *what, const struct manifest_key *keys, uint64_t set, struct text *out) {
    const char *separator = ": ";
    text_str(out, what);
    for (size_t row = 0; keys[row].name; row++) {
        if (!(set >> row & 1))
            continue;
        text_printf(out, "%s%s", separator, keys[row].name);
        separator = ", ";
    }
    text_char(out, '\n');
}

static void print_app(const struct diff_app *app, struct text *out) {
    switch (app->kind) {
    case DIFF_SAME:
        return;
    case DIFF_NEW:
        text_printf(out, "%s is new\n", app->now->name);
        return;
    case DIFF_GONE:
        text_printf(out, "%s is gone\n", app->before->name);
        return;
    case DIFF_LIVE:
        text_printf(out, "%s ", app->now->name);
        print_keys("at once", manifest_app_keys, app->keys, out);
        return;
    case DIFF_START:
        text_printf(out, "%s ", app->now->name);
        print_keys("needs a start", manifest_app_keys, app->keys, out);
        return;
    }
}

void manifest_diff_print(const struct manifest_diff *diff, struct text *out) {
    uint64_t for_new = manifest_diff_for_new_supervisor(diff);
    if (for_new != 0)
        print_keys("[upkeep] needs a new supervisor", manifest_supervisor_keys, for_new, out);
    if (diff->keys != for_new)
        print_keys("[upkeep] at once", manifest_supervisor_keys, diff->keys & ~for_new, out);
    for (size_t i = 0; i < diff->count; i++)
        print_app(&diff->apps[i], out);
}
