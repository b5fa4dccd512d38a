#include "cli/unit.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/handlers.h"
#include "cli/unit_place.h"
#include "core/limits.h"
#include "core/unit.h"
#include "core/unit_drift.h"
#include "core/value.h"

/* One unit in the making. */
struct making {
    struct session *session;
    struct unit_spec spec;
    char *program;
    char *user;         /* who the apps will run as */
    struct text text;   /* the unit */
    struct text name;   /* NAME.service */
    struct text path;   /* where it is, or is to be, installed */
    struct diags diags; /* what will differ */
};

static void making_fini(struct making *making) {
    free(making->program);
    free(making->user);
    text_fini(&making->text);
    text_fini(&making->name);
    text_fini(&making->path);
    diags_fini(&making->diags);
}

static bool is_of_manager(const struct making *making) {
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

static int making_identify(struct making *making) {
    bool is_user = making->session->invocation->options.given[OPTION_USER];
    uid_t uid = is_user ? getuid() : making_owner(making->session);
    const struct passwd *entry = getpwuid(uid);
    if (!entry)
        return code_fail(CODE_FAILED, "user %u, who the apps would run as, has no name on this machine", (unsigned)uid);
    making->user = strdup(entry->pw_name);
    making->spec.identity = is_user ? UNIT_OF_MANAGER : uid == 0 ? UNIT_OF_ROOT : UNIT_OF_USER;
    making->spec.user = making->user;
    if (making->spec.identity == UNIT_OF_ROOT)
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
    if (!unit_place_folder(is_of_manager(making), &making->path, &error))
        return code_fail(CODE_FAILED, "%s", text_get(&error));
    text_printf(&making->path, "/%s", text_get(&making->name));
    return CODE_DONE;
}

/* Everything about the unit that the session's manifest should have now. */
static int making_make(struct making *making) {
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

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* The whole file, heap; NULL with errno. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    struct text text TEXT_AUTO = {0};
    char buffer[4096];
    for (size_t n = 0; (n = fread(buffer, 1, sizeof buffer, file)) > 0 && text.len < LIMIT_MANIFEST_FILE;)
        text_append(&text, buffer, n);
    int error = ferror(file) ? EIO : ENOMEM;
    bool is_whole = !ferror(file);
    (void)fclose(file);
    text_str(&text, "");
    char *bytes = is_whole ? text_take(&text) : NULL;
    if (!bytes)
        errno = error;
    return bytes;
}

/* ---- installing ------------------------------------------------------------------------------------------------- */

/* Whether the file is ours for this manifest: so says its first line. */
static bool is_ours(const struct making *making, const char *installed) {
    size_t len = strcspn(installed, "\n");
    return strncmp(installed, text_get(&making->text), len + 1) == 0;
}

/* What must not be written over: somebody else's unit, or one that ours would hide. */
static int install_refuse(const struct making *making) {
    const char *name = text_get(&making->name);
    char *vendor = unit_place_vendor(is_of_manager(making), name);
    if (vendor) {
        int code = code_fail(CODE_FAILED, "%s would hide %s: give the stack another name in [upkeep]", name, vendor);
        free(vendor);
        return code;
    }
    char *installed = read_file(text_get(&making->path));
    if (!installed)
        return CODE_DONE;
    bool is_fine = is_ours(making, installed);
    free(installed);
    return is_fine ? CODE_DONE
                   : code_fail(CODE_FAILED,
                               "%s is there and was not made from this manifest: remove it, or give the stack another "
                               "name in [upkeep]",
                               text_get(&making->path));
}

static int install_write(const struct making *making) {
    const char *path = text_get(&making->path);
    int error = making->session->invocation->local->write_file(path, making->text.data, making->text.len, 0644);
    if ((error == -EACCES || error == -EPERM) && !is_of_manager(making))
        return code_fail(CODE_FAILED, "cannot write %s: %s (with sudo it goes, and the apps still run as %s)", path,
                         strerror(-error), making->user);
    return error < 0 ? code_fail(CODE_FAILED, "cannot write %s: %s", path, strerror(-error)) : CODE_DONE;
}

/* What to type now. A supervisor that runs already holds the lock, and the unit's would be refused. */
static void install_print_next(const struct making *making) {
    static char is_active[] = "is-active";
    bool is_user = is_of_manager(making);
    const char *name = text_get(&making->name);
    const char *systemctl = is_user ? "systemctl --user" : getuid() == 0 ? "systemctl" : "sudo systemctl";
    struct upkeep_client *client = NULL;
    bool is_running = session_connect(making->session, &client) == 0;
    upkeep_client_free(client);
    struct text out TEXT_AUTO = {0};
    text_printf(&out, "installed %s\n", text_get(&making->path));
    if (unit_place_is_booted() && unit_place_systemctl(is_user, is_active, making->name.data) == 0)
        text_printf(&out, "next: %s restart %s\n", systemctl, name);
    else if (is_running)
        text_printf(&out, "next: upkeep -f %s shutdown && %s enable --now %s\n", making->session->path, systemctl,
                    name);
    else
        text_printf(&out, "next: %s enable --now %s\n", systemctl, name);
    if (is_user)
        text_printf(&out, "and for a start at boot, not only while you are logged in: loginctl enable-linger %s\n",
                    making->user);
    (void)console_write(&out);
}

static int install(const struct making *making) {
    static char daemon_reload[] = "daemon-reload";
    int code = install_refuse(making);
    if (code == CODE_DONE)
        code = install_write(making);
    if (code != CODE_DONE)
        return code;
    if (!unit_place_is_booted()) {
        code_note("no systemd runs here; it will find the unit when it starts");
    } else {
        int r = unit_place_systemctl(is_of_manager(making), daemon_reload, NULL);
        if (r != 0)
            return code_fail(CODE_FAILED, "%s is written, but systemd did not read it (systemctl%s daemon-reload: %s)",
                             text_get(&making->path), is_of_manager(making) ? " --user" : "",
                             r < 0 ? strerror(-r) : "failed");
    }
    install_print_next(making);
    return CODE_DONE;
}

int unit_command(const struct invocation *invocation) {
    struct session session;
    struct making making = {.session = &session};
    bool is_install = invocation->options.given[OPTION_INSTALL];
    int code = session_load(&session, invocation);
    if (code == CODE_DONE)
        code = making_make(&making);
    if (code == CODE_DONE) {
        if (!is_install || invocation->options.given[OPTION_PRINT])
            (void)console_write(&making.text);
        findings_print_to(stderr, &making.diags);
        if (is_install)
            code = install(&making);
    }
    making_fini(&making);
    session_close(&session);
    return code;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

enum { DROP_INS = 64 }; /* of one unit; more are not looked at */

/* The unit file and its drop-ins, as systemd reads them. */
struct installed {
    struct unit_source sources[DROP_INS + 1];
    char *files[DROP_INS + 1];
    size_t count;
};

static void installed_add(struct installed *installed, const char *path) {
    char *bytes = read_file(path);
    char *file = strdup(path);
    if (!bytes || !file || installed->count > DROP_INS) {
        free(bytes);
        free(file);
        return;
    }
    installed->files[installed->count] = file;
    installed->sources[installed->count++] = (struct unit_source){file, bytes, strlen(bytes)};
}

static int is_drop_in(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static void installed_read(struct installed *installed, const char *path) {
    installed_add(installed, path);
    struct text folder TEXT_AUTO = {0};
    text_printf(&folder, "%s.d", path);
    struct dirent **entries = NULL;
    int count = scandir(text_get(&folder), &entries, is_drop_in, alphasort);
    for (int i = 0; i < count; i++) {
        struct text drop_in TEXT_AUTO = {0};
        text_printf(&drop_in, "%s/%s", text_get(&folder), entries[i]->d_name);
        installed_add(installed, text_get(&drop_in));
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

int unit_compare(struct session *session, struct diags *diags) {
    struct making making = {.session = session};
    int code = making_make(&making);
    if (code == CODE_DONE) {
        struct installed installed = {0};
        const char *path = text_get(&making.path);
        installed_read(&installed, path);
        if (installed.count == 0 || strcmp(installed.files[0], path) != 0)
            diags_add(diags, DIAG_ERROR, path, 0, "cannot read the unit: %s (upkeep unit --install makes it)",
                      strerror(access(path, R_OK) < 0 ? errno : ENOENT));
        else
            unit_drift(text_get(&making.text), installed.sources, installed.count, diags);
        take_findings(diags, &making.diags);
        installed_fini(&installed);
    }
    making_fini(&making);
    return code;
}
