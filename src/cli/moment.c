#include "cli/moment.h"

#include <string.h>
#include <time.h>

#include "core/columns.h"

/* Whether rest is what follows the seconds: `.123Z`. */
static bool moment_is_fraction(const char *rest) {
    return rest[0] == '.' && strspn(rest + 1, "0123456789") == 3 && strcmp(rest + 4, "Z") == 0;
}

void moment_print(const char *stamp, struct text *out) {
    struct tm utc = {0};
    struct tm local;
    const char *rest = strptime(stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    time_t seconds = timegm(&utc);
    if (!rest || !moment_is_fraction(rest) || !localtime_r(&seconds, &local)) {
        columns_clean(stamp, strlen(stamp), out);
        return;
    }
    text_printf(out, "%04d-%02d-%02d %02d:%02d:%02d%.4s", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                local.tm_hour, local.tm_min, local.tm_sec, rest);
}
