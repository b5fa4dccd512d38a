/* The canonical form: every key in the table's order with its value in one way of writing, what equals the default left
 * out, [defaults] and the profile worked in. Only env and env_file keep their sections: their layers stand in between
 * each other, and one section cannot say that. */
#include <stdlib.h>
#include <string.h>

#include "core/manifest.h"
#include "core/manifest_keys.h"
#include "core/manifest_value.h"

/* A key's type and place, read and printed again. False when the text holds ${…}, or is bad. */
static bool print_typed(const struct manifest_key *key, const char *string, struct text *out) {
    union {
        struct app_config app;
        struct supervisor_config supervisor;
    } config = {0};
    struct diags unheard = {0};
    struct manifest_value value = {.key = key, .text = string, .line = 1, .diags = &unheard};
    bool is_typed = key->offset != MANIFEST_NO_FIELD && manifest_value_read(&value, &config) == VALUE_GOOD;
    if (is_typed) {
        manifest_value_print(key, &config, out);
        manifest_value_fini(key, &config);
    }
    diags_fini(&unheard);
    return is_typed;
}

/* The entries, each on a line of its own. */
static void print_entries(const char *string, const char *separators, struct text *out) {
    while (*string) {
        string += strspn(string, " \t");
        size_t len = strcspn(string, separators);
        if (len > 0) {
            text_str(out, "\n  ");
            text_append(out, string, len);
        }
        string += len + (string[len] != '\0');
    }
}

static void print_value(const struct manifest_key *key, const char *string, struct text *out) {
    text_printf(out, "%s =", key->name);
    string += strspn(string, "\n");
    bool is_list =
        key->type == KEY_ENV || key->type == KEY_ENV_FILES || key->type == KEY_COMMANDS || key->type == KEY_PROBES;
    if (is_list || strchr(string, '\n'))
        print_entries(string, key->type == KEY_ENV_FILES ? ",\n" : "\n", out);
    else
        text_printf(out, "%s%s", *string ? " " : "", string);
    text_char(out, '\n');
}

/* Names in one line, whatever they were separated by. */
static void join_names(struct text *names) {
    TEXT_AUTO struct text joined = {0};
    for (size_t i = 0; i < names->len; i++)
        if (names->data[i] == '\n')
            text_str(&joined, ", ");
        else
            text_char(&joined, names->data[i]);
    text_clear(names);
    text_append(names, text_get(&joined), joined.len);
}

void manifest_key_print(const struct manifest_key *key, const struct setting *setting, struct text *out) {
    if (!setting->text)
        return;
    TEXT_AUTO struct text value = {0};
    TEXT_AUTO struct text fallback = {0};
    if (!print_typed(key, setting->text, &value)) {
        print_value(key, setting->text, out);
        return;
    }
    if (key->type == KEY_NAMES || key->type == KEY_VARIABLES || key->type == KEY_RULES)
        join_names(&value);
    if (key->fallback && !key->is_told_apart)
        (void)print_typed(key, key->fallback, &fallback);
    if (strcmp(text_get(&value), text_get(&fallback)) != 0)
        print_value(key, text_get(&value), out);
}

static void print_settings(const struct manifest_key *keys, const struct setting *settings, struct text *out) {
    for (size_t row = 0; keys[row].name; row++)
        if (keys[row].type != KEY_ENV && keys[row].type != KEY_ENV_FILES)
            manifest_key_print(&keys[row], &settings[row], out);
}

static void print_layer(const struct env_layer *layer, struct text *out) {
    manifest_key_print(manifest_key_find(manifest_app_keys, "env_file"), &layer->env_file, out);
    manifest_key_print(manifest_key_find(manifest_app_keys, "env"), &layer->env, out);
}

static bool is_empty(const struct env_layer *layer) {
    return !layer->env.text && !layer->env_file.text;
}

/* [NAME] or [NAME@PROFILE], an empty line before it unless it is the first. */
static void print_title(const struct manifest *manifest, const char *kind, const char *name, bool has_profile,
                        struct text *out) {
    text_printf(out, "%s[%s%s%s%s]\n", out->len > 0 ? "\n" : "", kind, name, has_profile ? "@" : "",
                has_profile ? manifest->profile : "");
}

/* The layers that all apps share: those of [defaults] and [defaults@PROFILE]. */
static void print_defaults(const struct manifest *manifest, struct text *out) {
    for (size_t i = 0; i < MANIFEST_LAYER_APP && manifest->app_count > 0; i++) {
        const struct env_layer *layer = &manifest->apps[0].layers[i];
        if (is_empty(layer))
            continue;
        print_title(manifest, "defaults", "", i == MANIFEST_LAYER_DEFAULTS_PROFILE, out);
        print_layer(layer, out);
    }
}

static void print_app(const struct manifest *manifest, const struct manifest_app *app, struct text *out) {
    print_title(manifest, "app:", app->name, false, out);
    print_settings(manifest_app_keys, app->settings, out);
    print_layer(&app->layers[MANIFEST_LAYER_APP], out);
    const struct env_layer *profile = &app->layers[MANIFEST_LAYER_APP_PROFILE];
    if (is_empty(profile))
        return;
    print_title(manifest, "app:", app->name, true, out);
    print_layer(profile, out);
}

void manifest_print(const struct manifest *manifest, struct text *out) {
    TEXT_AUTO struct text own = {0};
    print_settings(manifest_supervisor_keys, manifest->supervisor_settings, &own);
    if (own.len > 0) {
        print_title(manifest, "upkeep", "", false, out);
        text_append(out, own.data, own.len);
    }
    if (manifest->profile) /* so that a profile that is worked in is still one that some section names */
        print_title(manifest, "upkeep", "", true, out);
    print_defaults(manifest, out);
    for (size_t i = 0; i < manifest->app_count; i++)
        print_app(manifest, &manifest->apps[i], out);
}
