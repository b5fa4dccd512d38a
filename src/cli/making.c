#include "cli/making.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/unit_place.h"
#include "core/value.h"

void making_fini(struct making *making) {
    free(making->program);
    free(making->user);
    text_fini(&making->text);
    text_fini(&making->name);
    text_fini(&making->path);
    diags_fini(&making->diags);
}

bool making_is_of_manager(const struct making *making) {
    return making->spec.identity == UNIT_OF_MANAGER;
}

/* ---- whose it is ------------------------------------------------------------------------------------------------ */

/* The owner of the manifest; of one that root owns, whoever asks, behind sudo too. So the unit that is printed for a
 * user is the one that sudo installs. */
static uid_t making_owner(const struct session *session) {
    const char *sudo = getenv("SUDO_UID");
    struct stat st;
    if (stat(session->path, &st) == 0 && st.st_uid != 0)
        return st.st_uid;
    if (getuid() != 0 || !sudo)
        return getuid();
    int64_t uid = 0;
    struct text unused TEXT_AUTO = {0};
    return value_parse_int(sudo, 0, UINT32_MAX - 1, &uid, &unused) ? (uid_t)uid : 0;
}

/* Whether one of an app's keys names somebody else than entry. */
static bool names_other(struct setting setting, const char *name, int64_t number) {
    int64_t written;
    struct text unused TEXT_AUTO = {0};
    return setting.text && strcmp(setting.text, name) != 0 &&
           !(value_parse_int(setting.text, 0, UINT32_MAX, &written, &unused) && written == number);
}

/* The first app that is to run as somebody else; NULL when there is none. */
static const struct manifest_app *making_find_other(const struct making *making, const struct passwd *entry) {
    const struct manifest *manifest = &making->session->manifest;
    const struct group *group = getgrgid(entry->pw_gid);
    for (size_t i = 0; i < manifest->app_count; i++)
        if (names_other(manifest_setting(&manifest->apps[i], "user"), entry->pw_name, entry->pw_uid) ||
            names_other(manifest_setting(&manifest->apps[i], "group"), group ? group->gr_name : "", entry->pw_gid))
            return &manifest->apps[i];
    return NULL;
}

static unsigned other_line(const struct manifest_app *app) {
    struct setting user = manifest_setting(app, "user");
    return user.text ? user.line : manifest_setting(app, "group").line;
}

/* Root's supervisor is the only one that can do that; but then root is who apps without a user run as. */
static void making_become_root(struct making *making, const struct manifest_app *because) {
    const struct manifest *manifest = &making->session->manifest;
    making->spec.identity = UNIT_OF_ROOT;
    diags_add(&making->diags, DIAG_NOTE, manifest->file, other_line(because),
              "upkeep itself runs as root, as %s has a user or group of its own", because->name);
    for (size_t i = 0; i < manifest->app_count; i++)
        if (!manifest_setting(&manifest->apps[i], "user").text)
            diags_add(&making->diags, DIAG_WARNING, manifest->file, manifest->apps[i].line,
                      "%s has no user, and will run as root", manifest->apps[i].name);
}

static int making_identify(struct making *making) {
    bool is_user = making->session->invocation->options.given[OPTION_USER];
    uid_t uid = is_user ? getuid() : making_owner(making->session);
    const struct passwd *entry = getpwuid(uid);
    if (!entry)
        return code_fail(CODE_FAILED, "user %u, who the apps would run as, has no name on this machine", (unsigned)uid);
    const struct manifest_app *other = uid == 0 ? NULL : making_find_other(making, entry);
    if (other && is_user)
        return code_fail(CODE_FAILED, "%s:%u: %s has a user or group of its own, which takes a unit of the system's",
                         making->session->manifest.file, other_line(other), other->name);
    making->user = strdup(other ? "root" : entry->pw_name);
    making->spec.identity = is_user ? UNIT_OF_MANAGER : uid == 0 ? UNIT_OF_ROOT : UNIT_OF_USER;
    making->spec.user = making->user;
    if (other)
        making_become_root(making, other);
    else if (making->spec.identity == UNIT_OF_ROOT)
        diags_add(&making->diags, DIAG_NOTE, making->session->manifest.file, 0,
                  "the apps will run as root; as the user who owns this file, when that is another");
    return making->user ? CODE_DONE : code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
}

/* ---- making it -------------------------------------------------------------------------------------------------- */

static int making_program(struct making *making) {
    making->program = realpath("/proc/self/exe", NULL);
    making->spec.program = making->program;
    if (!making->program || access(making->program, X_OK) < 0)
        return code_fail(CODE_FAILED, "cannot tell where this upkeep is (was it replaced just now?)");
    if (!unit_is_program(making->program))
        return code_fail(CODE_FAILED, "systemd does not run a program whose path holds a quote or a backslash: %s",
                         making->program);
    return CODE_DONE;
}

static int making_path(struct making *making) {
    struct text error TEXT_AUTO = {0};
    unit_file_name(making->spec.name, &making->name);
    if (!unit_place_folder(making_is_of_manager(making), &making->path, &error))
        return code_fail(CODE_FAILED, "%s", text_get(&error));
    text_printf(&making->path, "/%s", text_get(&making->name));
    return CODE_DONE;
}

int making_make(struct making *making) {
    struct session *session = making->session;
    making->spec.manifest = session->path;
    int code = making_identify(making);
    if (code == CODE_DONE)
        code = making_program(making);
    if (code != CODE_DONE)
        return code;
    if (!session->invocation->local->unit_survey(&session->manifest, making->user, &making->spec, &making->diags))
        return code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    unit_print(&making->spec, &making->text);
    code = making_path(making);
    if (code == CODE_DONE && (making->text.failed || making->path.failed))
        code = code_fail(CODE_FAILED, "%s", strerror(ENOMEM));
    return code;
}
