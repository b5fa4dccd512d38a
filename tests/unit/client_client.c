#include "upkeep/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A supervisor that says what it is told to: both ends are in this process, and the kernel's buffers lie between. */
struct fake {
    char dir[32];
    int listener;
    int fd;
    struct upkeep_client *client;
};

static int setup(void **state) {
    struct fake *fake = calloc(1, sizeof *fake);
    *state = fake;
    strcpy(fake->dir, "/tmp/upkeep-client-XXXXXX");
    if (!mkdtemp(fake->dir))
        return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", fake->dir);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(fake->listener, 8) < 0 ||
        upkeep_client_connect(fake->dir, &fake->client) < 0)
        return -1;
    fake->fd = accept(fake->listener, NULL, NULL);
    return fake->fd < 0 ? -1 : 0;
}

static int teardown(void **state) {
    struct fake *fake = *state;
    upkeep_client_free(fake->client);
    close(fake->fd);
    close(fake->listener);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/control.sock", fake->dir);
    unlink(path);
    int failed = rmdir(fake->dir);
    free(fake);
    return failed;
}

static void assert_heard(const struct fake *fake, const char *expected) {
    char bytes[1024] = {0};
    ssize_t n = recv(fake->fd, bytes, sizeof bytes - 1, 0);
    assert_int_equal(n, (ssize_t)strlen(expected) + 1);
    assert_string_equal(bytes, expected);
}

static void say(const struct fake *fake, const char *bytes, size_t len) {
    assert_int_equal(send(fake->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void test_calls(void **state) {
    struct fake *fake = *state;
    json_t *parameters = json_pack("{s:s}", "app", "web");
    assert_int_equal(upkeep_client_send(fake->client, "Show", parameters, 0, 1000), 0);
    json_decref(parameters);
    assert_heard(fake, "{\"method\":\"io.upkeep.Supervisor.Show\",\"parameters\":{\"app\":\"web\"}}");
    assert_int_equal(upkeep_client_send(fake->client, "org.varlink.service.GetInfo", NULL, 1, 1000), 0);
    assert_heard(fake, "{\"method\":\"org.varlink.service.GetInfo\",\"more\":true}");
}

static void test_receives_a_stream_in_pieces(void **state) {
    struct fake *fake = *state;
    static const char stream[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0{\"parameters\":{\"n\":2}}\0"
                                 "{\"error\":\"a.Bad\"}";
    json_t *parameters;
    char *error;
    say(fake, stream, 10);
    assert_int_equal(upkeep_client_receive(fake->client, 0, &parameters, &error), -ETIMEDOUT);
    say(fake, stream + 10, sizeof stream - 10);

    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), 1);
    assert_null(error);
    assert_int_equal(json_integer_value(json_object_get(parameters, "n")), 1);
    json_decref(parameters);
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), 0);
    assert_int_equal(json_integer_value(json_object_get(parameters, "n")), 2);
    json_decref(parameters);
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), 0);
    assert_string_equal(error, "a.Bad");
    assert_int_equal(json_object_size(parameters), 0);
    json_decref(parameters);
    free(error);
}

static void test_receives_much(void **state) {
    struct fake *fake = *state;
    enum { MUCH = 100 * 1000 };
    char *bytes = malloc(MUCH + 64);
    size_t len = (size_t)sprintf(bytes, "{\"parameters\":{\"s\":\"");
    memset(bytes + len, 'x', MUCH);
    len += MUCH;
    len += (size_t)sprintf(bytes + len, "\"}}") + 1;
    say(fake, bytes, len);
    json_t *parameters;
    char *error;
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), 0);
    assert_int_equal(json_string_length(json_object_get(parameters, "s")), MUCH);
    json_decref(parameters);
    free(bytes);
}

static void test_is_told_of_the_end(void **state) {
    struct fake *fake = *state;
    json_t *parameters;
    char *error;
    shutdown(fake->fd, SHUT_RDWR);
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), -EPIPE);
    assert_int_equal(upkeep_client_send(fake->client, "Status", NULL, 0, 1000), -EPIPE);
}

/* A supervisor that refuses a caller says so before it was asked anything, and hangs up. */
static void test_hears_why_it_was_refused(void **state) {
    struct fake *fake = *state;
    static const char refusal[] = "{\"error\":\"io.upkeep.Supervisor.PermissionDenied\",\"parameters\":{}}";
    say(fake, refusal, sizeof refusal);
    shutdown(fake->fd, SHUT_RDWR);
    assert_int_equal(upkeep_client_send(fake->client, "Status", NULL, 0, 1000), 0);
    json_t *parameters;
    char *error;
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), 0);
    assert_string_equal(error, "io.upkeep.Supervisor.PermissionDenied");
    json_decref(parameters);
    free(error);
}

static void test_refuses_what_is_no_reply(void **state) {
    struct fake *fake = *state;
    json_t *parameters;
    char *error;
    say(fake, "garbage", 8);
    assert_int_equal(upkeep_client_receive(fake->client, 1000, &parameters, &error), -EBADMSG);
}

static void test_sending_has_a_limit(void **state) {
    struct fake *fake = *state;
    int error = 0;
    for (unsigned i = 0; i < 100000 && error == 0; i++)
        error = upkeep_client_send(fake->client, "Status", NULL, 0, 0);
    assert_int_equal(error, -ETIMEDOUT);
}

static void test_tells_what_is_missing_apart(void **state) {
    struct fake *fake = *state;
    struct upkeep_client *client = NULL;
    assert_int_equal(upkeep_client_connect("/nowhere", &client), -ENOENT);
    assert_int_equal(upkeep_client_connect("/tmp", &client), -ENOENT);
    close(fake->listener);
    fake->listener = -1;
    assert_int_equal(upkeep_client_connect(fake->dir, &client), -ECONNREFUSED);
    assert_null(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receives_a_stream_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receives_much, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_told_of_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hears_why_it_was_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sending_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tells_what_is_missing_apart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
