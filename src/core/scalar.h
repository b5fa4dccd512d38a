/* The types of the key table whose values are one string: parsed, printed, freed. Within core, for manifest_value's
 * table. */
#ifndef UPKEEP_CORE_SCALAR_H
#define UPKEEP_CORE_SCALAR_H

#include "core/manifest_value.h"

/* string: with ${…} filled in. Sets the field, or leaves it and says in error why not, worded to follow the key's name.
 */
typedef bool scalar_parse(const struct manifest_value *value, const char *string, void *field, struct text *error);

/* As scalar_parse takes it; nothing for a field that is empty. */
typedef void scalar_print(const struct manifest_key *key, const void *field, struct text *out);
typedef void scalar_fini(void *field);

scalar_parse scalar_parse_plain, scalar_parse_command, scalar_parse_log_target, scalar_parse_condition,
    scalar_parse_probe, scalar_parse_bool, scalar_parse_int, scalar_parse_port, scalar_parse_mode,
    scalar_parse_optional_int, scalar_parse_optional_size, scalar_parse_umask, scalar_parse_duration,
    scalar_parse_signal, scalar_parse_choice;
scalar_print scalar_print_string, scalar_print_log_target, scalar_print_condition, scalar_print_bool, scalar_print_int,
    scalar_print_mode, scalar_print_optional_int, scalar_print_optional_size, scalar_print_umask, scalar_print_duration,
    scalar_print_signal, scalar_print_choice;
scalar_fini scalar_fini_string, scalar_fini_log_target, scalar_fini_condition;

#endif
