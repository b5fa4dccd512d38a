#include "cli/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/code.h"
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/handlers.h"
#include "cli/making.h"
#include "cli/unit_place.h"

/* Whether the file is ours for this manifest: so says its first line. */
static bool is_ours(const struct making *making, const char *installed) {
    size_t len = strcspn(installed, "\n");
    return strncmp(installed, text_get(&making->text), len + 1) == 0;
}

/* What must not be written over: somebody else's unit, or one that ours would hide. */
static int install_refuse(const struct making *making) {
    const char *name = text_get(&making->name);
    char *vendor = unit_place_vendor(making_is_of_manager(making), name);
    if (vendor) {
        int code = code_fail(CODE_FAILED, "%s would hide %s: give the stack another name in [upkeep]", name, vendor);
        free(vendor);
        return code;
    }
    char *installed = NULL;
    if (making->session->invocation->local->read_file(text_get(&making->path), &installed) < 0)
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
    if ((error == -EACCES || error == -EPERM) && !making_is_of_manager(making))
        return code_fail(CODE_FAILED, "cannot write %s: %s (with sudo it goes, and the apps still run as %s)", path,
                         strerror(-error), making->user);
    return error < 0 ? code_fail(CODE_FAILED, "cannot write %s: %s", path, strerror(-error)) : CODE_DONE;
}

/* What to type now. A supervisor that runs already holds the lock, and the unit's would be refused. */
static void install_print_next(const struct making *making) {
    static char is_active[] = "is-active";
    bool is_user = making_is_of_manager(making);
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
        int r = unit_place_systemctl(making_is_of_manager(making), daemon_reload, NULL);
        if (r != 0)
            return code_fail(CODE_FAILED, "%s is written, but systemd did not read it (systemctl%s daemon-reload: %s)",
                             text_get(&making->path), making_is_of_manager(making) ? " --user" : "",
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
