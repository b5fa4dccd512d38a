#include "cli/moment.h"

#include <stdio.h>
#include <time.h>

void moment_print(const char *stamp, struct text *out) {
    struct tm utc = {0};
    int ms = 0;
    int fields = sscanf(stamp, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
                        &utc.tm_min, &utc.tm_sec, &ms);
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    struct tm local;
    time_t seconds = timegm(&utc);
    if (fields != 7 || !localtime_r(&seconds, &local)) {
        text_str(out, stamp);
        return;
    }
    text_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%03d", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                local.tm_hour, local.tm_min, local.tm_sec, ms);
}
