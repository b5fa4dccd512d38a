/* What a fuzz target gives, to libFuzzer or to replay.c. */
#ifndef UPKEEP_TESTS_FUZZ_H
#define UPKEEP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0; a broken promise ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that no build type takes away. */
#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The input as a string, up to its first NUL. The caller frees it. */
static inline char *fuzz_string(const uint8_t *data, size_t size) {
    char *string = strndup(size ? (const char *)data : "", size);
    PROMISE(string);
    return string;
}

#endif
