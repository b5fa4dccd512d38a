/* Digests of files are tested with host/walk, which finds them. */
#include "host/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void of_strings(const char *first, const char *second, unsigned char digest_out[DIGEST_BYTES]) {
    struct digest digest;
    digest_begin(&digest);
    digest_add(&digest, first);
    if (second)
        digest_add(&digest, second);
    digest_end(&digest, digest_out);
}

/* `printf 'abc\\0' | sha256sum` */
static void a_string_counts_with_its_end(void **state) {
    (void)state;
    unsigned char digest[DIGEST_BYTES];
    char printed[2 * DIGEST_BYTES + 1];
    of_strings("abc", NULL, digest);
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(printed + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(printed, "dc1114cd074914bd872cc1f9a23ec910ea2203bc79779ab2e17da25782a624fc");
}

static void strings_cannot_be_joined_otherwise(void **state) {
    (void)state;
    unsigned char one[DIGEST_BYTES];
    unsigned char other[DIGEST_BYTES];
    of_strings("ab", "c", one);
    of_strings("a", "bc", other);
    assert_memory_not_equal(one, other, DIGEST_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_counts_with_its_end),
        cmocka_unit_test(strings_cannot_be_joined_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
