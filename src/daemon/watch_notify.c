/* notify: an sd_notify(3) socket of the instance's own. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/notify_message.h"
#include "daemon/watch.h"
#include "host/holder.h"
#include "host/notify.h"
#include "host/tree.h"

struct notify_watch {
    struct notify_socket socket;
    struct readiness *readiness;
};

static bool is_gone(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH;
}

/* A sender that still lives must be of the tree. One that has sent and ended at once (`systemd-notify --no-block` in a
 * script) can no longer be placed; it is believed when its user is root or that of the main process, who could both do
 * as they like with the app anyway. systemd drops such messages, and the start then fails now and then. */
static bool is_of_tree(const struct readiness *readiness, const struct notify_datagram *datagram) {
    if (datagram->pid <= 0)
        return false;
    uint32_t tag = datagram->pid == readiness->pid ? readiness->tag : tree_tag_of(datagram->pid);
    if (tag != 0 || !is_gone(datagram->pid))
        return tag == readiness->tag;
    struct holder main;
    return datagram->uid == 0 || (holder_describe(readiness->pid, &main) && main.uid == datagram->uid);
}

static void note_stranger(struct readiness *readiness, const struct notify_datagram *datagram) {
    struct holder sender = {.pid = datagram->pid, .uid = datagram->uid};
    (void)holder_describe(datagram->pid, &sender);
    text_clear(&readiness->answer);
    text_str(&readiness->answer, "a message of ");
    holder_print(&sender, &readiness->answer);
    text_str(&readiness->answer, ", which is not of this app, was ignored");
}

static void take_main_pid(struct readiness *readiness, pid_t pid) {
    if (pid <= 0 || pid == readiness->pid || tree_tag_of(pid) != readiness->tag)
        return;
    readiness->pid = pid;
    readiness->events->main_pid(readiness->context, pid);
}

static void on_message(struct notify_socket *socket, const struct notify_datagram *datagram) {
    struct notify_watch *watch = LOOP_CONTAINER(socket, struct notify_watch, socket);
    struct readiness *readiness = watch->readiness;
    if (!is_of_tree(readiness, datagram)) {
        note_stranger(readiness, datagram);
        return;
    }
    struct notify_message message;
    notify_message_parse(datagram->bytes, datagram->len, &message);
    take_main_pid(readiness, message.main_pid);
    if (message.has_status)
        readiness->events->status(readiness->context, message.status);
    if (message.ready && readiness->verdict == WATCH_UNDECIDED) {
        text_str(&readiness->sentence, "notified READY=1");
        readiness_report(readiness, WATCH_READY);
    }
    if (message.stopping)
        readiness->events->stopping(readiness->context);
}

static int prepare(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct notify_watch *watch = readiness->state;
    watch->readiness = readiness;
    int result = notify_open(&watch->socket, readiness->runtime_dir, readiness->name);
    if (result < 0) {
        text_printf(error, "cannot open a notify socket in %s: %s", readiness->runtime_dir, strerror(-result));
        return result;
    }
    static const char variable[] = "NOTIFY_SOCKET";
    if (!env_set(request->env, variable, sizeof variable - 1, watch->socket.address, ENV_ORIGIN_UPKEEP, 0)) {
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    text_str(&readiness->answer, "READY=1 did not come");
    return 0;
}

static void start(struct readiness *readiness) {
    struct notify_watch *watch = readiness->state;
    notify_listen(&watch->socket, readiness->loop, on_message);
}

static void stop(struct readiness *readiness) {
    struct notify_watch *watch = readiness->state;
    notify_close(&watch->socket);
}

const struct watch watch_notify = {
    .state_bytes = sizeof(struct notify_watch), .prepare = prepare, .start = start, .stop = stop, .goes_on = true};
