#include "daemon/written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char FIRST[] = "[defaults]\nenv =\n  A=1\n[app:web]\ncommand = ./web\n[app:api]\ncommand = ./api\n";

struct place {
    char dir[40];
    char path[64];
    struct manifest manifest;
    struct env environment;
    struct written *written;
};

/* As an editor does: a new file in the place of the old. */
static void rewrite(const struct place *place, const char *text) {
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.new", place->path);
    FILE *file = fopen(beside, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, place->path), 0);
}

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    *state = place;
    strcpy(place->dir, "/tmp/upkeep-written-XXXXXX");
    if (!mkdtemp(place->dir))
        return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/upkeep.ini", place->dir);
    rewrite(place, FIRST);
    struct diags diags = {0};
    bool good = env_import(&place->environment, environ, ENV_ORIGIN_INHERITED) &&
                manifest_parse(FIRST, sizeof FIRST - 1, "sub/../upkeep.ini", place->dir, NULL, &place->environment,
                               &place->manifest, &diags);
    diags_fini(&diags);
    place->written = written_new(&place->manifest, &place->environment);
    return good && place->written ? 0 : -1;
}

static int teardown(void **state) {
    struct place *place = *state;
    written_free(place->written);
    manifest_fini(&place->manifest);
    env_fini(&place->environment);
    (void)unlink(place->path);
    int failed = rmdir(place->dir);
    free(place);
    return failed;
}

static void assert_seen(struct place *place, bool changed, bool web, bool api) {
    written_look(place->written);
    assert_int_equal(written_has_changed(place->written), changed);
    assert_int_equal(written_is_stale(place->written, manifest_find(&place->manifest, "web")), web);
    assert_int_equal(written_is_stale(place->written, manifest_find(&place->manifest, "api")), api);
}

static void test_sees_what_means_something_else(void **state) {
    struct place *place = *state;
    assert_string_equal(written_path(place->written), place->path);
    assert_seen(place, false, false, false);
    rewrite(place, "# a comment\n[app:api]\ncommand = ./api\n[app:web]\ncommand=./web\n[defaults]\nenv =\n  A=1\n");
    assert_seen(place, false, false, false);
    rewrite(place, "[defaults]\nenv =\n  A=1\n[app:web]\ncommand = ./web\nport = 80\n[app:api]\ncommand = ./api\n");
    assert_seen(place, true, true, false);
    rewrite(place, "[defaults]\nenv =\n  A=2\n[app:web]\ncommand = ./web\n[app:api]\ncommand = ./api\n");
    assert_seen(place, true, true, true);
    rewrite(place, FIRST);
    assert_seen(place, false, false, false);
}

static void test_sees_apps_come_and_go(void **state) {
    struct place *place = *state;
    rewrite(place, "[defaults]\nenv =\n  A=1\n[app:web]\ncommand = ./web\n");
    assert_seen(place, true, false, true);
    rewrite(place, "[defaults]\nenv =\n  A=1\n[app:web]\ncommand = ./web\n[app:api]\ncommand = ./api\n"
                   "[app:new]\ncommand = ./new\n");
    assert_seen(place, true, false, false);
    rewrite(place, "[upkeep]\nstop_order = parallel\n[defaults]\nenv =\n  A=1\n[app:web]\ncommand = ./web\n"
                   "[app:api]\ncommand = ./api\n");
    assert_seen(place, true, false, false);
}

static void test_a_broken_file_has_changed(void **state) {
    struct place *place = *state;
    rewrite(place, "[app:web]\ncomand = ./web\n");
    assert_seen(place, true, false, false);
    assert_int_equal(unlink(place->path), 0);
    assert_seen(place, true, false, false);
    rewrite(place, FIRST);
    assert_seen(place, false, false, false);
}

/* What was taken meanwhile is what the file is compared with from then on. */
static void test_forgets_what_was_read(void **state) {
    struct place *place = *state;
    static const char NEXT[] = "[app:web]\ncommand = ./web --fast\n[app:api]\ncommand = ./api\n";
    rewrite(place, NEXT);
    assert_seen(place, true, true, true);
    struct diags diags = {0};
    manifest_fini(&place->manifest);
    assert_true(manifest_parse(NEXT, sizeof NEXT - 1, "upkeep.ini", place->dir, NULL, &place->environment,
                               &place->manifest, &diags));
    written_forget(place->written);
    assert_seen(place, false, false, false);
    diags_fini(&diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sees_what_means_something_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sees_apps_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_file_has_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgets_what_was_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
