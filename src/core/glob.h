/* Patterns for the names of files, such as `package-lock.json`, `src` or `*.toml`. A name is matched folder by folder
 * on the way down, so that whoever walks knows at each folder whether there is any use in entering it. */
#ifndef UPKEEP_CORE_GLOB_H
#define UPKEEP_CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

enum { GLOB_PARTS = 63 }; /* names between slashes in one pattern */

/* Zero-initialised matches nothing. */
struct glob {
    char *memory;
    const char *parts[GLOB_PARTS];
    size_t count;
    bool is_absolute;
};

/* What of a pattern a name may still match, having matched so far: a bit for each part that would be next. 0: nothing
 * below can match. */
typedef uint64_t glob_state;

/* `*` stands for any part of a name, `?` for one byte, `[…]` for one of some, `**` as a whole name for any number of
 * folders. None of them stands for a leading dot, nor for a folder that installers and interpreters make
 * (node_modules, __pycache__): those match where they are written. False with what is wrong in error. */
bool glob_parse(const char *pattern, struct glob *out, struct text *error);
void glob_fini(struct glob *glob);

/* How many parts at the start are plain names, to be looked at without reading a folder. */
size_t glob_plain_count(const struct glob *glob);

/* Where nothing was matched yet, and after one more name on the way down. */
glob_state glob_begin(const struct glob *glob);
glob_state glob_step(const struct glob *glob, glob_state state, const char *name);

/* Whether the name that led to this state matches. What matches as a folder stands for all that is below it. */
bool glob_is_match(const struct glob *glob, glob_state state);

/* Whether `**` stands for a name. */
bool glob_is_ordinary(const char *name);

#endif
