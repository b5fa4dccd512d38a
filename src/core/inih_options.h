/* How inih must be set so that it changes nothing it reads. Debian makes its options run-time variables
 * (UPKEEP_INIH_VARIABLES); where they are fixed when inih is built, cmake/check_inih.c finds out whether they are good
 * enough. */
#ifndef UPKEEP_CORE_INIH_OPTIONS_H
#define UPKEEP_CORE_INIH_OPTIONS_H

#include <ini.h>

/* line_size: of the longest line, with its newline and a NUL. */
static inline void inih_options_set(int line_size) {
#ifdef UPKEEP_INIH_VARIABLES
    static char comment_prefixes[] = "#;";
    ini_allow_multiline = true;
    ini_allow_bom = false; /* skipped before it gets here */
    ini_start_comment_prefixes = comment_prefixes;
    ini_allow_inline_comments = false;
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_initial_alloc = line_size;
    ini_max_line = line_size;
    ini_stop_on_first_error = false;
    ini_allow_no_value = false;
#else
    (void)line_size;
#endif
}

#endif
