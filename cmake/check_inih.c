/* Run when upkeep is configured: does this build of inih hand values over as they stand, or does it cut long lines,
 * take ` ;` for a comment, or lose continuation lines? Ends with 0 when it is fit for use. */
#include "core/inih_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_VALUE = 64 * 1024 }; /* what the manifest promises at least */

struct source {
    const char *next;
    const char *end;
};

static char *reader(char *buffer, int size, void *stream) {
    struct source *source = stream;
    char *out = buffer;
    while (size-- > 1 && source->next < source->end) {
        *out++ = *source->next;
        if (*source->next++ == '\n')
            break;
    }
    *out = '\0';
    return out > buffer ? buffer : NULL;
}

/* The values that must arrive, in this order. */
struct expectation {
    const char *values[4];
    size_t count;
};

static int handler(void *user, const char *section, const char *name, const char *value) {
    struct expectation *expected = user;
    (void)section;
    (void)name;
    if (expected->count < 4 && strcmp(value, expected->values[expected->count]) == 0)
        expected->count++;
    else
        expected->count = 5;
    return 1;
}

int main(void) {
    static char long_value[LONG_VALUE + 1];
    static char text[LONG_VALUE + 200];
    memset(long_value, 'x', LONG_VALUE);
    int len =
        snprintf(text, sizeof(text), "[s]\nshell = a ; b # c\nlong = %s\nlist = one\n  two ; three\n", long_value);
    struct source source = {text, text + len};
    struct expectation expected = {{"a ; b # c", long_value, "one", "two ; three"}, 0};
    inih_options_set(LONG_VALUE + 20);
    return ini_parse_stream(reader, &source, handler, &expected) == 0 && expected.count == 4 ? EXIT_SUCCESS
                                                                                             : EXIT_FAILURE;
}
