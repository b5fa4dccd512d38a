#include "core/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct sha256 *of, const char *hex) {
    struct sha256 sha = *of;
    unsigned char digest[SHA256_BYTES];
    char printed[2 * SHA256_BYTES + 1];
    sha256_end(&sha, digest);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        (void)snprintf(printed + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(printed, hex);
}

/* FIPS 180-4 (the examples of NIST), RFC 6234. */
static const struct {
    const char *part;
    size_t repeat;
    const char *hex;
} vectors[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    {"0123456701234567012345670123456701234567012345670123456701234567", 10,
     "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"},
};

static void known_messages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct sha256 sha;
        sha256_init(&sha);
        for (size_t n = 0; n < vectors[i].repeat; n++)
            sha256_add(&sha, vectors[i].part, strlen(vectors[i].part));
        expect(&sha, vectors[i].hex);
    }
}

/* However a message is cut, and wherever its end falls in a block. */
static void pieces_make_no_difference(void **state) {
    (void)state;
    unsigned char message[3 * SHA256_BLOCK + 1];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len <= sizeof message; len++) {
        unsigned char whole[SHA256_BYTES];
        struct sha256 sha;
        sha256_init(&sha);
        sha256_add(&sha, message, len);
        sha256_end(&sha, whole);
        for (size_t piece = 1; piece <= SHA256_BLOCK + 1; piece += 8) {
            unsigned char cut[SHA256_BYTES];
            sha256_init(&sha);
            for (size_t at = 0; at < len; at += piece)
                sha256_add(&sha, message + at, len - at < piece ? len - at : piece);
            sha256_end(&sha, cut);
            assert_memory_equal(cut, whole, sizeof whole);
        }
    }
}

static void strings_keep_their_ends(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}};
    unsigned char digests[4][SHA256_BYTES];
    for (size_t i = 0; i < 4; i++) {
        struct sha256 sha;
        sha256_init(&sha);
        sha256_add_string(&sha, pairs[i][0]);
        sha256_add_string(&sha, pairs[i][1]);
        sha256_end(&sha, digests[i]);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(digests[i], digests[k], SHA256_BYTES);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_messages),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(strings_keep_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
