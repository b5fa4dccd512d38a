#include "daemon/history.h"

#include <errno.h>
#include <stdlib.h>

int history_init(struct history *history) {
    *history = (struct history){.ring = calloc(LIMIT_HISTORY, sizeof(struct change))};
    return history->ring ? 0 : -ENOMEM;
}

void history_fini(struct history *history) {
    for (unsigned i = 0; i < history->count; i++)
        free(history->ring[i].detail);
    free(history->ring);
    *history = (struct history){0};
}

void history_add(struct history *history, const struct change *change) {
    struct change *slot = &history->ring[history->next];
    if (history->count == LIMIT_HISTORY)
        free(slot->detail);
    else
        history->count++;
    *slot = *change;
    history->next = (history->next + 1) % LIMIT_HISTORY;
}

const struct change *history_at(const struct history *history, unsigned i) {
    if (i >= history->count)
        return NULL;
    unsigned oldest = history->count == LIMIT_HISTORY ? history->next : 0;
    return &history->ring[(oldest + i) % LIMIT_HISTORY];
}
