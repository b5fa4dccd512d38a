/* INI text through inih, without its traps: every line is judged here first, so that nothing is cut, dropped or passed
 * over in silence, and every value arrives whole, once, with the line it stands in. Knows no section or key names. */
#ifndef UPKEEP_CORE_INIFILE_H
#define UPKEEP_CORE_INIFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"

/* What is found, in the order of the file. The strings are borrowed for the call. */
struct inifile_sink {
    /* name: what stands between the brackets. */
    void (*section)(void *context, const char *name, unsigned line);
    /* value: blanks at both ends cut off; further lines joined by '\n', a comment or empty line among them as an empty
     * line. */
    void (*setting)(void *context, const char *key, const char *value, unsigned line);
    void *context;
};

/* Reads len bytes (any bytes). Mistakes of form go to diags, all of them, with file as their place: a NUL byte, a line
 * over LIMIT_MANIFEST_LINE, a section without its end, a line that is neither section nor `key = value` nor comment,
 * `key: value`, an indented line with nothing above to go on with. What is right around them is still delivered. False
 * when there was one. Sets inih's global settings: not for two threads at once. */
bool inifile_read(const char *bytes, size_t len, const char *file, const struct inifile_sink *sink,
                  struct diags *diags);

#endif
