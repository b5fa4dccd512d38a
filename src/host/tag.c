#include "host/tag.h"

#include <errno.h>
#include <sys/random.h>

_Static_assert(sizeof(long) == 8, "the kernel keeps limits as unsigned long");

static rlim_t supervisor; /* the upper half, in its place */
static rlim_t hard;

int tag_setup(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_LOCKS, &limit) < 0)
        return -errno;
    if (limit.rlim_max != RLIM_INFINITY) {
        limit.rlim_max = RLIM_INFINITY;
        if (setrlimit(RLIMIT_LOCKS, &limit) < 0)
            return -errno;
    }
    hard = limit.rlim_max;

    uint32_t number;
    if (getrandom(&number, sizeof number, GRND_INSECURE) != sizeof number)
        return -errno;
    /* Never 0, which would make small limits that somebody set look like tags; never so large as to be infinity. */
    supervisor = (rlim_t)(number >> 1 | 1) << 32;
    return 0;
}

struct rlimit tag_limit(uint32_t tag) {
    return (struct rlimit){.rlim_cur = supervisor | tag, .rlim_max = hard};
}

uint32_t tag_of_limit(rlim_t soft) {
    return soft >> 32 << 32 == supervisor ? (uint32_t)soft : 0;
}
