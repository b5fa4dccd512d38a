/* Whether everything holds that an app is judged by once it is up: its health condition and each of `verify`, all side
 * by side, each until it is met or has been missed health_retries times. */
#ifndef UPKEEP_DAEMON_VERIFY_H
#define UPKEEP_DAEMON_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"
#include "daemon/supervisor.h"

struct verify;

/* Begins with the marked instances. done is called once, from the loop: there the verify may be freed. timeout_ms: of
 * it all, negative for none. While an instance is asked its own health checks rest. NULL when out of memory. */
struct verify *verify_new(struct supervisor *supervisor, const bool *set, int64_t timeout_ms,
                          void (*done)(void *context), void *context);
void verify_free(struct verify *verify);

/* The array of VerifyResult, in the order of the apps and their conditions. */
void verify_report(const struct verify *verify, struct text *out, const char *key);

#endif
