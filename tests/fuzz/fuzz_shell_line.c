/* Any line of a shell: what is said to be a list of simple commands is one. */
#include "core/shell_line.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *string = fuzz_string(data, size);
    struct shell_line line = {0};
    if (!shell_line_split(string, &line)) {
        PROMISE(line.count == 0 && line.steps == NULL);
        free(string);
        return 0;
    }
    PROMISE(line.count > 0 && line.steps[line.count - 1].must_work);
    for (size_t i = 0; i < line.count; i++) {
        const struct shell_step *step = &line.steps[i];
        PROMISE(step->words.count > 0 && step->words.list[step->words.count] == NULL);
        PROMISE(i == 0 || step->must_work || !line.steps[i - 1].must_work);
        for (size_t w = 0; w < step->words.count; w++)
            PROMISE(strlen(step->words.list[w]) <= strlen(string));
    }
    shell_line_fini(&line);
    free(string);
    return 0;
}
