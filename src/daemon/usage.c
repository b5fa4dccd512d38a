#include "daemon/usage.h"

#include <stdlib.h>

#include "host/loop.h"

enum {
    USAGE_MIN_SPAN_MS = 1000,
    USAGE_REST = 9, /* times as long as a look has taken, there is none */
};

static void usage_look_fini(struct usage_look *look) {
    free(look->list);
    *look = (struct usage_look){0};
}

void usage_fini(struct usage *usage) {
    usage_look_fini(&usage->now);
    usage_look_fini(&usage->recent);
    usage_look_fini(&usage->earlier);
}

/* Without memory the look is short of a few processes: a smaller number than the true one, for once. */
static void usage_add(void *context, const struct tree_usage *process) {
    struct usage_look *look = context;
    if (look->count == look->cap) {
        size_t cap = look->cap ? look->cap * 2 : 16;
        struct tree_usage *list = reallocarray(look->list, cap, sizeof *list);
        if (!list)
            return;
        look->list = list;
        look->cap = cap;
    }
    look->list[look->count++] = *process;
}

static int usage_compare(const void *a, const void *b) {
    const struct tree_usage *x = a;
    const struct tree_usage *y = b;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Two looks are kept, of which the newer becomes the older only when it is old enough to be measured against: so a
 * second `status` right after the first does not divide by next to nothing. */
bool usage_look(struct usage *usage, struct tag_range tags, struct mono now) {
    if (usage->now.list && mono_before(now, usage->rest_until))
        return true;
    bool is_worn = usage->recent.list && mono_ms_between(usage->recent.at, now) >= USAGE_MIN_SPAN_MS;
    if (is_worn || !usage->recent.list) {
        usage_look_fini(&usage->earlier);
        usage->earlier = usage->recent;
        usage->recent = usage->now;
    } else {
        usage_look_fini(&usage->now);
    }
    struct mono began = loop_clock();
    usage->now = (struct usage_look){.at = now};
    if (tree_usage(tags, usage_add, &usage->now) < 0)
        return false;
    struct mono ended = loop_clock();
    usage->rest_until = (struct mono){ended.ns + USAGE_REST * (ended.ns - began.ns)};
    if (usage->now.count > 0)
        qsort(usage->now.list, usage->now.count, sizeof *usage->now.list, usage_compare);
    return true;
}

static const struct tree_usage *usage_find(const struct usage_look *look, uint32_t tag, size_t *count_out) {
    size_t low = 0;
    size_t high = look->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (look->list[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < look->count && look->list[end].tag == tag)
        end++;
    *count_out = end - low;
    return look->list ? look->list + low : NULL;
}

const struct tree_usage *usage_tree(const struct usage *usage, uint32_t tag, size_t *count_out) {
    return usage_find(&usage->now, tag, count_out);
}

int64_t usage_memory(const struct usage *usage, uint32_t tag) {
    size_t count;
    const struct tree_usage *tree = usage_find(&usage->now, tag, &count);
    int64_t bytes = count > 0 ? 0 : -1;
    for (size_t i = 0; i < count; i++)
        bytes += tree[i].memory_bytes;
    return bytes;
}

static int64_t usage_cpu_ms(const struct usage_look *look, uint32_t tag) {
    size_t count;
    const struct tree_usage *tree = usage_find(look, tag, &count);
    int64_t ms = 0;
    for (size_t i = 0; i < count; i++)
        ms += tree[i].cpu_ms;
    return ms;
}

int64_t usage_cpu_tenths(const struct usage *usage, uint32_t tag, struct mono began) {
    size_t count;
    usage_find(&usage->now, tag, &count);
    if (count == 0)
        return -1;
    const struct usage_look *before = &usage->recent;
    if (!before->list || mono_ms_between(before->at, usage->now.at) < USAGE_MIN_SPAN_MS)
        before = &usage->earlier;
    int64_t spent_ms = usage_cpu_ms(&usage->now, tag);
    struct mono since = began;
    /* A process that has ended takes its time with it: the difference may be negative, and then says nothing. */
    if (before->list && mono_before(began, before->at) && spent_ms >= usage_cpu_ms(before, tag)) {
        spent_ms -= usage_cpu_ms(before, tag);
        since = before->at;
    }
    if (!mono_is_set(since))
        return 0;
    int64_t span_ms = mono_ms_between(since, usage->now.at);
    return span_ms > 0 ? spent_ms * 1000 / span_ms : 0;
}
