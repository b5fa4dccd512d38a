#include "daemon/output_tail.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

void output_tail_fini(struct output_tail *tail) {
    free(tail->bytes);
    *tail = (struct output_tail){0};
}

static bool tail_reserve(struct output_tail *tail, size_t need) {
    if (need <= tail->cap)
        return true;
    size_t cap = tail->cap ? tail->cap * 2 : 128;
    while (cap < need)
        cap *= 2;
    char *bytes = realloc(tail->bytes, cap + 1);
    if (!bytes)
        return false;
    tail->bytes = bytes;
    tail->cap = cap;
    return true;
}

void output_tail_add(struct output_tail *tail, const char *bytes, size_t len) {
    if (tail->is_old) {
        tail->len = 0;
        tail->is_cut = tail->is_old = false;
    }
    if (len > LIMIT_TAIL) {
        bytes += len - LIMIT_TAIL;
        len = LIMIT_TAIL;
        tail->is_cut = true;
    }
    size_t keep = tail->len;
    if (keep + len > LIMIT_TAIL) {
        keep = LIMIT_TAIL - len;
        tail->is_cut = true;
    }
    if (!tail_reserve(tail, keep + len))
        return;
    memmove(tail->bytes, tail->bytes + tail->len - keep, keep);
    memcpy(tail->bytes + keep, bytes, len);
    tail->len = keep + len;
}

void output_tail_mark(struct output_tail *tail) {
    tail->is_old = true;
}

const char *output_tail_get(const struct output_tail *tail) {
    if (tail->len == 0)
        return "";
    for (char *nul = tail->bytes; (nul = memchr(nul, '\0', tail->len - (size_t)(nul - tail->bytes)));)
        *nul = ' ';
    tail->bytes[tail->len] = '\0';
    const char *first_end = tail->is_cut ? strchr(tail->bytes, '\n') : NULL;
    return first_end && first_end[1] ? first_end + 1 : tail->bytes;
}
