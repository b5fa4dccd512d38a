#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/limits.h"
#include "daemon/announce.h"
#include "daemon/control.h"
#include "daemon/launch.h"
#include "daemon/leftover.h"
#include "daemon/lock.h"
#include "daemon/manager.h"
#include "daemon/say.h"
#include "daemon/supervisor.h"
#include "host/fs.h"
#include "host/proc.h"

enum { DAEMON_ECHO_MS = 20 };

/* One `upkeep run`, from the lock to the last line. */
struct daemon {
    struct loop *loop;
    struct supervisor *supervisor;
    struct control *control;
    struct announce announce;
    struct manager manager;
    struct supervisor_watch watch;
    const char *runtime_dir; /* of the supervisor's manifest */
    int lock_fd;
    int tie_fd;         /* to the manifest, by lock_manifest() */
    int terminal_fd;    /* -1: standard output is no terminal */
    int controlling_fd; /* the terminal whose end is ours; -1: none */
    int started_fd;
    struct mono asked_to_end; /* by the last signal that counted; MONO_UNSET: not yet */
};

/* ---- reading the manifest --------------------------------------------------------------------------------------- */

static char *daemon_folder_of(const char *path) {
    char *real = fs_real_path(path);
    if (!real)
        return NULL;
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0';
    return real;
}

bool daemon_load(const char *path, const char *profile, struct manifest *out, struct diags *diags) {
    char *bytes = NULL;
    size_t len = 0;
    int r = fs_read(path, LIMIT_MANIFEST_FILE, &bytes, &len);
    char *dir = r < 0 ? NULL : daemon_folder_of(path);
    bool ok = false;
    if (r < 0 || !dir) {
        diags_add(diags, DIAG_ERROR, path, 0, "cannot read the manifest: %s", strerror(r < 0 ? -r : errno));
    } else {
        struct env env = {0};
        ok = env_import(&env, environ, ENV_ORIGIN_INHERITED) &&
             manifest_parse(bytes, len, path, dir, profile, &env, out, diags);
        env_fini(&env);
    }
    free(dir);
    free(bytes);
    return ok;
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

/* timeout(1), sudo and their like send what they send to us and to our group: the same request may arrive twice. A
 * second one is meant only when there was time to see what became of the first. */
static void daemon_end(void *context, int signal) {
    struct daemon *daemon = context;
    struct mono now = loop_now(daemon->loop);
    if (mono_is_set(daemon->asked_to_end) && mono_ms_between(daemon->asked_to_end, now) < DAEMON_ECHO_MS)
        return;
    daemon->asked_to_end = now;
    supervisor_shutdown(daemon->supervisor, (struct actor){.kind = ACTOR_SIGNAL, .signal = signal});
}

/* The controlling terminal, wherever our output goes. Not when SIGHUP was ignored as we were started: then somebody
 * (nohup) wants us to outlive it. */
static int daemon_open_terminal(void) {
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
        return -1;
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

/* SIGHUP means two things: log files moved away, or the terminal has gone. */
static void daemon_hangup(void *context, int signal) {
    struct daemon *daemon = context;
    struct termios unused;
    if (daemon->controlling_fd >= 0 && tcgetattr(daemon->controlling_fd, &unused) < 0 && errno == EIO) {
        daemon_end(context, signal);
        return;
    }
    manager_reload_begins(&daemon->manager);
    output_hub_reopen(supervisor_output(daemon->supervisor));
    say(SAY_INFO, NULL, "log files opened anew");
    manager_reload_ends(&daemon->manager);
}

static void daemon_watch_signals(struct daemon *daemon) {
    static const int ends[] = {SIGTERM, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        loop_on_signal(daemon->loop, ends[i], daemon_end, daemon);
    loop_on_signal(daemon->loop, SIGHUP, daemon_hangup, daemon);
}

static void daemon_settled(void *context) {
    struct daemon *daemon = context;
    if (daemon->supervisor)
        supervisor_settled(daemon->supervisor);
}

/* ---- making ready ----------------------------------------------------------------------------------------------- */

static void daemon_say_rival(const struct daemon *daemon, const char *manifest_file, struct text *error) {
    long pid = lock_holder(daemon->runtime_dir, LOCK_SUPERVISOR, NULL);
    struct text who TEXT_AUTO = {0};
    if (pid > 0)
        text_printf(&who, " (pid %ld)", pid);
    char *stranger = leftover_stranger(daemon->runtime_dir, manifest_file);
    if (stranger)
        text_printf(error, "%s: its runtime dir %s is used by the supervisor of %s%s; set runtime_dir in one",
                    manifest_file, daemon->runtime_dir, stranger, text_get(&who));
    else
        text_printf(error, "%s: a supervisor is running already%s; see: upkeep status", manifest_file, text_get(&who));
    free(stranger);
}

/* Where the name cannot be had for another reason, the lock file alone has to do. */
static bool daemon_tie(struct daemon *daemon, const struct manifest *manifest, struct text *error) {
    pid_t holder = 0;
    daemon->tie_fd = lock_manifest(manifest, &holder);
    if (daemon->tie_fd != -EWOULDBLOCK)
        return true;
    text_printf(error, "%s: a supervisor", manifest->file);
    if (holder > 0)
        text_printf(error, " (pid %ld)", (long)holder);
    text_printf(error,
                " runs it already, with another runtime_dir than %s: write back the one that it has, and upkeep "
                "shutdown",
                daemon->runtime_dir);
    return false;
}

static bool daemon_lock(struct daemon *daemon, const struct manifest *manifest, struct text *error) {
    if (lock_make_place(manifest, error) < 0)
        return false;
    daemon->lock_fd = lock_take(daemon->runtime_dir, LOCK_SUPERVISOR, "", error);
    if (daemon->lock_fd == -EWOULDBLOCK)
        daemon_say_rival(daemon, manifest->file, error);
    return daemon->lock_fd >= 0 && daemon_tie(daemon, manifest, error);
}

static void daemon_write_state(const struct daemon *daemon, struct tag_range tags, const char *manifest_file) {
    int r = leftover_write(daemon->runtime_dir, &tags, manifest_file);
    if (r < 0)
        say(SAY_WARNING, NULL, "cannot write the state file in %s: %s", daemon->runtime_dir, strerror(-r));
}

static void daemon_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    (void)watch;
    (void)event;
}

/* The tags of new instances are written down before these have processes. */
static void daemon_moved(struct supervisor_watch *watch, const size_t *from, size_t count) {
    const struct daemon *daemon = LOOP_CONTAINER(watch, struct daemon, watch);
    bool has_new = false;
    for (size_t i = 0; i < count; i++)
        has_new = has_new || from[i] == SUPERVISOR_NEW;
    if (has_new)
        daemon_write_state(daemon, supervisor_tags(daemon->supervisor), supervisor_manifest(daemon->supervisor)->file);
}

static bool daemon_set_up(struct daemon *daemon, struct manifest *manifest, struct text *error) {
    daemon->runtime_dir = manifest->supervisor.runtime_dir;
    daemon->loop = loop_new();
    int r = daemon->loop ? proc_setup(daemon->loop, daemon_settled, daemon) : -errno;
    if (r < 0) {
        text_printf(error, "cannot set up: %s", strerror(-r));
        return false;
    }
    if (!daemon_lock(daemon, manifest, error))
        return false;
    leftover_end(daemon->runtime_dir, "an earlier supervisor");
    struct tag_range tags = supervisor_first_tags(tag_draw_base(), manifest->app_count);
    daemon_write_state(daemon, tags, manifest->file);
    daemon->supervisor = supervisor_new(daemon->loop, manifest, environ, tags.base, daemon->terminal_fd);
    if (!daemon->supervisor) {
        text_str(error, "out of memory");
        return false;
    }
    daemon->runtime_dir = supervisor_manifest(daemon->supervisor)->supervisor.runtime_dir;
    daemon->watch = (struct supervisor_watch){.changed = daemon_changed, .moved = daemon_moved};
    supervisor_watch(daemon->supervisor, &daemon->watch);
    say_setup(daemon->terminal_fd >= 0 ? supervisor_output(daemon->supervisor) : NULL, daemon->loop);
    daemon->control = control_new(daemon->supervisor, error);
    return daemon->control != NULL;
}

/* Answers the `upkeep start` that waits for us, with a line of why not when error is not NULL. */
static void daemon_report_start(struct daemon *daemon, const char *error) {
    if (daemon->started_fd < 0)
        return;
    if (dprintf(daemon->started_fd, "%s\n", error ? error : "") < 0)
        say(SAY_WARNING, NULL, "upkeep start no longer waits: %s", strerror(errno));
    close(daemon->started_fd);
}

void daemon_refuse(const char *why, int code) {
    manager_refuse(why, code);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static void daemon_start_apps(struct daemon *daemon, char *const *apps, size_t app_count) {
    struct supervisor *supervisor = daemon->supervisor;
    struct actor actor = {.kind = ACTOR_USER, .uid = getuid(), .pid = getpid()};
    if (app_count == 0) {
        supervisor_start_auto(supervisor, actor);
        return;
    }
    bool *set = calloc(supervisor_count(supervisor) + 1, sizeof *set);
    if (!set)
        return;
    for (size_t i = 0; i < app_count; i++)
        supervisor_select(supervisor, apps[i], set);
    supervisor_start(supervisor, set, actor);
    free(set);
}

static void daemon_fini(struct daemon *daemon) {
    if (daemon->control)
        control_free(daemon->control);
    manager_fini(&daemon->manager);
    say_setup(NULL, daemon->loop);
    if (daemon->supervisor)
        leftover_remove(daemon->runtime_dir);
    supervisor_free(daemon->supervisor);
    say_setup(NULL, NULL);
    if (daemon->loop)
        loop_free(daemon->loop);
    if (daemon->controlling_fd >= 0)
        close(daemon->controlling_fd);
    if (daemon->lock_fd >= 0)
        close(daemon->lock_fd);
    if (daemon->tie_fd >= 0)
        close(daemon->tie_fd);
}

int daemon_run(struct manifest *manifest, char *const *apps, size_t app_count, int started_fd) {
    struct daemon daemon = {
        .lock_fd = -1,
        .tie_fd = -1,
        .terminal_fd = isatty(STDOUT_FILENO) ? STDOUT_FILENO : -1,
        .controlling_fd = daemon_open_terminal(),
        .started_fd = started_fd,
        .asked_to_end = MONO_UNSET,
    };
    say_setup(NULL, NULL);
    struct text error TEXT_AUTO = {0};
    if (!daemon_set_up(&daemon, manifest, &error)) {
        if (started_fd < 0) {
            say(SAY_ERROR, NULL, "%s", text_get(&error));
            manager_refuse(text_get(&error), 1);
        }
        daemon_report_start(&daemon, text_get(&error));
        daemon_fini(&daemon);
        return 1;
    }
    daemon_watch_signals(&daemon);
    announce_init(&daemon.announce, daemon.supervisor);
    if (started_fd < 0) {
        manager_init(&daemon.manager, daemon.supervisor);
        daemon_start_apps(&daemon, apps, app_count);
    }
    daemon_report_start(&daemon, NULL);
    loop_run(daemon.loop);
    int code = supervisor_exit_code(daemon.supervisor);
    manager_end(&daemon.manager, code);
    daemon_fini(&daemon);
    return code;
}
