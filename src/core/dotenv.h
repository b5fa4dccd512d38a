/* The dotenv grammar (docs/dotenv.md): KEY=VALUE lines with quoting, comments and ${…} expansion into an environment.
 */
#ifndef UPKEEP_CORE_DOTENV_H
#define UPKEEP_CORE_DOTENV_H

#include <stdbool.h>
#include <stddef.h>

#include "core/diag.h"
#include "core/env.h"

/* Reads len bytes (any bytes) of a dotenv file and sets each variable in env, expanding from what env holds by then.
 * file: the name for origins and diagnostics; must live as long as env's content. All mistakes are collected; a
 * diagnostic names key and place, never a value. False when there was one; env then holds the lines that were good. */
bool dotenv_parse(const char *bytes, size_t len, const char *file, struct env *env, struct diags *diags);

/* The same for the `env` key of a manifest, where nothing in a line is a comment, a quoted value ends on its
 * line and `export` means nothing. lines: NUL-terminated, the first of them is number `line` of file. env: NULL to
 * judge the form alone, whatever ${…} will be. */
bool dotenv_parse_setting(const char *lines, const char *file, unsigned line, struct env *env, struct diags *diags);

#endif
