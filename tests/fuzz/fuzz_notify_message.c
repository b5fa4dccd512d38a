/* Any datagram: numbers in their range, and a status that is one line of printable UTF-8 and fits. */
#include "core/notify_message.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct notify_message message;
    notify_message_parse((const char *)data, size, &message);
    PROMISE(message.main_pid >= 0 && message.error >= 0);
    PROMISE(message.monotonic_us >= 0 && message.watchdog_us >= 0 && message.extend_us >= 0);
    PROMISE(message.has_status || !message.status[0]);
    PROMISE(strnlen(message.status, sizeof message.status) <= LIMIT_STATUS);
    for (const char *c = message.status; *c; c++)
        PROMISE((unsigned char)*c >= 0x20 && *c != 0x7f);
    return 0;
}
