#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/journal.h"

static void knows_the_stream_that_is_named(void **state) {
    (void)state;
    int fds[2];
    struct stat st;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fstat(fds[0], &st), 0);
    char name[64];
    snprintf(name, sizeof name, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    assert_true(journal_is_stream(fds[0]));
    /* What was redirected is not the journal, though the variable is still there. */
    snprintf(name, sizeof name, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1);
    setenv("JOURNAL_STREAM", name, 1);
    assert_false(journal_is_stream(fds[0]));
    setenv("JOURNAL_STREAM", "nonsense", 1);
    assert_false(journal_is_stream(fds[0]));
    unsetenv("JOURNAL_STREAM");
    assert_false(journal_is_stream(fds[0]));
    assert_false(journal_is_kernel_log(fds[0]));
    close(fds[0]);
    close(fds[1]);
    setenv("JOURNAL_STREAM", name, 1);
    assert_false(journal_is_stream(fds[0]));
    unsetenv("JOURNAL_STREAM");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(knows_the_stream_that_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
