/* From an app's command to what it runs in the end: through a shell's line and the scripts of package.json. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/lint.h"
#include "core/shell_line.h"
#include "host/fs.h"
#include "local/check.h"

enum {
    PACKAGE_JSON_MAX = 1 << 20,
    WALK_DEPTH = 4, /* scripts that run scripts */
};

struct walk {
    const struct check *check;
    const struct check_app *app;
    check_each_step *each;
};

/* Where a line is read. What becomes unknown on the way stays so to its end. */
struct place {
    const char *script;
    struct text folder;
    struct text programs;
    bool has_folder;
    bool has_programs;
    bool is_shells;
    bool is_followed; /* the present step */
    unsigned depth;
};

static void place_fini(struct place *place) {
    text_fini(&place->folder);
    text_fini(&place->programs);
}

bool check_has_file(const char *folder, const char *name) {
    struct text path TEXT_AUTO = {0};
    text_path(&path, folder, name);
    return !path.failed && fs_mtime_ms(text_get(&path)) >= 0;
}

void *check_package(const struct check *check, const char *folder, struct text *error) {
    struct text path TEXT_AUTO = {0};
    text_printf(&path, "%s/package.json", folder);
    char *bytes = NULL;
    size_t len = 0;
    int r = path.failed ? -ENOMEM : fs_read(text_get(&path), PACKAGE_JSON_MAX, &bytes, &len);
    if (r < 0) {
        text_printf(error, "cannot read %s: %s", check_name(check, text_get(&path)), strerror(-r));
        return NULL;
    }
    json_error_t why;
    json_t *package = json_loadb(bytes, len, 0, &why);
    free(bytes);
    if (!package)
        text_printf(error, "%s:%d: is no JSON", check_name(check, text_get(&path)), why.line);
    return package;
}

static void walk_line(const struct walk *walk, const char *line, struct place *place, bool must_work);

/* ---- npm -------------------------------------------------------------------------------------------------------- */

/* npm puts the .bin of the folder and of all above it before PATH. False where packages are not in folders (Yarn's
 * Plug'n'Play): then it is not known. */
static bool print_npm_path(const char *folder, const char *path_list, struct text *out) {
    struct text above TEXT_AUTO = {0};
    text_str(&above, folder);
    for (size_t len = above.len; len > 0; len--) {
        if (len < above.len && above.data[len] != '/')
            continue;
        above.data[len] = '\0';
        if (check_has_file(above.data, ".pnp.cjs") || check_has_file(above.data, ".pnp.js"))
            return false;
        text_printf(out, "%s/node_modules/.bin:", above.data);
    }
    text_str(out, path_list);
    return !above.failed;
}

static void walk_script(const struct walk *walk, const struct check_step *step, unsigned depth) {
    const char *folder = NULL;
    const char *name = lint_npm_script(step->words, step->count, &folder);
    if (!name || !step->folder || depth >= WALK_DEPTH || (folder && !shell_line_is_literal(folder)))
        return;
    struct place place = {.script = name, .has_folder = true, .is_shells = true, .depth = depth + 1};
    text_path(&place.folder, step->folder, folder);
    place.has_programs = step->programs && print_npm_path(text_get(&place.folder), step->programs, &place.programs);
    struct text unused TEXT_AUTO = {0};
    json_t *package = check_package(walk->check, text_get(&place.folder), &unused);
    const char *line = json_string_value(json_object_get(json_object_get(package, "scripts"), name));
    if (line)
        walk_line(walk, line, &place, step->must_work);
    json_decref(package);
    place_fini(&place);
}

/* ---- a line of a shell ------------------------------------------------------------------------------------------ */

static void find_in_line(const struct walk *walk, enum rule_id rule, const char *error) {
    check_find(walk->check, walk->app, rule, "command", NULL, "command: %s", error);
}

static void change_folder(const struct walk *walk, const struct words *words, bool must_work, struct place *place) {
    struct text to TEXT_AUTO = {0};
    struct text error TEXT_AUTO = {0};
    const char *name = words->count == 2 ? words->list[1] : "";
    place->has_folder = place->has_folder && name[0] && name[0] != '-' && shell_line_is_literal(name);
    if (!place->has_folder)
        return;
    text_path(&to, text_get(&place->folder), name);
    place->has_folder = fs_mtime_ms(text_get(&to)) >= 0;
    if (!place->has_folder && must_work) {
        text_printf(&error, "cannot enter %s: No such file or directory", name);
        find_in_line(walk, RULE_FOLDER, text_get(&error));
    }
    text_clear(&place->folder);
    text_str(&place->folder, text_get(&to));
}

/* `. .venv/bin/activate` puts that folder before PATH; of other files it is not known what they do. */
static void read_file_in(const struct walk *walk, const struct words *words, bool must_work, struct place *place) {
    static const char activate[] = "/bin/activate";
    struct text to TEXT_AUTO = {0};
    struct text error TEXT_AUTO = {0};
    struct text programs TEXT_AUTO = {0};
    const char *name = words->count == 2 ? words->list[1] : "";
    size_t len = strlen(name);
    bool is_activate = len >= sizeof activate - 1 && strcmp(name + len - (sizeof activate - 1), activate) == 0 &&
                       shell_line_is_literal(name) && place->has_folder;
    place->has_programs = place->has_programs && is_activate;
    if (!is_activate)
        return;
    text_path(&to, text_get(&place->folder), name);
    if (fs_mtime_ms(text_get(&to)) < 0) {
        place->has_programs = false;
        text_printf(&error, "cannot read %s: No such file or directory", name);
        if (must_work)
            find_in_line(walk, RULE_PROGRAM, text_get(&error));
        return;
    }
    text_append(&programs, text_get(&to), to.len - strlen("/activate"));
    text_printf(&programs, ":%s", text_get(&place->programs));
    text_clear(&place->programs);
    text_str(&place->programs, text_get(&programs));
}

static bool sets_path(const struct words *words) {
    for (size_t i = 1; i < words->count; i++)
        if (strncmp(words->list[i], "PATH=", 5) == 0)
            return true;
    return false;
}

static void walk_words(const struct walk *walk, const struct words *words, bool must_work, struct place *place);

static void walk_step(const struct walk *walk, const struct shell_step *step, bool must_work, struct place *place) {
    const char *name = step->words.list[0];
    if (strcmp(name, "cd") == 0)
        change_folder(walk, &step->words, must_work, place);
    else if (strcmp(name, ".") == 0 || strcmp(name, "source") == 0)
        read_file_in(walk, &step->words, must_work, place);
    else if (strcmp(name, "export") == 0)
        place->has_programs = place->has_programs && !sets_path(&step->words);
    else if (!shell_line_is_builtin(name))
        walk_words(walk, &step->words, must_work, place);
}

static void walk_line(const struct walk *walk, const char *string, struct place *place, bool must_work) {
    struct shell_line line = {0};
    if (shell_line_split(string, &line)) {
        for (size_t i = 0; i < line.count; i++) {
            place->is_followed = i + 1 < line.count;
            walk_step(walk, &line.steps[i], must_work && line.steps[i].must_work, place);
        }
        shell_line_fini(&line);
        return;
    }
    struct words words = {0};
    struct text unused TEXT_AUTO = {0};
    if (words_split(string, &words, &unused) && words.count > 0)
        walk->each(walk->check, walk->app,
                   &(struct check_step){.words = words.list, .count = words.count, .script = place->script});
    words_fini(&words);
}

/* ---- a simple command ------------------------------------------------------------------------------------------- */

/* The line of `sh -c LINE`. */
static const char *shell_argument(const struct words *words) {
    static const char *const shells[] = {"sh", "bash", "dash"};
    const char *name = lint_program(words->list[0]);
    for (size_t i = 0; words->count == 3 && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(name, shells[i]) == 0 && strcmp(words->list[1], "-c") == 0)
            return words->list[2];
    return NULL;
}

static void walk_words(const struct walk *walk, const struct words *words, bool must_work, struct place *place) {
    struct check_step step = {.words = words->list,
                              .count = words->count,
                              .folder = place->has_folder ? text_get(&place->folder) : NULL,
                              .programs = place->has_programs ? text_get(&place->programs) : NULL,
                              .script = place->script,
                              .is_shells = place->is_shells,
                              .must_work = must_work,
                              .is_followed = place->is_followed};
    walk->each(walk->check, walk->app, &step);
    const char *line = shell_argument(words);
    if (line && place->depth < WALK_DEPTH) {
        struct place within = {.script = place->script,
                               .has_folder = place->has_folder,
                               .has_programs = place->has_programs,
                               .is_shells = true,
                               .depth = place->depth + 1};
        text_str(&within.folder, text_get(&place->folder));
        text_str(&within.programs, text_get(&place->programs));
        walk_line(walk, line, &within, must_work);
        place_fini(&within);
    }
    walk_script(walk, &step, place->depth);
}

void check_walk(const struct check *check, const struct check_app *app, check_each_step *each) {
    const struct walk walk = {check, app, each};
    struct place place = {.has_folder = true, .has_programs = true, .is_shells = app->config.shell};
    text_str(&place.folder, app->cwd);
    text_str(&place.programs, launch_path_list(&app->env));
    if (app->config.shell) {
        walk_line(&walk, app->config.command, &place, true);
    } else {
        struct words words = {0};
        struct text unused TEXT_AUTO = {0};
        if (words_split(app->config.command, &words, &unused) && words.count > 0)
            walk_words(&walk, &words, true, &place);
        words_fini(&words);
    }
    place_fini(&place);
}
