#include "daemon/manager.h"

#include <stdlib.h>
#include <string.h>

#include "host/notify.h"

/* `2/3 ready, backend starting`: the count, and the first that is not. */
static void manager_status(const struct supervisor *supervisor, struct text *out) {
    size_t wanted = 0;
    size_t up = 0;
    struct instance_view first = {0};
    for (size_t i = 0; i < supervisor_count(supervisor); i++) {
        struct instance_view view = supervisor_view(supervisor, i);
        enum phase phase = view.life->phase;
        bool is_up = phase == PHASE_READY || phase == PHASE_DONE;
        if (!is_up && !view.wanted)
            continue;
        wanted++;
        up += is_up;
        if (!is_up && !first.name)
            first = view;
    }
    text_printf(out, "STATUS=%zu/%zu ready", up, wanted);
    if (first.name)
        text_printf(out, ", %s %s", first.name, phase_word(first.life->phase));
}

static void manager_tell(struct loop_post *post) {
    struct manager *manager = LOOP_CONTAINER(post, struct manager, post);
    struct text state TEXT_AUTO = {0};
    const char *now = supervisor_state(manager->supervisor);
    if (!manager->is_ready && strcmp(now, "ready") == 0) {
        manager->is_ready = true;
        text_str(&state, "READY=1\n");
    }
    if (!manager->is_stopping && strcmp(now, "stopping") == 0) {
        manager->is_stopping = true;
        text_str(&state, "STOPPING=1\n");
    }
    manager_status(manager->supervisor, &state);
    notify_manager(text_get(&state));
}

static void manager_changed(struct supervisor_watch *watch, const struct supervisor_event *event) {
    (void)event;
    struct manager *manager = LOOP_CONTAINER(watch, struct manager, watch);
    loop_post(supervisor_loop(manager->supervisor), &manager->post, manager_tell);
}

void manager_init(struct manager *manager, struct supervisor *supervisor) {
    *manager = (struct manager){.watch.changed = manager_changed, .supervisor = supervisor};
    if (getenv("NOTIFY_SOCKET"))
        supervisor_watch(supervisor, &manager->watch);
}

void manager_fini(struct manager *manager) {
    if (manager->supervisor)
        loop_post_cancel(supervisor_loop(manager->supervisor), &manager->post);
}
