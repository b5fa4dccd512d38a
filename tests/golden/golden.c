/* golden print|errors|parse|unit MANIFEST EXPECTED
 *
 * print: the manifest must parse, print as the file EXPECTED says, and print the same when that is parsed again.
 * errors: it must not parse, and say what EXPECTED says. parse: it must parse. unit: its systemd unit must be what
 * EXPECTED says; for root, or a user's own manager, where EXPECTED is called so. EXPECTED is NAME.out or NAME.err, with
 * NAME@PROFILE for a profile. With UPKEEP_GOLDEN=write in the environment, EXPECTED is written instead of compared:
 * read what changed before you commit it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/manifest.h"
#include "core/unit_stack.h"

enum { FILE_MAX_BYTES = 1 << 20 };

struct bytes {
    char data[FILE_MAX_BYTES];
    size_t len;
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void die(const char *what, const char *path) {
    fprintf(stderr, "%s: %s\n", path, what);
    exit(EXIT_FAILURE);
}

static void read_file(const char *path, struct bytes *out) {
    FILE *file = fopen(path, "re");
    if (!file)
        die("cannot open", path);
    out->len = fread(out->data, 1, sizeof(out->data), file);
    (void)fclose(file);
    if (out->len == sizeof(out->data))
        die("too long", path);
}

static void write_file(const char *path, const struct text *text) {
    FILE *file = fopen(path, "we");
    if (!file || fwrite(text_get(text), 1, text->len, file) != text->len || fclose(file) != 0)
        die("cannot write", path);
}

/* `NAME@PROFILE.out`: PROFILE; NULL when there is none. */
static char *profile_of(const char *expected) {
    const char *at = strchr(base_name(expected), '@');
    return at ? strndup(at + 1, strcspn(at + 1, ".")) : NULL;
}

/* What there is to say or to print. */
static bool parse(const struct bytes *bytes, const char *file, const char *profile, struct text *out) {
    static char *environment[] = {"HOME=/home/dev", "STACK=demo", "EMPTY=", NULL};
    struct env env = {0};
    struct manifest manifest = {0};
    struct diags diags = {0};
    if (!env_import(&env, environment, ENV_ORIGIN_INHERITED))
        die("out of memory", file);
    bool is_good = manifest_parse(bytes->data, bytes->len, file, "/srv/demo", profile, &env, &manifest, &diags);
    for (size_t i = 0; i < diags.count; i++) {
        diag_print(&diags.list[i], out);
        text_char(out, '\n');
    }
    if (is_good)
        manifest_print(&manifest, out);
    if (is_good != (diags.errors == 0))
        die("what is returned and what is said disagree", file);
    manifest_fini(&manifest);
    diags_fini(&diags);
    env_fini(&env);
    return is_good;
}

static void compare(const char *expected_path, const struct text *actual) {
    static struct bytes expected;
    const char *mode = getenv("UPKEEP_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        write_file(expected_path, actual);
        return;
    }
    read_file(expected_path, &expected);
    if (expected.len == actual->len && memcmp(expected.data, text_get(actual), actual->len) == 0)
        return;
    fprintf(stderr, "--- expected\n%.*s--- got\n%s", (int)expected.len, expected.data, text_get(actual));
    die("differs", expected_path);
}

/* The unit that a manifest's stack gets. */
static void make_unit(const struct bytes *bytes, const char *file, const char *expected, const char *profile,
                      struct text *out) {
    struct env env = {0};
    struct manifest manifest = {0};
    struct diags diags = {0};
    bool is_good = manifest_parse(bytes->data, bytes->len, file, "/srv/demo", profile, &env, &manifest, &diags);
    struct app_config *configs = calloc(manifest.app_count + 1, sizeof *configs);
    for (size_t i = 0; configs && i < manifest.app_count; i++)
        is_good = manifest_resolve(&manifest, &manifest.apps[i], &env, &configs[i], &diags) && is_good;
    struct unit_spec spec = {
        .identity = strstr(expected, "-as-root.")   ? UNIT_OF_ROOT
                    : strstr(expected, "-of-user.") ? UNIT_OF_MANAGER
                                                    : UNIT_OF_USER,
        .user = "deploy",
        .program = "/opt/my tools/100%/upkeep",
        .manifest = "/srv/demo/\"$5\".ini",
    };
    if (!is_good || !configs || !unit_stack(&manifest, configs, &spec))
        die("makes no unit", file);
    unit_print(&spec, out);
    for (size_t i = 0; i < manifest.app_count; i++)
        app_config_fini(&configs[i]);
    free(configs);
    manifest_fini(&manifest);
    diags_fini(&diags);
}

static void print_again(const struct text *printed, const char *profile) {
    static struct bytes bytes;
    TEXT_AUTO struct text again = {0};
    bytes.len = printed->len;
    memcpy(bytes.data, text_get(printed), printed->len);
    if (!parse(&bytes, "printed.ini", profile, &again) || strcmp(text_get(&again), text_get(printed)) != 0) {
        fprintf(stderr, "--- printed\n%s--- printed again\n%s", text_get(printed), text_get(&again));
        die("what is printed does not print the same", "printed.ini");
    }
}

int main(int argc, char **argv) {
    static struct bytes bytes;
    if (argc != 4)
        die("takes print|errors|parse|unit MANIFEST EXPECTED", argv[0]);
    char *profile = profile_of(argv[3]);
    TEXT_AUTO struct text said = {0};
    read_file(argv[2], &bytes);
    if (strcmp(argv[1], "unit") == 0) {
        make_unit(&bytes, base_name(argv[2]), argv[3], profile, &said);
        compare(argv[3], &said);
        free(profile);
        return EXIT_SUCCESS;
    }
    bool is_good = parse(&bytes, base_name(argv[2]), profile, &said);
    if (is_good == (strcmp(argv[1], "errors") == 0)) {
        fputs(text_get(&said), stderr);
        die(is_good ? "parses, and should not" : "does not parse", argv[2]);
    }
    if (strcmp(argv[1], "parse") != 0)
        compare(argv[3], &said);
    if (is_good)
        print_again(&said, profile);
    free(profile);
    return EXIT_SUCCESS;
}
