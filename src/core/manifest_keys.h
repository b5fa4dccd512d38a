/* THE key table: a key's name, type, default, place in the typed config and documentation, once. Parsing, printing,
 * defaults, `did you mean`, the manual page and docs/manifest.md are all driven by it. A new key is a field in
 * core/manifest.h and a row here. */
#ifndef UPKEEP_CORE_MANIFEST_KEYS_H
#define UPKEEP_CORE_MANIFEST_KEYS_H

#include <stddef.h>

#include "core/manifest.h"

enum key_type {
    KEY_STRING,
    KEY_COMMAND,  /* a string that must split into at least one word, unless a shell gets it */
    KEY_COMMANDS, /* one a line */
    KEY_PATH,
    KEY_BOOL,
    KEY_INT,
    KEY_PORT,
    KEY_MODE,
    KEY_OPTIONAL_INT,  /* one that is the supervisor's unless it is written, and so has no default of ours */
    KEY_OPTIONAL_SIZE, /* likewise, or `unlimited` */
    KEY_UMASK,         /* likewise: an octal mask of permissions */
    KEY_ACCOUNT,       /* a user or group, by name or number; not expanded */
    KEY_DURATION,
    KEY_SIGNAL,
    KEY_EXIT_SET,
    KEY_NAMES,     /* of apps, separated by commas, blanks or lines; not expanded */
    KEY_VARIABLES, /* names of environment variables, likewise */
    KEY_RULES,     /* of core/rules.h that may be silenced, likewise */
    KEY_PATHS,     /* one a line or separated by commas */
    KEY_PATTERNS,  /* of files, likewise; see core/glob.h */
    KEY_CONDITION,
    KEY_PROBE,  /* a condition that can be asked at any time, or nothing */
    KEY_PROBES, /* such conditions, one a line */
    KEY_LOG_TARGET,
    KEY_LISTEN, /* addresses, one a line or separated by commas; see core/listen.h */
    KEY_CHOICE,
    KEY_ENV,       /* KEY=VALUE a line; layered, see core/layers.h */
    KEY_ENV_FILES, /* paths, one a line; layered */
};

/* What it takes for a change of a key to take effect. */
enum key_effect {
    KEY_AT_START, /* a new start: of the app, for a key of [upkeep] of the supervisor */
    KEY_LIVE,     /* nothing: it is looked at when it is needed */
};

/* The offset of a key without a field in a config: the layers are kept in the app. */
#define MANIFEST_NO_FIELD SIZE_MAX

struct manifest_key {
    const char *name;
    enum key_type type;
    size_t offset;              /* of the field in app_config or supervisor_config, or MANIFEST_NO_FIELD */
    const char *fallback;       /* the default as one would write it; NULL: none */
    const char *fallback_words; /* the default in words, where fallback is NULL and `none` is not all there is to say */
    const char *const *choices; /* KEY_CHOICE, KEY_LOG_TARGET: the words in the enum's order, ending with NULL */
    int64_t min, max;           /* KEY_INT, KEY_OPTIONAL_INT; KEY_DURATION: min alone */
    bool is_told_apart;         /* writing the default is not the same as writing nothing */
    enum key_effect effect;
    const char *summary; /* one line for help */
    const char *text;    /* the paragraphs of the manual, separated by empty lines, `…` around what is typed;
                            NULL when the summary says all */
    const char *example; /* lines of a manifest, or NULL */
};

/* Each ends with a NULL name. */
extern const struct manifest_key manifest_app_keys[];
extern const struct manifest_key manifest_supervisor_keys[];
extern const size_t manifest_app_key_count;
extern const size_t manifest_supervisor_key_count;

/* Appends a setting of the key as `KEY = VALUE` in canonical form, with a newline; nothing when it is not written, or
 * equals the default. ${…} stays. What means the same is printed the same. */
void manifest_key_print(const struct manifest_key *key, const struct setting *setting, struct text *out);

/* The row of a name, or NULL. */
const struct manifest_key *manifest_key_find(const struct manifest_key *keys, const char *name);

/* What to say about a name that is no key of `keys`, as a parenthesis with a space before it (` (did you mean
 * command?)`): a near key, the key of ours that PM2, systemd, supervisord or compose call so, the section it belongs
 * in, that it is a variable, or that it is not built yet. Appends nothing when there is nothing to say. Returns the key
 * of `keys` that was meant, or NULL. */
const struct manifest_key *manifest_key_hint(const struct manifest_key *keys, const char *name, struct text *out);

#endif
