/* Any bytes as an sd_notify datagram: no fault, and a status that fits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/notify_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct notify_message message;
    notify_message_parse((const char *)data, size, &message);
    if (strlen(message.status) > LIMIT_STATUS || message.main_pid < 0 || message.extend_us < 0)
        abort();
    return 0;
}
