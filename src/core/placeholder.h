/* Values that somebody was to replace, and did not. */
#ifndef UPKEEP_CORE_PLACEHOLDER_H
#define UPKEEP_CORE_PLACEHOLDER_H

#include <stdbool.h>

/* Whether the value is an obvious placeholder: `changeme`, `your-api-key-here`, `xxxx`, `<token>`, `sk-...`. When in
 * doubt it is none: a real value that were taken for one could not be used at all. */
bool placeholder_is(const char *value);

#endif
