#include "daemon/roster.h"

#include <stdlib.h>
#include <string.h>

void roster_fini(struct roster *roster) {
    free(roster->instances);
    free(roster->plan);
    free(roster->edges);
    free(roster->from);
    free(roster->order);
    free(roster->seen);
    free(roster->marks);
    *roster = (struct roster){0};
}

bool roster_init(struct roster *roster, size_t count, size_t edges) {
    *roster = (struct roster){
        .instances = calloc(count + 1, sizeof *roster->instances),
        .plan = calloc(count + 1, sizeof *roster->plan),
        .edges = calloc(edges + 1, sizeof *roster->edges),
        .from = calloc(count + 1, sizeof *roster->from),
        .order = calloc(count + 1, sizeof *roster->order),
        .seen = calloc(count + 1, 1),
        .marks = calloc(count + 1, sizeof *roster->marks),
    };
    if (roster->instances && roster->plan && roster->edges && roster->from && roster->order && roster->seen &&
        roster->marks)
        return true;
    roster_fini(roster);
    return false;
}

struct instance *roster_find(const struct roster *roster, const char *name) {
    for (size_t i = 0; i < roster->count; i++)
        if (strcmp(roster->instances[i]->name, name) == 0)
            return roster->instances[i];
    return NULL;
}

static bool roster_has_edge(const size_t *edges, size_t count, size_t to) {
    for (size_t i = 0; i < count; i++)
        if (edges[i] == to)
            return true;
    return false;
}

/* Adds the instances of these names to the count edges there are. Returns how many there are then. */
static size_t roster_add_edges(const struct roster *roster, const struct instance *of, const struct list *names,
                               size_t *edges, size_t count) {
    for (size_t i = 0; i < names->count; i++) {
        const struct instance *dep = roster_find(roster, names->items[i]);
        if (dep && dep != of && !roster_has_edge(edges, count, dep->index))
            edges[count++] = dep->index;
    }
    return count;
}

static bool roster_has_cycle(struct roster *roster) {
    for (size_t i = 0; i < roster->count; i++)
        roster->plan[i].dep_count += roster->plan[i].extra_count;
    bool has_order = plan_order(roster->plan, roster->count, roster->order, roster->seen, NULL, NULL);
    for (size_t i = 0; i < roster->count; i++)
        roster->plan[i].dep_count -= roster->plan[i].extra_count;
    return !has_order;
}

void roster_link(struct roster *roster) {
    size_t *next = roster->edges;
    for (size_t i = 0; i < roster->count; i++) {
        const struct instance *instance = roster->instances[i];
        struct plan_app *app = &roster->plan[i];
        app->deps = next;
        app->dep_count = roster_add_edges(roster, instance, instance_dependencies(instance), next, 0);
        size_t all = roster_add_edges(roster, instance, &instance->config.depends_on, next, app->dep_count);
        app->extra_count = all - app->dep_count;
        next += all;
    }
    if (!roster_has_cycle(roster))
        return;
    for (size_t i = 0; i < roster->count; i++)
        roster->plan[i].extra_count = 0;
}

size_t roster_edges(const struct roster *roster) {
    size_t edges = 0;
    for (size_t i = 0; i < roster->count; i++) {
        const struct instance *instance = roster->instances[i];
        edges += instance_dependencies(instance)->count + instance->config.depends_on.count;
    }
    return edges;
}

const struct instance *roster_obstacle(const struct roster *roster, const struct instance *instance) {
    if (!instance->awaits_gone && instance->awaited_port == 0)
        return NULL;
    for (size_t i = 0; i < roster->count; i++) {
        const struct instance *other = roster->instances[i];
        bool is_awaited = (instance->awaits_gone && other->is_gone) ||
                          (instance->awaited_port != 0 && instance->awaited_port == other->config.port);
        if (other != instance && other->is_leaving && is_awaited)
            return other;
    }
    return NULL;
}
