/* The record of what an app was prepared from, at its last good run: RUNTIME_DIR/prepare/APP.inputs. */
#ifndef UPKEEP_LOCAL_RECORD_H
#define UPKEEP_LOCAL_RECORD_H

#include <stdbool.h>

#include "core/prepared.h"
#include "daemon/launch.h"

/* Of one app, as a step of it would be run now. All borrowed. */
struct record_subject {
    const struct manifest *manifest;
    const struct app_config *config;
    const struct env *env;
    bool (*is_enough)(void); /* as of digest_file() */
};

/* Reads what the app would be prepared from now. unmatched: appended are the patterns that name nothing, one a line. It
 * may take long, and ends early when is_enough says so. 0; -EINTR for that; else -errno with the sentence in error. */
int record_look(const struct record_subject *subject, struct prepared *out, struct text *unmatched, struct text *error);

/* Only the patterns that name nothing, likewise. */
int record_unmatched(const struct record_subject *subject, const char *cwd, struct text *unmatched, struct text *error);

/* Where records are kept; heap or NULL. */
char *record_folder(const struct manifest *manifest);

/* False when there is none, or none that can be read. */
bool record_read(const struct manifest *manifest, const char *app, struct prepared *out);

/* When the record was written, in wall time; -1: there is none. */
int64_t record_time_ms(const struct manifest *manifest, const char *app);

/* 0 or -errno. */
int record_write(const struct manifest *manifest, const char *app, const struct prepared *prepared);
void record_remove(const struct manifest *manifest, const char *app);

#endif
