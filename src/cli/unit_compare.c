#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/making.h"
#include "cli/unit.h"
#include "cli/unit_place.h"
#include "core/unit_drift.h"

enum { DROP_INS = 64 }; /* of one unit; more are not looked at */

/* The unit file and its drop-ins, as systemd reads them. */
struct installed {
    struct unit_source sources[DROP_INS + 1];
    char *files[DROP_INS + 1];
    size_t count;
};

static void installed_add(struct installed *installed, const struct session *session, const char *path) {
    char *bytes = NULL;
    char *file = strdup(path);
    int error = session->invocation->local->read_file(path, &bytes);
    if (error < 0 || !file || installed->count > DROP_INS) {
        free(bytes);
        free(file);
        return;
    }
    installed->files[installed->count] = file;
    installed->sources[installed->count++] = (struct unit_source){file, bytes, strlen(bytes)};
}

static bool ends_with(const struct dirent *entry, const char *end) {
    size_t len = strlen(entry->d_name);
    return len > strlen(end) && strcmp(entry->d_name + len - strlen(end), end) == 0;
}

static int is_drop_in(const struct dirent *entry) {
    return ends_with(entry, ".conf");
}

static int is_service(const struct dirent *entry) {
    return ends_with(entry, ".service");
}

static void installed_read(struct installed *installed, const struct session *session, const char *path) {
    installed_add(installed, session, path);
    struct text folder TEXT_AUTO = {0};
    text_printf(&folder, "%s.d", path);
    struct dirent **entries = NULL;
    int count = scandir(text_get(&folder), &entries, is_drop_in, alphasort);
    for (int i = 0; i < count; i++) {
        struct text drop_in TEXT_AUTO = {0};
        text_printf(&drop_in, "%s/%s", text_get(&folder), entries[i]->d_name);
        installed_add(installed, session, text_get(&drop_in));
        free(entries[i]);
    }
    free(entries);
}

static void installed_fini(struct installed *installed) {
    for (size_t i = 0; i < installed->count; i++) {
        free(installed->files[i]);
        free((char *)installed->sources[i].bytes);
    }
}

static void take_findings(struct diags *diags, const struct diags *more) {
    for (size_t i = 0; i < more->count; i++)
        diags_add(diags, more->list[i].severity, more->list[i].file, more->list[i].line, "%s", more->list[i].text);
}

/* ---- units that are there --------------------------------------------------------------------------------------- */

static void judge_harm(struct making *making, const struct installed *installed, struct diags *diags) {
    const char *file = installed->files[0];
    unit_harm(text_get(&making->text), installed->sources, installed->count, diags);
    const char *name = strrchr(file, '/') + 1;
    if (strcmp(name, text_get(&making->name)) == 0)
        return;
    size_t before = diags->count;
    struct text advice TEXT_AUTO = {0};
    diags_add(diags, DIAG_NOTE, file, 0, "runs this manifest under another name than upkeep unit would (%s)",
              text_get(&making->name));
    text_printf(&advice, "name = %.*s in [upkeep]; or systemctl %sdisable --now %s, and then upkeep unit --install",
                (int)(strlen(name) - strlen(".service")), name, making_is_of_manager(making) ? "--user " : "", name);
    diags_advise(diags, before, text_get(&advice));
}

static int look_at_unit(struct making *making, const char *path, struct diags *diags) {
    struct installed installed = {0};
    int code = CODE_DONE;
    installed_read(&installed, making->session, path);
    if (installed.count > 0 && unit_runs(installed.sources, installed.count, making->session->path)) {
        if (making->text.len == 0)
            code = making_make(making);
        if (code == CODE_DONE)
            judge_harm(making, &installed, diags);
    }
    installed_fini(&installed);
    return code;
}

/* All that run the manifest. */
static int look_at_units(struct making *making, struct diags *diags) {
    struct text folder TEXT_AUTO = {0};
    struct text unused TEXT_AUTO = {0};
    struct dirent **entries = NULL;
    int code = CODE_DONE;
    bool has_folder = unit_place_folder(making->session->invocation->options.given[OPTION_USER], &folder, &unused);
    int count = has_folder ? scandir(text_get(&folder), &entries, is_service, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        struct text path TEXT_AUTO = {0};
        text_printf(&path, "%s/%s", text_get(&folder), entries[i]->d_name);
        if (code == CODE_DONE)
            code = look_at_unit(making, text_get(&path), diags);
        free(entries[i]);
    }
    free(entries);
    return code;
}

int unit_look(struct session *session, struct diags *diags) {
    struct making making = {.session = session};
    int code = look_at_units(&making, diags);
    making_fini(&making);
    return code;
}

/* ---- the unit that should be there ------------------------------------------------------------------------------ */

/* One that runs the manifest under another name is what was meant, or will be in the way. */
static int compare_missing(struct making *making, struct diags *diags) {
    const char *path = text_get(&making->path);
    diags_add(diags, DIAG_ERROR, path, 0, "cannot read the unit: %s (upkeep unit --install makes it)",
              strerror(access(path, R_OK) < 0 ? errno : ENOENT));
    return look_at_units(making, diags);
}

int unit_compare(struct session *session, struct diags *diags) {
    struct making making = {.session = session};
    int code = making_make(&making);
    if (code == CODE_DONE) {
        struct installed installed = {0};
        installed_read(&installed, session, text_get(&making.path));
        if (installed.count == 0 || strcmp(installed.files[0], text_get(&making.path)) != 0)
            code = compare_missing(&making, diags);
        else
            unit_drift(text_get(&making.text), installed.sources, installed.count, diags);
        size_t before = diags->count;
        take_findings(diags, &making.diags);
        diags_advise(diags, before, "say it in the manifest, when it matters");
        installed_fini(&installed);
    }
    making_fini(&making);
    return code;
}

static void find_unit(const struct session *session, const char *path, struct unit_found *found) {
    struct installed installed = {0};
    installed_read(&installed, session, path);
    if (installed.count > 0 && unit_runs(installed.sources, installed.count, session->path)) {
        text_str(&found->name, strrchr(path, '/') + 1);
        unit_print_user(installed.sources, installed.count, &found->user);
    }
    installed_fini(&installed);
}

static void find_in(const struct session *session, const char *folder, struct unit_found *found) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_service, alphasort);
    for (int i = 0; i < count; i++) {
        struct text path TEXT_AUTO = {0};
        text_printf(&path, "%s/%s", folder, entries[i]->d_name);
        if (found->name.len == 0)
            find_unit(session, text_get(&path), found);
        free(entries[i]);
    }
    free(entries);
}

void unit_found_fini(struct unit_found *found) {
    text_fini(&found->name);
    text_fini(&found->user);
}

bool unit_find(const struct session *session, struct unit_found *found) {
    for (int is_of_user = 0; is_of_user <= 1 && unit_place_is_booted() && found->name.len == 0; is_of_user++) {
        struct text folder TEXT_AUTO = {0};
        struct text unused TEXT_AUTO = {0};
        found->is_of_user = is_of_user == 1;
        if (unit_place_folder(found->is_of_user, &folder, &unused))
            find_in(session, text_get(&folder), found);
    }
    return found->name.len > 0;
}
