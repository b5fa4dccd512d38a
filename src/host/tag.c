#include "host/tag.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "the kernel keeps limits as unsigned long");

/* Large, so that a number that somebody sets as a limit is not taken for a tag; far from infinity, all ones. */
static const rlim_t MARK = 0x75706b70; /* "upkp" */

int tag_setup(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_LOCKS, &limit) < 0)
        return -errno;
    if (limit.rlim_max == RLIM_INFINITY)
        return 0;
    limit.rlim_max = RLIM_INFINITY;
    return setrlimit(RLIMIT_LOCKS, &limit) < 0 ? -errno : 0;
}

uint32_t tag_draw_base(void) {
    uint32_t base = 0;
    if (getrandom(&base, sizeof base, GRND_NONBLOCK) != sizeof base)
        base = (uint32_t)getpid() * 65536U;
    return (base & 0x7fffffffU) | 0x10000U;
}

struct rlimit tag_limit(uint32_t tag) {
    return (struct rlimit){.rlim_cur = MARK << 32 | tag, .rlim_max = RLIM_INFINITY};
}

uint32_t tag_of_limit(rlim_t soft) {
    return soft >> 32 == MARK ? (uint32_t)soft : 0;
}
