/* Any command: what is split, quoted and split again is the same. */
#include "core/words.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *string = fuzz_string(data, size);
    TEXT_AUTO struct text error = {0};
    TEXT_AUTO struct text quoted = {0};
    struct words words;
    if (!words_split(string, &words, &error)) {
        PROMISE(error.len > 0);
        free(string);
        return 0;
    }
    PROMISE(words.list[words.count] == NULL);
    for (size_t i = 0; i < words.count; i++) {
        PROMISE(strlen(words.list[i]) <= strlen(string));
        words_quote(words.list[i], &quoted);
        text_char(&quoted, ' ');
    }
    struct words again;
    PROMISE(words_split(text_get(&quoted), &again, &error));
    PROMISE(again.count == words.count);
    for (size_t i = 0; i < words.count; i++)
        PROMISE(strcmp(again.list[i], words.list[i]) == 0);
    words_fini(&again);
    words_fini(&words);
    free(string);
    return 0;
}
