/* THE key table: a key's name, type, default, place in the typed config and documentation, once. Parsing, printing,
 * defaults, `did you mean`, the manual page and docs/manifest.md are all driven by it. A new key is a field in
 * core/manifest.h and a row here. */
#ifndef UPKEEP_CORE_MANIFEST_KEYS_H
#define UPKEEP_CORE_MANIFEST_KEYS_H

#include <stddef.h>

#include "core/manifest.h"

enum key_type {
    KEY_STRING,
    KEY_COMMAND,  /* a string that must split into at least one word */
    KEY_COMMANDS, /* one a line */
    KEY_PATH,
    KEY_BOOL,
    KEY_INT,
    KEY_PORT,
    KEY_MODE,
    KEY_DURATION,
    KEY_SIGNAL,
    KEY_EXIT_SET,
    KEY_NAMES, /* separated by commas, blanks or lines; not expanded */
    KEY_CONDITION,
    KEY_LOG_TARGET,
    KEY_CHOICE,
    KEY_ENV,      /* KEY=VALUE a line; layered, see core/layers.h */
    KEY_ENV_FILES /* paths; layered */
};

struct manifest_key {
    const char *name;
    enum key_type type;
    size_t offset;              /* of the field in app_config or supervisor_config */
    const char *fallback;       /* the default as one would write it; NULL: none */
    const char *const *choices; /* KEY_CHOICE: the words in the enum's order, ending with NULL */
    int64_t min, max;           /* KEY_INT */
    const char *summary;        /* one line for help */
    const char *text;           /* the paragraph of the manual, or NULL when the summary says all */
};

/* Each ends with a NULL name. */
extern const struct manifest_key manifest_app_keys[];
extern const struct manifest_key manifest_supervisor_keys[];
extern const size_t manifest_app_key_count;

#endif
