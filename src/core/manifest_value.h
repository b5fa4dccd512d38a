/* The values of the key table's types: checked, made typed, printed. One row of the table in manifest_value.c a type.
 * Within core, for manifest_parse, manifest_resolve and manifest_print. */
#ifndef UPKEEP_CORE_MANIFEST_VALUE_H
#define UPKEEP_CORE_MANIFEST_VALUE_H

#include <stdbool.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest_keys.h"

/* Who gets a command: words are checked only when it is not the shell. */
enum command_reader { COMMAND_READER_UNKNOWN, COMMAND_READER_EXECVE, COMMAND_READER_SHELL };

/* A value and all that it is judged by. Everything is borrowed. */
struct manifest_value {
    const struct manifest_key *key;
    const char *text; /* as struct setting has it */
    unsigned line;
    const char *file;
    const struct env *env; /* for ${…}; NULL: it is checked for its form and left open */
    enum command_reader command_reader;
    struct diags *diags;
};

enum value_verdict {
    VALUE_BAD,  /* said in diags, as `KEY: …`; the field is unchanged */
    VALUE_OPEN, /* holds ${…}, which cannot be filled in yet; the field is unchanged */
    VALUE_GOOD, /* the field is set */
};

/* Fills the key's field in config (an app_config or supervisor_config, as the key's table has it), which must be empty.
 * A value that was filled in from the environment is not quoted in diags: it may be a secret. */
enum value_verdict manifest_value_read(const struct manifest_value *value, void *config);

/* Appends the field in canonical form; a list as one entry a line, separated by '\n'. Nothing when the field is
 * empty. */
void manifest_value_print(const struct manifest_key *key, const void *config, struct text *out);

/* Frees what the field owns. */
void manifest_value_fini(const struct manifest_key *key, void *config);

/* Whether a value of this type may go on over several lines. */
bool manifest_value_takes_lines(enum key_type type);

#endif
