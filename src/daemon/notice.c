/* An sd_notify(3) socket of the instance's own, and who may be heard on it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/notify_message.h"
#include "daemon/watch.h"
#include "host/holder.h"
#include "host/notify.h"
#include "host/tree.h"

static bool is_gone(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Everybody may give a process of theirs another app's tag. To speak for an app that has a user of its own takes that
 * user, besides. */
static bool is_of_its_user(const struct readiness *readiness, uid_t uid) {
    const struct proc_terms *terms = readiness->nest->terms;
    uid_t own = terms ? account_uid(&terms->account) : 0;
    return uid == 0 || own == 0 || uid == own || !terms->account.is_given;
}

/* A sender that still lives must be of the tree. One that has sent and ended at once (`systemd-notify --no-block` in a
 * script) can no longer be placed; it is believed when its user is root or that of the main process, who could both do
 * as they like with the app anyway. systemd drops such messages, and the start then fails now and then. */
static bool is_of_tree(const struct readiness *readiness, const struct notify_datagram *datagram) {
    if (datagram->pid <= 0 || !is_of_its_user(readiness, datagram->uid))
        return false;
    uint32_t tag = datagram->pid == readiness->pid ? readiness->tag : tree_tag_of(datagram->pid);
    if (tag != 0 || !is_gone(datagram->pid))
        return tag == readiness->tag;
    struct holder main;
    return datagram->uid == 0 || (holder_describe(readiness->pid, &main) && main.uid == datagram->uid);
}

static void note_stranger(struct readiness *readiness, const struct notify_datagram *datagram) {
    if (readiness->watch != &watch_notify)
        return;
    struct holder sender = {.pid = datagram->pid, .uid = datagram->uid};
    (void)holder_describe(datagram->pid, &sender);
    text_clear(&readiness->answer);
    text_str(&readiness->answer, "a message of ");
    holder_print(&sender, &readiness->answer);
    text_str(&readiness->answer, ", which is not of this app, was ignored");
}

static void take_main_pid(struct readiness *readiness, pid_t pid) {
    struct holder process;
    if (pid <= 0 || pid == readiness->pid || tree_tag_of(pid) != readiness->tag || !holder_describe(pid, &process) ||
        !is_of_its_user(readiness, process.uid))
        return;
    readiness->pid = pid;
    readiness->events->main_pid(readiness->context, pid);
}

static void on_message(struct notify_socket *socket, const struct notify_datagram *datagram) {
    struct readiness *readiness = LOOP_CONTAINER(socket, struct readiness, notice);
    if (!is_of_tree(readiness, datagram)) {
        note_stranger(readiness, datagram);
        return;
    }
    struct notify_message message;
    notify_message_parse(datagram->bytes, datagram->len, &message);
    take_main_pid(readiness, message.main_pid);
    if (message.ready && readiness->watch == &watch_notify && readiness->verdict == WATCH_UNDECIDED) {
        text_str(&readiness->sentence, "notified READY=1");
        readiness_report(readiness, WATCH_READY);
    }
    readiness->events->said(readiness->context, &message);
}

static bool export(struct env *env, const char *name, const char *value) {
    return env_set(env, name, strlen(name), value, ENV_ORIGIN_UPKEEP, 0);
}

/* No WATCHDOG_PID: sd_watchdog_enabled() would then speak to one process alone, and which of `npm`, `sh` and `node` is
 * to answer for the app is not ours to know. Without it the message of any of them counts. */
static bool export_watchdog(struct env *env, int64_t watchdog_ms) {
    char us[32];
    snprintf(us, sizeof us, "%" PRId64, watchdog_ms * 1000);
    return watchdog_ms == 0 || export(env, "WATCHDOG_USEC", us);
}

int notice_open(struct readiness *readiness, const struct app_config *config, const struct proc_terms *terms,
                struct env *env, struct text *error) {
    static const struct account ours;
    int result =
        notify_open(&readiness->notice, readiness->runtime_dir, readiness->name, terms ? &terms->account : &ours);
    if (result < 0) {
        text_printf(error, "cannot open a notify socket in %s: %s", readiness->runtime_dir, strerror(-result));
        return result;
    }
    if (export(env, "NOTIFY_SOCKET", readiness->notice.address) && export_watchdog(env, config->watchdog_ms))
        return 0;
    text_str(error, "out of memory");
    return -ENOMEM;
}

void notice_listen(struct readiness *readiness) {
    if (readiness->notice.address)
        notify_listen(&readiness->notice, readiness->loop, on_message);
}

void notice_close(struct readiness *readiness) {
    notify_close(&readiness->notice);
}
