/* Three passes: sections and settings as they stand in the file, each value judged by itself; then the apps as the
 * profile and [defaults] make them, with the rules between keys; then the rules between apps. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/inifile.h"
#include "core/limits.h"
#include "core/manifest.h"
#include "core/manifest_keys.h"
#include "core/manifest_memory.h"
#include "core/manifest_resolve.h"
#include "core/manifest_value.h"
#include "core/plan.h"

enum section_kind { SECTION_UPKEEP, SECTION_DEFAULTS, SECTION_APP };

struct section {
    enum section_kind kind;
    char *name;          /* of the app; "" for the others */
    const char *profile; /* NULL: applies without one */
    unsigned line;
    unsigned last_line;
    bool is_again; /* of a section that was there before: judged, but not applied */
    struct setting *settings;
    size_t next; /* of the same bucket: an index + 1 */
    size_t app;  /* of the app that it makes, once that is there */
};

enum { BUCKETS = 1024 };

struct parser {
    struct manifest *manifest;
    struct manifest_chunk *scratch; /* what only the parser needs */
    struct section *sections;
    size_t section_count;
    size_t section_room;
    size_t buckets[BUCKETS]; /* an index of sections + 1; 0: empty */
    struct section *current; /* NULL: before the first section, or in one that is not understood */
    bool is_in_section;
    const struct env *environment;
    struct diags *diags;
    bool is_good;
};

#define MISTAKE(p, line, ...)                                                                                          \
    do {                                                                                                               \
        diags_add((p)->diags, DIAG_ERROR, (p)->manifest->file, (line), __VA_ARGS__);                                   \
        (p)->is_good = false;                                                                                          \
    } while (0)

static void out_of_memory(struct parser *p) {
    MISTAKE(p, 0, "out of memory");
}

static char *keep(struct parser *p, const char *string) {
    char *copy = manifest_memory_copy(&p->manifest->chunks, string, strlen(string));
    if (!copy)
        out_of_memory(p);
    return copy;
}

static const struct manifest_key *keys_of(enum section_kind kind) {
    return kind == SECTION_UPKEEP ? manifest_supervisor_keys : manifest_app_keys;
}

static size_t key_count_of(enum section_kind kind) {
    return kind == SECTION_UPKEEP ? manifest_supervisor_key_count : manifest_app_key_count;
}

/* Sections */

/* What stands between the brackets, taken apart: `app:web@staging`. */
struct title {
    enum section_kind kind;
    char *name;
    char *profile; /* NULL: none */
    bool has_name;
};

/* `app:NAME@PROFILE`, and some room for what is wrong with it. */
enum { TITLE_MAX = 4 * LIMIT_NAME };

#define NAME_FORM "(letters, digits, _ and -, at most %d)"

/* Sections that are called otherwise elsewhere, or nearly so. */
static const struct {
    const char *word;
    const char *meant;
} known_titles[] = {
    {"upkeep", "upkeep"},     {"defaults", "defaults"},  {"app", "app"},     {"default", "defaults"},
    {"supervisor", "upkeep"}, {"supervisord", "upkeep"}, {"program", "app"}, {"service", "app"},
    {"process", "app"},       {"apps", "app"},           {NULL, NULL},
};

static const char *meant_title(const char *word) {
    const char *words[sizeof(known_titles) / sizeof(known_titles[0])];
    size_t count = 0;
    do
        words[count] = known_titles[count].word;
    while (known_titles[count++].word);
    const char *near = diag_nearest(word, words);
    for (size_t i = 0; near && known_titles[i].word; i++)
        if (known_titles[i].word == near)
            return known_titles[i].meant;
    return NULL;
}

/* The kind that a word means; false when it is none. */
static bool kind_of(const char *word, bool has_name, enum section_kind *kind) {
    if (!word || has_name != (strcmp(word, "app") == 0))
        return false;
    *kind = has_name ? SECTION_APP : strcmp(word, "upkeep") == 0 ? SECTION_UPKEEP : SECTION_DEFAULTS;
    return has_name || *kind == SECTION_UPKEEP || strcmp(word, "defaults") == 0;
}

/* Cuts text, `WORD[:NAME][@PROFILE]`, up. Its word is left at its start. */
static struct title cut_title(char *text) {
    struct title title = {.name = text + strlen(text)};
    title.profile = strchr(text, '@');
    if (title.profile)
        *title.profile++ = '\0';
    char *colon = strchr(text, ':');
    if (colon) {
        *colon = '\0';
        title.name = colon + 1;
        title.has_name = true;
    }
    return title;
}

/* Says that no section is called so. True when it is clear what is meant, so that what stands in it can be judged. */
static bool guess_title(struct parser *p, const char *whole, char *word, unsigned line, struct title *title) {
    const char *meant = meant_title(word);
    if (kind_of(meant, title->has_name, &title->kind)) {
        MISTAKE(p, line, "unknown section [%s] (did you mean [%s%s%s%s%s]?)", whole, meant, title->has_name ? ":" : "",
                title->name, title->profile ? "@" : "", title->profile ? title->profile : "");
        return true;
    }
    if (title->has_name || !manifest_is_name(word)) {
        MISTAKE(p, line,
                "unknown section [%s] (there are [upkeep], [defaults] and [app:NAME], each also with @PROFILE)", whole);
        return false;
    }
    if (strcmp(word, "app") == 0) {
        MISTAKE(p, line, "section [%s] names no app ([app:NAME])", whole);
        return false;
    }
    MISTAKE(p, line, "unknown section [%s] (an app's section is [app:%s])", whole, whole);
    *title = (struct title){.kind = SECTION_APP, .name = word, .profile = title->profile};
    return true;
}

/* Cuts the blanks at both ends of text away. */
static char *without_blanks(char *text) {
    text += strspn(text, " \t");
    for (char *end = text + strlen(text); end > text && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';
    return text;
}

/* text is cut up. False when nothing can be made of it. */
static bool read_title(struct parser *p, char *text, unsigned line, struct title *out) {
    TEXT_AUTO struct text whole = {0};
    if (strlen(text) > TITLE_MAX) {
        MISTAKE(p, line, "section name of %zu bytes (at most %d)", strlen(text), TITLE_MAX);
        return false;
    }
    text_str(&whole, text);
    text = without_blanks(text);
    if (strlen(text) < whole.len)
        MISTAKE(p, line, "unknown section [%s] (did you mean [%s]?)", text_get(&whole), text);
    struct title title = cut_title(text);
    if (!kind_of(text, title.has_name, &title.kind) && !guess_title(p, text_get(&whole), text, line, &title))
        return false;
    if (title.kind == SECTION_APP && !manifest_is_name(title.name))
        MISTAKE(p, line, "\"%s\" is not an app's name " NAME_FORM, title.name, LIMIT_NAME);
    if (title.profile && !manifest_is_name(title.profile))
        MISTAKE(p, line, "\"%s\" is not a profile's name " NAME_FORM, title.profile, LIMIT_NAME);
    *out = title;
    return true;
}

static size_t bucket_of(enum section_kind kind, const char *name, const char *profile) {
    uint32_t hash = 2166136261U + kind; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    for (; profile && *profile; profile++)
        hash = (hash ^ (unsigned char)*profile) * 16777619U;
    return hash % BUCKETS;
}

static struct section *find_section(const struct parser *p, enum section_kind kind, const char *name,
                                    const char *profile) {
    for (size_t i = p->buckets[bucket_of(kind, name, profile)]; i > 0; i = p->sections[i - 1].next) {
        struct section *section = &p->sections[i - 1];
        if (section->kind == kind && text_is_same(section->profile, profile) && strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

static bool has_room(struct parser *p) {
    if (p->section_count < p->section_room)
        return true;
    size_t room = p->section_room ? p->section_room * 2 : 16;
    struct section *sections = realloc(p->sections, room * sizeof(*sections));
    if (!sections)
        return false;
    p->sections = sections;
    p->section_room = room;
    return true;
}

/* A section that was there before is kept too, for what stands in it, but it is not to be found. */
static void add_section(struct parser *p, const struct title *title, unsigned line, bool is_again) {
    struct setting *settings = manifest_memory_new(&p->scratch, key_count_of(title->kind) * sizeof(*settings));
    if (!settings || !has_room(p)) {
        out_of_memory(p);
        return;
    }
    struct section *section = &p->sections[p->section_count++];
    *section = (struct section){.kind = title->kind,
                                .name = title->name,
                                .profile = title->profile,
                                .line = line,
                                .last_line = line,
                                .is_again = is_again,
                                .settings = settings};
    if (!is_again) {
        size_t *bucket = &p->buckets[bucket_of(title->kind, title->name, title->profile)];
        section->next = *bucket;
        *bucket = p->section_count;
    }
    p->current = section;
}

static void on_section(void *context, const char *text, unsigned line) {
    struct parser *p = context;
    struct title title;
    p->current = NULL;
    p->is_in_section = true;
    if (p->section_count >= LIMIT_SECTIONS) {
        MISTAKE(p, line, "more than %d sections", LIMIT_SECTIONS);
        return;
    }
    char *own = keep(p, text);
    if (!own || !read_title(p, own, line, &title))
        return;
    const struct section *first = find_section(p, title.kind, title.name, title.profile);
    if (first)
        MISTAKE(p, line, "section [%s] again (first in line %u)", text, first->line);
    add_section(p, &title, line, first != NULL);
}

/* Settings */

/* A line of a value that reads like what begins in the first column: somebody indented a whole section. */
struct strayed {
    char *start; /* of the line, in the value */
    unsigned line;
    bool is_section;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* In a command or an environment, `name=value` may be meant; with a blank before the `=` it is a key of ours. */
static bool is_strayed_key(const struct manifest_key *keys, enum key_type type, const char *line) {
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
    const char *equals = line + len;
    while (is_blank(*equals))
        equals++;
    bool may_be_meant = type == KEY_COMMAND || type == KEY_COMMANDS || type == KEY_ENV;
    if (*equals != '=' || (may_be_meant && equals == line + len) || len > LIMIT_NAME)
        return false;
    char name[LIMIT_NAME + 1] = {0};
    memcpy(name, line, len);
    return manifest_key_find(keys, name) != NULL;
}

static bool is_strayed_section(const char *line) {
    static const char *const openings[] = {"[upkeep", "[defaults", "[app:"};
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++)
        if (strncmp(line, openings[i], strlen(openings[i])) == 0)
            return true;
    return false;
}

static bool find_strayed(const struct manifest_key *keys, enum key_type type, char *value, struct strayed *out) {
    struct strayed strayed = {.start = value};
    while ((strayed.start = strchr(strayed.start, '\n'))) {
        strayed.start++;
        strayed.line++;
        strayed.is_section = is_strayed_section(strayed.start);
        if (strayed.is_section || is_strayed_key(keys, type, strayed.start)) {
            *out = strayed;
            return true;
        }
    }
    return false;
}

static unsigned count_lines(const char *value) {
    unsigned lines = 0;
    for (; (value = strchr(value, '\n')); value++)
        lines++;
    return lines;
}

/* Cuts the value of a key that takes one line after it, and says so. */
static void cut_to_line(struct parser *p, const struct manifest_key *key, char *text, unsigned line) {
    char *newline = manifest_value_takes_lines(key->type) ? NULL : strchr(text, '\n');
    if (!newline)
        return;
    MISTAKE(p, line + (unsigned)strspn(newline, "\n"), "%s takes one line, and this indented one would go on with it",
            key->name);
    *newline = '\0';
}

static void judge_value(struct parser *p, const struct manifest_key *key, const char *text, unsigned line) {
    union {
        struct app_config app;
        struct supervisor_config supervisor;
    } config = {0};
    struct manifest_value value = {
        .key = key, .text = text, .line = line, .file = p->manifest->file, .diags = p->diags};
    enum value_verdict verdict = manifest_value_read(&value, &config);
    if (verdict == VALUE_BAD)
        p->is_good = false;
    if (verdict == VALUE_GOOD && key->offset != MANIFEST_NO_FIELD)
        manifest_value_fini(key, &config);
}

/* Says that there is no such key. When it is clear which one was meant, that is not missing. */
static void refuse_key(struct parser *p, const char *name, char *value, unsigned line) {
    const struct manifest_key *keys = keys_of(p->current->kind);
    TEXT_AUTO struct text hint = {0};
    const struct manifest_key *meant = manifest_key_hint(keys, name, &hint);
    MISTAKE(p, line, "unknown key %.*s%s", LIMIT_NAME, name, text_get(&hint));
    if (meant && meant->type == KEY_COMMAND && !p->current->settings[meant - keys].text)
        p->current->settings[meant - keys] = (struct setting){.text = value, .line = line};
}

/* A bad value is kept all the same: its key is not missing. */
static void add_setting(struct parser *p, const char *name, char *value, unsigned line) {
    const struct manifest_key *keys = keys_of(p->current->kind);
    const struct manifest_key *key = manifest_key_find(keys, name);
    if (!key) {
        refuse_key(p, name, value, line);
        return;
    }
    cut_to_line(p, key, value, line);
    judge_value(p, key, value, line);
    struct setting *setting = &p->current->settings[key - keys];
    if (setting->text)
        MISTAKE(p, line, "%s again (first in line %u)", name, setting->line);
    else
        *setting = (struct setting){.text = value, .line = line};
}

/* Cuts the value where a line reads like a key, says so, and goes on with that key as if it were not indented, for what
 * else there is to say. */
static void add_settings(struct parser *p, char *name, char *value, unsigned line) {
    const struct manifest_key *keys = keys_of(p->current->kind);
    const struct manifest_key *key = manifest_key_find(keys, name);
    struct strayed strayed = {0};
    while (key && find_strayed(keys, key->type, value, &strayed)) {
        MISTAKE(p, line + strayed.line, "indented, so it goes on with %s (line %u): %s in the first column", name, line,
                strayed.is_section ? "sections begin" : "keys begin");
        strayed.start[-1] = '\0';
        add_setting(p, name, value, line);
        if (strayed.is_section)
            return;
        name = strayed.start;
        value = strchr(name, '=') + 1;
        name[strcspn(name, " \t=")] = '\0';
        value += strspn(value, " \t");
        line += strayed.line;
        key = manifest_key_find(keys, name);
    }
    add_setting(p, name, value, line);
}

static void on_setting(void *context, const char *key, const char *value, unsigned line) {
    struct parser *p = context;
    if (!p->is_in_section) {
        MISTAKE(p, line, "%.*s stands before the first section ([upkeep], [defaults], [app:NAME])", LIMIT_NAME, key);
        p->is_in_section = true; /* said once */
    }
    if (!p->current)
        return;
    p->current->last_line = line + count_lines(value);
    TEXT_AUTO struct text name = {0};
    text_str(&name, key);
    char *own = keep(p, value);
    if (own && !name.failed)
        add_settings(p, name.data, own, line);
}

/* What a profile makes of the sections */

/* Sections of one kind and name that apply under a profile, lowest first; NULL where there is none. */
struct overlay {
    struct section *base;
    struct section *profile;
};

static struct overlay overlay_of(const struct parser *p, enum section_kind kind, const char *name,
                                 const char *profile) {
    struct overlay overlay = {.base = find_section(p, kind, name, NULL)};
    if (profile)
        overlay.profile = find_section(p, kind, name, profile);
    return overlay;
}

static void lay_over(struct setting *settings, const struct section *section) {
    for (size_t row = 0; section && row < key_count_of(section->kind); row++)
        if (section->settings[row].text)
            settings[row] = section->settings[row];
}

/* What applies to an app: [defaults], [defaults@PROFILE], [app:NAME], [app:NAME@PROFILE]. */
struct merge {
    const struct section *layers[MANIFEST_ENV_LAYERS];
    unsigned line; /* of the app's first section */
};

static struct merge merge_of(const struct parser *p, const char *name, const char *profile) {
    struct overlay defaults = overlay_of(p, SECTION_DEFAULTS, "", profile);
    struct overlay app = overlay_of(p, SECTION_APP, name, profile);
    const struct section *first = app.base ? app.base : app.profile;
    return (struct merge){.layers = {defaults.base, defaults.profile, app.base, app.profile},
                          .line = first ? first->line : 0};
}

static void merge_settings(const struct merge *merge, struct setting *settings) {
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++)
        lay_over(settings, merge->layers[i]);
}

static void merge_layers(const struct merge *merge, struct env_layer *layers) {
    size_t env_file = (size_t)(manifest_key_find(manifest_app_keys, "env_file") - manifest_app_keys);
    size_t env = (size_t)(manifest_key_find(manifest_app_keys, "env") - manifest_app_keys);
    for (size_t i = 0; i < MANIFEST_ENV_LAYERS; i++)
        if (merge->layers[i])
            layers[i] = (struct env_layer){.env_file = merge->layers[i]->settings[env_file],
                                           .env = merge->layers[i]->settings[env]};
}

/* The supervisor */

/* The last component of the root folder as its path says it, `..` taken away with what stands before it. */
static char *folder_name(const char *path) {
    const char *name = path + strlen(path);
    size_t len = 0;
    for (size_t up = 1; up > 0 && name > path;) {
        const char *end = name;
        while (name > path && name[-1] != '/')
            name--;
        len = (size_t)(end - name);
        if (len == 2 && memcmp(name, "..", 2) == 0)
            up++;
        else if (len > 0)
            up--;
        if (up > 0 && name > path)
            name--;
        if (up > 0)
            len = 0;
    }
    return len > 0 ? strndup(name, len) : strdup("upkeep");
}

static void make_absolute(char **path, const char *base, const struct env *env) {
    char *absolute = manifest_path(base, *path, env);
    free(*path);
    *path = absolute;
}

static void build_supervisor(struct parser *p) {
    struct manifest *manifest = p->manifest;
    struct supervisor_config *config = &manifest->supervisor;
    struct overlay overlay = overlay_of(p, SECTION_UPKEEP, "", manifest->profile);
    struct setting *settings =
        manifest_memory_new(&manifest->chunks, manifest_supervisor_key_count * sizeof(*settings));
    if (!settings) {
        out_of_memory(p);
        return;
    }
    manifest->supervisor_settings = settings;
    lay_over(settings, overlay.base);
    lay_over(settings, overlay.profile);
    for (size_t row = 0; row < manifest_supervisor_key_count; row++) {
        const struct manifest_key *key = &manifest_supervisor_keys[row];
        struct manifest_value value = {.key = key,
                                       .text = settings[row].text ? settings[row].text : key->fallback,
                                       .line = settings[row].line,
                                       .file = manifest->file,
                                       .env = p->environment,
                                       .diags = p->diags};
        if (value.text && manifest_value_read(&value, config) == VALUE_BAD)
            p->is_good = false;
    }
    if (!config->root || !config->runtime_dir || !config->log_dir)
        return; /* bad, and said */
    make_absolute(&config->root, manifest->dir, p->environment);
    if (config->root) {
        make_absolute(&config->runtime_dir, config->root, p->environment);
        make_absolute(&config->log_dir, config->root, p->environment);
        if (!config->name)
            config->name = folder_name(config->root);
    }
    if (!config->root || !config->runtime_dir || !config->log_dir || !config->name)
        out_of_memory(p);
}

/* The apps */

static bool is_active(const struct section *section, const char *profile) {
    return section->kind == SECTION_APP && !section->is_again &&
           (!section->profile || text_is_same(section->profile, profile));
}

static void judge_app(struct parser *p, const char *name, unsigned line, const struct setting *settings,
                      struct diags *diags) {
    struct manifest_subject subject = {
        .file = p->manifest->file, .name = name, .line = line, .settings = settings, .diags = diags};
    struct app_config config = {0};
    if (!manifest_resolve_subject(&subject, &config))
        p->is_good = false;
    app_config_fini(&config);
}

static void add_app(struct parser *p, struct section *section) {
    struct manifest *manifest = p->manifest;
    struct merge merge = merge_of(p, section->name, manifest->profile);
    struct setting *settings = manifest_memory_new(&manifest->chunks, manifest_app_key_count * sizeof(*settings));
    if (!settings) {
        out_of_memory(p);
        return;
    }
    section->app = manifest->app_count++;
    struct manifest_app *app = &manifest->apps[section->app];
    *app = (struct manifest_app){.name = section->name, .line = merge.line, .settings = settings};
    merge_settings(&merge, settings);
    merge_layers(&merge, app->layers);
    judge_app(p, app->name, app->line, settings, p->diags);
}

/* The first of the sections that make an app, which stands for it; NULL when there is none. */
static struct section *section_of_app(const struct parser *p, const char *name) {
    struct overlay overlay = overlay_of(p, SECTION_APP, name, p->manifest->profile);
    if (!overlay.base || (overlay.profile && overlay.profile < overlay.base))
        return overlay.profile;
    return overlay.base;
}

/* In the order in which the apps are first named. */
static void build_apps(struct parser *p) {
    struct manifest *manifest = p->manifest;
    size_t count = 0;
    for (size_t i = 0; i < p->section_count; i++)
        count += is_active(&p->sections[i], manifest->profile);
    manifest->apps = calloc(count ? count : 1, sizeof(*manifest->apps));
    if (!manifest->apps) {
        out_of_memory(p);
        return;
    }
    for (size_t i = 0; i < p->section_count; i++) {
        struct section *section = &p->sections[i];
        if (is_active(section, manifest->profile) && section_of_app(p, section->name) == section)
            add_app(p, section);
    }
}

/* A section of a profile that is not in use: what it would make of its app, as far as its own lines are to blame. */
static void judge_idle_section(struct parser *p, const struct section *section) {
    struct setting *settings = calloc(manifest_app_key_count, sizeof(*settings));
    if (!settings) {
        out_of_memory(p);
        return;
    }
    struct merge merge = merge_of(p, section->name, section->profile);
    struct diags diags = {0};
    bool was_good = p->is_good;
    merge_settings(&merge, settings);
    judge_app(p, section->name, merge.line, settings, &diags);
    p->is_good = was_good;
    for (size_t i = 0; i < diags.count; i++)
        if (diags.list[i].line >= section->line && diags.list[i].line <= section->last_line)
            MISTAKE(p, diags.list[i].line, "%s", diags.list[i].text);
    diags_fini(&diags);
    free(settings);
}

static void judge_idle_sections(struct parser *p) {
    for (size_t i = 0; i < p->section_count; i++)
        if (p->sections[i].kind == SECTION_APP && !p->sections[i].is_again &&
            !is_active(&p->sections[i], p->manifest->profile))
            judge_idle_section(p, &p->sections[i]);
}

/* The profile */

/* Appends the profiles that there are, each once. */
static void print_profiles(const struct parser *p, struct text *out) {
    for (size_t i = 0; i < p->section_count; i++) {
        const char *profile = p->sections[i].profile;
        bool is_first = profile != NULL;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = !text_is_same(p->sections[k].profile, profile);
        if (is_first)
            text_printf(out, "%s%s", out->len > 0 ? ", " : "", profile);
    }
}

static bool has_profile(const struct parser *p, const char *profile) {
    for (size_t i = 0; i < p->section_count; i++)
        if (p->sections[i].profile && strcmp(p->sections[i].profile, profile) == 0)
            return true;
    return false;
}

static void judge_profile(struct parser *p) {
    const char *profile = p->manifest->profile;
    if (!profile || has_profile(p, profile))
        return;
    TEXT_AUTO struct text profiles = {0};
    print_profiles(p, &profiles);
    MISTAKE(p, 0, "no section is for the profile %s (there are: %s)", profile,
            profiles.len > 0 ? text_get(&profiles) : "none");
}

static void judge_count(struct parser *p) {
    if (p->manifest->app_count > 0 || !p->is_good)
        return;
    TEXT_AUTO struct text profiles = {0};
    print_profiles(p, &profiles);
    if (profiles.len > 0 && !p->manifest->profile)
        MISTAKE(p, 0, "no app without a profile (there are: %s)", text_get(&profiles));
    else
        MISTAKE(p, 0, "no app: write a section [app:NAME] with a command");
}

/* Dependencies */

static const char NAME_SEPARATORS[] = ", \t\n";

/* Takes the next name out of a list of names, with the line of the list that it stands in. */
static bool next_name(const char **list, unsigned *line, struct text *name) {
    for (; **list && strchr(NAME_SEPARATORS, **list); (*list)++)
        *line += **list == '\n';
    size_t len = strcspn(*list, NAME_SEPARATORS);
    text_clear(name);
    text_append(name, *list, len);
    *list += len;
    return len > 0;
}

/* Why there is no such app. */
static void refuse_dependency(struct parser *p, unsigned line, const char *name) {
    struct manifest *manifest = p->manifest;
    if (p->diags->count >= LIMIT_DIAGS) { /* nobody will read it: it is only counted */
        MISTAKE(p, line, "depends_on: no app %s", name);
        return;
    }
    const char **names = calloc(manifest->app_count + 1, sizeof(*names));
    for (size_t i = 0; names && i < manifest->app_count; i++)
        names[i] = manifest->apps[i].name;
    const char *near = names ? diag_nearest_name(name, names) : NULL;
    const char *elsewhere = NULL;
    for (size_t i = 0; i < p->section_count; i++)
        if (p->sections[i].kind == SECTION_APP && strcmp(p->sections[i].name, name) == 0)
            elsewhere = p->sections[i].profile;
    if (elsewhere)
        MISTAKE(p, line, "depends_on: no app %s (it is in the profile %s alone)", name, elsewhere);
    else if (near)
        MISTAKE(p, line, "depends_on: no app %s (did you mean %s?)", name, near);
    else
        MISTAKE(p, line, "depends_on: no app %s", name);
    free(names);
}

static void link_app(struct parser *p, size_t index, struct plan_app *plan) {
    const struct manifest_app *app = &p->manifest->apps[index];
    struct setting setting = manifest_setting(app, "depends_on");
    if (!setting.text)
        return;
    /* A name and a separator are two bytes at least. */
    size_t *deps = manifest_memory_new(&p->scratch, (strlen(setting.text) / 2 + 1) * sizeof(*deps));
    if (!deps) {
        out_of_memory(p);
        return;
    }
    TEXT_AUTO struct text name = {0};
    for (const char *list = setting.text; next_name(&list, &setting.line, &name);) {
        const struct section *section = section_of_app(p, text_get(&name));
        if (section && section->app != index) /* itself: said by the rules of one app */
            deps[plan->dep_count++] = section->app;
        else if (!section && manifest_is_name(text_get(&name)))
            refuse_dependency(p, setting.line, text_get(&name));
    }
    plan->deps = deps;
}

static void refuse_cycle(struct parser *p, const size_t *cycle, size_t len) {
    TEXT_AUTO struct text way = {0};
    for (size_t i = 0; i <= len; i++)
        text_printf(&way, "%s%s", i > 0 ? " -> " : "", p->manifest->apps[cycle[i % len]].name);
    MISTAKE(p, manifest_setting(&p->manifest->apps[cycle[0]], "depends_on").line, "depends_on: a cycle: %s",
            text_get(&way));
}

static void judge_dependencies(struct parser *p) {
    size_t count = p->manifest->app_count;
    struct plan_app *plan = calloc(count + 1, sizeof(*plan));
    size_t *order = calloc(count + 1, 2 * sizeof(*order));
    unsigned char *seen = calloc(count + 1, 1);
    if (!plan || !order || !seen) {
        out_of_memory(p);
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        link_app(p, i, &plan[i]);
    size_t *cycle = order + count;
    size_t len = 0;
    while (!plan_order(plan, count, order, seen, cycle, &len)) {
        refuse_cycle(p, cycle, len);
        plan[cycle[0]].dep_count = 0; /* cut there, to see the next one */
    }
out:
    free(plan);
    free(order);
    free(seen);
}

/* The whole */

/* What the passes found, from the first on, in the order of the file; what has no line stands last. */
static void sort_diags(struct diags *diags, size_t first) {
    for (size_t i = first + 1; i < diags->count; i++) {
        struct diag diag = diags->list[i];
        size_t k = i;
        for (; k > first && diags->list[k - 1].line - 1 > diag.line - 1; k--)
            diags->list[k] = diags->list[k - 1];
        diags->list[k] = diag;
    }
}

static bool name_manifest(struct parser *p, const char *file, const char *dir, const char *profile) {
    struct manifest *manifest = p->manifest;
    manifest->file = keep(p, file);
    manifest->dir = keep(p, dir);
    manifest->profile = profile ? keep(p, profile) : NULL;
    return p->is_good;
}

bool manifest_parse(const char *bytes, size_t len, const char *file, const char *dir, const char *profile,
                    const struct env *environment, struct manifest *out, struct diags *diags) {
    *out = (struct manifest){0};
    struct parser p = {.manifest = out, .environment = environment, .diags = diags, .is_good = true};
    size_t diags_before = diags->count;
    if (!name_manifest(&p, file, dir, profile))
        return false;

    struct inifile_sink sink = {.section = on_section, .setting = on_setting, .context = &p};
    if (!inifile_read(bytes, len, out->file, &sink, diags))
        p.is_good = false;
    judge_profile(&p);
    build_supervisor(&p);
    build_apps(&p);
    judge_idle_sections(&p);
    judge_dependencies(&p);
    judge_count(&p);

    sort_diags(diags, diags_before);
    free(p.sections);
    manifest_memory_fini(&p.scratch);
    return p.is_good;
}
