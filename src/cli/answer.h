/* Reading the supervisor's answers: whatever it sends, these return something that can be shown. */
#ifndef UPKEEP_CLI_ANSWER_H
#define UPKEEP_CLI_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/card.h"
#include "core/text.h"

/* The field, or fallback where it is null, absent or of another type. Borrowed. */
const char *answer_string(const json_t *object, const char *field, const char *fallback);
int64_t answer_int(const json_t *object, const char *field, int64_t fallback);
bool answer_bool(const json_t *object, const char *field);

/* The names of an answer's types whose fields are documented. */
enum answer_type {
    ANSWER_SUPERVISOR,
    ANSWER_INSTANCE,
    ANSWER_FAILURE,
    ANSWER_DETAIL,
    ANSWER_EVENT,
    ANSWER_VARIABLE,
};

/* A copy of object with all documented fields, in the order of the documentation, null where the supervisor left them
 * out (Varlink lets it); what it sent besides comes after. Objects within are treated likewise. New reference; NULL
 * when out of memory. */
json_t *answer_complete(const json_t *object, enum answer_type type);

/* The same for each item of an array. */
json_t *answer_complete_all(const json_t *array, enum answer_type type);

/* Prints as JSON with a newline: spread over lines for reading, or as one line. Text, once valid, always ends valid. */
void answer_print(const json_t *json, bool one_line, struct text *out);

/* The same for the answer to Status: the object that `status --json` is documented to print. */
void answer_print_status(const json_t *reply, bool one_line, struct text *out);

/* Appends `healthy`, `unhealthy (1 of 3)`, or nothing where nothing is known. */
void answer_print_health(const json_t *instance, struct text *out);

/* Appends the card of a Failure. */
void answer_print_card(const json_t *failure, struct card_style style, struct text *out);

/* Bytes for people: `48.8M`. */
void answer_print_bytes(int64_t bytes, struct text *out);

#endif
