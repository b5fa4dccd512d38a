/* Each method, its parameters and its reply. */
#include "stage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/verbs.h"

#define SERVICE "org.varlink.service"

/* ---- the service itself ------------------------------------------------------------------------------------------ */

static void test_tells_what_it_is(void **state) {
    struct stage *stage = *state;
    json_t *reply = peer_call(&stage->peer, "{\"method\":\"org.varlink.service.GetInfo\"}");
    json_t *info = stage_parameters(reply);
    assert_string_equal(json_string_value(json_object_get(info, "product")), "upkeep");
    assert_int_equal(json_array_size(json_object_get(info, "interfaces")), 2);
    json_decref(reply);
}

static char *read_file(const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, INTERFACE_FILES "/%s.varlink", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = calloc(1, 64 * 1024);
    assert_true(fread(text, 1, 64 * 1024 - 1, file) > 0);
    (void)fclose(file);
    return text;
}

static void assert_described(struct peer *peer, const char *interface) {
    char call[256];
    (void)snprintf(call, sizeof call,
                   "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"%s\"}}",
                   interface);
    json_t *reply = peer_call(peer, call);
    char *expected = read_file(interface);
    assert_string_equal(json_string_value(json_object_get(stage_parameters(reply), "description")), expected);
    free(expected);
    json_decref(reply);
}

static void test_describes_its_interfaces(void **state) {
    struct stage *stage = *state;
    assert_described(&stage->peer, "io.upkeep.Supervisor");
    assert_described(&stage->peer, SERVICE);
    json_t *reply = peer_call(&stage->peer, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                                            "\"parameters\":{\"interface\":\"io.other\"}}");
    stage_assert_error(reply, SERVICE ".InterfaceNotFound", "interface", "io.other");
}

static void count_methods(const char *interface, size_t *count) {
    char *text = read_file(interface);
    for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));) {
        char method[64];
        char full[128];
        if (sscanf(line, "method %63[A-Za-z](", method) != 1)
            continue;
        (void)snprintf(full, sizeof full, "%s.%s", interface, method);
        bool has_row = false;
        for (const struct verb *verb = verbs; verb->method; verb++)
            has_row = has_row || strcmp(verb->method, full) == 0;
        if (!has_row)
            fail_msg("%s has no row", full);
        (*count)++;
    }
    free(text);
}

static void test_table_and_interface_agree(void **state) {
    (void)state;
    size_t described = 0;
    size_t rows = 0;
    count_methods(SERVICE, &described);
    count_methods("io.upkeep.Supervisor", &described);
    while (verbs[rows].method)
        rows++;
    assert_int_equal(described, rows);
}

static void test_says_what_is_wrong_with_a_call(void **state) {
    struct stage *stage = *state;
    static const struct {
        const char *call;
        const char *error;
        const char *key;
        const char *value;
    } cases[] = {
        {"{" STAGE_METHOD("Nonsense") "}", SERVICE ".MethodNotFound", "method", "io.upkeep.Supervisor.Nonsense"},
        {"{\"method\":\"io.other.Status\"}", SERVICE ".InterfaceNotFound", "interface", "io.other"},
        {"{\"method\":\"Status\"}", SERVICE ".InterfaceNotFound", "interface", ""},
        {"{\"method\":\"\"}", SERVICE ".InterfaceNotFound", "interface", ""},
        {"{}", SERVICE ".InvalidParameter", "parameter", "method"},
        {"{" STAGE_METHOD("Status") ",\"more\":1}", SERVICE ".InvalidParameter", "parameter", "more"},
        {"{" STAGE_METHOD("Status") ",\"upgrade\":true}", SERVICE ".MethodNotImplemented", NULL, NULL},
        {"{" STAGE_METHOD("Status") ",\"parameters\":{\"x\":1}}", SERVICE ".InvalidParameter", "parameter", "x"},
        {"{" STAGE_METHOD("Show") "}", SERVICE ".InvalidParameter", "parameter", "app"},
        {"{" STAGE_METHOD("Show") ",\"parameters\":{\"app\":[]}}", SERVICE ".InvalidParameter", "parameter", "app"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":\"web\"}}", SERVICE ".InvalidParameter", "parameter",
         "apps"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":[1]}}", SERVICE ".InvalidParameter", "parameter", "apps"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"wait\":\"no\"}}", SERVICE ".InvalidParameter", "parameter",
         "wait"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"timeout_ms\":1.5}}", SERVICE ".InvalidParameter", "parameter",
         "timeout_ms"},
        {"{" STAGE_METHOD("Wait") ",\"parameters\":{\"wait\":true}}", SERVICE ".InvalidParameter", "parameter", "wait"},
        {"{" STAGE_METHOD("Apply") ",\"parameters\":{\"renew\":{\"web\":1}}}", SERVICE ".InvalidParameter", "parameter",
         "renew"},
        {"{" STAGE_METHOD("Apply") ",\"parameters\":{\"renew\":[]}}", SERVICE ".InvalidParameter", "parameter",
         "renew"},
        {"{" STAGE_METHOD("Events") "}", SERVICE ".ExpectedMore", NULL, NULL},
        {"{" STAGE_METHOD("Stop") ",\"parameters\":{\"apps\":[\"wbe\"]}}", "io.upkeep.Supervisor.NoSuchApp", "nearest",
         "web"},
        {"{" STAGE_METHOD("Why") ",\"parameters\":{\"app\":\"nothing-like-it\"}}", "io.upkeep.Supervisor.NoSuchApp",
         "app", "nothing-like-it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        stage_assert_error(peer_call(&stage->peer, cases[i].call), cases[i].error, cases[i].key, cases[i].value);
    assert_string_equal(fake_asked(stage->fake), "");
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static void assert_keys(json_t *object, const char *keys) {
    char *list = strdup(keys);
    size_t count = 0;
    for (char *rest = list, *key; (key = strtok_r(rest, " ", &rest)); count++)
        if (!json_object_get(object, key))
            fail_msg("no %s", key);
    assert_int_equal(count, json_object_size(object));
    free(list);
}

#define INSTANCE_KEYS                                                                                                  \
    "app name instance state pid uptime_ms restarts exit_code exit_signal why next_start_ms port health memory_bytes " \
    "cpu_percent stale status_text reloading said_errno"
#define HEALTH_KEYS " health_misses health_retries health_answer health_age_ms"

static void test_status(void **state) {
    struct stage *stage = *state;
    stage->fake->instances[WEB].status = "half way\xff";
    stage->fake->instances[WEB].config.port = 8080;
    stage->fake->instances[DB].tail = "one\ntwo \xff\n";
    stage->fake->instances[DB].config.health.kind = CONDITION_PORT;
    fake_change(stage->fake, WEB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, DB, PHASE_BACKOFF, CAUSE_EXITED, NULL);
    json_t *reply = peer_call(&stage->peer, "{" STAGE_METHOD("Status") ",\"parameters\":{}}");
    json_t *status = stage_parameters(reply);
    assert_keys(status, "supervisor instances failures");
    json_t *supervisor = json_object_get(status, "supervisor");
    assert_keys(supervisor, "name pid state manifest manifest_changed root profile version uptime_ms");
    assert_int_equal(json_integer_value(json_object_get(supervisor, "pid")), getpid());
    assert_string_equal(json_string_value(json_object_get(supervisor, "name")), "demo");

    json_t *web = json_array_get(json_object_get(status, "instances"), WEB);
    assert_keys(web, INSTANCE_KEYS);
    assert_string_equal(json_string_value(json_object_get(web, "state")), "starting");
    assert_int_equal(json_integer_value(json_object_get(web, "pid")), 4711);
    assert_int_equal(json_integer_value(json_object_get(web, "port")), 8080);
    assert_string_equal(json_string_value(json_object_get(web, "status_text")), "half way\xef\xbf\xbd");
    assert_true(json_is_null(json_object_get(web, "exit_code")));
    assert_true(json_is_false(json_object_get(web, "stale")));

    json_t *db = json_array_get(json_object_get(status, "instances"), DB);
    assert_keys(db, INSTANCE_KEYS HEALTH_KEYS); /* it has a health condition; of others they are left out */
    assert_true(json_is_null(json_object_get(db, "pid")));
    assert_true(json_is_null(json_object_get(db, "uptime_ms")));
    assert_int_equal(json_integer_value(json_object_get(db, "exit_code")), 3);
    assert_true(json_is_null(json_object_get(db, "exit_signal")));
    assert_in_range(json_integer_value(json_object_get(db, "next_start_ms")), 1, 5000);

    json_t *failures = json_object_get(status, "failures");
    assert_int_equal(json_array_size(failures), 1);
    json_t *failure = json_array_get(failures, 0);
    assert_keys(failure, "instance cause tail log attempt max_restarts restart_window_ms");
    assert_string_equal(json_string_value(json_object_get(failure, "cause")), "exited with code 3 after 1.2s");
    assert_string_equal(json_string_value(json_array_get(json_object_get(failure, "tail"), 1)), "two \xef\xbf\xbd");
    json_decref(reply);
}

static void test_show(void **state) {
    struct stage *stage = *state;
    json_t *reply = peer_call(&stage->peer, "{" STAGE_METHOD("Show") ",\"parameters\":{\"app\":\"api\"}}");
    json_t *details = json_object_get(stage_parameters(reply), "details");
    assert_int_equal(json_array_size(details), 1);
    json_t *detail = json_array_get(details, 0);
    assert_keys(detail, "instance since_ms wanted command cwd type ready depends_on stdout stderr restart "
                        "kill_timeout_ms tail tree health_check health_interval_ms verify user group");
    assert_string_equal(json_string_value(json_object_get(detail, "cwd")), "/srv/demo");
    assert_true(json_is_null(json_object_get(detail, "user")));
    assert_string_equal(json_string_value(json_object_get(detail, "type")), "service");
    assert_string_equal(json_string_value(json_object_get(detail, "restart")), "always");
    json_decref(reply);
}

static void test_why(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, API, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, WEB, PHASE_WAITING, CAUSE_DEPENDENCY_MISSING, "api");
    fake_change(stage->fake, API, PHASE_FAILED, CAUSE_EXITED, NULL);
    json_t *reply = peer_call(&stage->peer, "{" STAGE_METHOD("Why") ",\"parameters\":{\"app\":\"api\"}}");
    json_t *why = stage_parameters(reply);
    json_t *events = json_object_get(why, "events");
    assert_int_equal(json_array_size(events), 2);
    json_t *last = json_array_get(events, 1);
    assert_keys(last, "number time app name instance from to why by pid exit_code");
    assert_int_equal(json_integer_value(json_object_get(last, "number")), 3);
    assert_string_equal(json_string_value(json_object_get(last, "time")), "2023-11-14T22:13:20.123Z");
    assert_string_equal(json_string_value(json_object_get(last, "from")), "starting");
    assert_string_equal(json_string_value(json_object_get(last, "to")), "failed");
    assert_string_equal(json_string_value(json_object_get(last, "by")), "policy");
    assert_true(json_is_object(json_object_get(why, "failure")));
    json_decref(reply);
}

static void test_environment(void **state) {
    struct stage *stage = *state;
    json_t *reply = peer_call(&stage->peer, "{" STAGE_METHOD("Environment") ",\"parameters\":{\"app\":\"web\"}}");
    json_t *secret = json_array_get(json_object_get(stage_parameters(reply), "variables"), 0);
    assert_keys(secret, "name value origin line");
    assert_string_equal(json_string_value(json_object_get(secret, "name")), "SECRET");
    assert_true(json_is_null(json_object_get(secret, "value")));
    assert_int_equal(json_integer_value(json_object_get(secret, "line")), 12);
    json_decref(reply);

    reply =
        peer_call(&stage->peer, "{" STAGE_METHOD("Environment") ",\"parameters\":{\"app\":\"web\",\"reveal\":true}}");
    secret = json_array_get(json_object_get(stage_parameters(reply), "variables"), 0);
    assert_string_equal(json_string_value(json_object_get(secret, "value")), "hunter2");
    json_decref(reply);

    stage->fake->environment_fails = true;
    reply = peer_call(&stage->peer, "{" STAGE_METHOD("Environment") ",\"parameters\":{\"app\":\"web\"}}");
    json_t *findings = json_object_get(json_object_get(reply, "parameters"), "findings");
    assert_string_equal(json_string_value(json_array_get(findings, 0)), ".env:3: no value for KEY");
    stage_assert_error(reply, "io.upkeep.Supervisor.EnvironmentBroken", NULL, NULL);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void assert_event(json_t *reply, int64_t number, bool continues) {
    json_t *event = json_object_get(stage_parameters(reply), "event");
    assert_int_equal(json_integer_value(json_object_get(event, "number")), number);
    assert_int_equal(json_is_true(json_object_get(reply, "continues")), continues);
    json_decref(reply);
}

static void test_events_end(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, WEB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, API, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, WEB, PHASE_READY, CAUSE_READY, NULL);
    peer_say(&stage->peer, "{" STAGE_METHOD("Events") ",\"more\":true}");
    for (int64_t i = 1; i <= 3; i++)
        assert_event(peer_hear(&stage->peer), i, true);
    json_t *last = peer_hear(&stage->peer);
    assert_int_equal(json_object_size(stage_parameters(last)), 0);
    assert_null(json_object_get(last, "continues"));
    json_decref(last);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
}

static void test_events_follow(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, WEB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    peer_say(&stage->peer, "{" STAGE_METHOD("Events") ",\"more\":true,\"parameters\":{\"follow\":true}}");
    assert_event(peer_hear(&stage->peer), 1, true);
    fake_change(stage->fake, WEB, PHASE_READY, CAUSE_READY, "port 80 accepts connections");
    assert_event(peer_hear(&stage->peer), 2, true);
    assert_int_equal(fake_watches(stage->fake), 1);
    peer_close(&stage->peer);
    peer_settle(stage->loop);
    assert_int_equal(fake_watches(stage->fake), 0);
    peer_open(&stage->peer, stage->loop, stage->dir);
}

/* ---- wishes ------------------------------------------------------------------------------------------------------ */

static void test_wishes_reach_the_supervisor(void **state) {
    struct stage *stage = *state;
    static const struct {
        const char *call;
        const char *asked;
    } cases[] = {
        {"{" STAGE_METHOD("Start") "}", "start web db"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":[]}}", "start web db"},
        {"{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":[\"api\",\"db\"]}}", "start api db"},
        {"{" STAGE_METHOD("Stop") "}", "stop web api db"},
        {"{" STAGE_METHOD("Stop") ",\"parameters\":{\"apps\":[\"db\"]}}", "stop db"},
        {"{" STAGE_METHOD("Restart") "}", "restart web db"},
        {"{" STAGE_METHOD("Restart") ",\"parameters\":{\"apps\":[\"api\"]}}", "restart api"},
        {"{" STAGE_METHOD("Signal") ",\"parameters\":{\"app\":\"api\",\"signal\":\"HUP\"}}", "signal 1 api"},
        {"{" STAGE_METHOD("Signal") ",\"parameters\":{\"app\":\"api\",\"signal\":\"15\"}}", "signal 15 api"},
        {"{" STAGE_METHOD("Shutdown") "}", "shutdown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t app = WEB; app <= DB; app++)
            stage->fake->instances[app].wanted = false;
        stage->fake->instances[API].config.autostart = false;
        json_t *reply = peer_call(&stage->peer, cases[i].call);
        stage_parameters(reply);
        json_decref(reply);
        assert_string_equal(fake_asked(stage->fake), cases[i].asked);
        assert_int_equal(stage->fake->actor.kind, ACTOR_USER);
        assert_int_equal(stage->fake->actor.uid, geteuid());
        assert_int_equal(stage->fake->actor.pid, getpid());
    }
}

static void test_start_of_all_leaves_done_oneshots(void **state) {
    struct stage *stage = *state;
    fake_change(stage->fake, DB, PHASE_DONE, CAUSE_EXITED, NULL);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Start") "}"));
    assert_string_equal(fake_asked(stage->fake), "start web api");
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":[\"db\"]}}"));
    assert_string_equal(fake_asked(stage->fake), "start db");
}

static void test_refuses_starts_when_ending(void **state) {
    struct stage *stage = *state;
    stage->fake->state = "stopping";
    stage_assert_error(peer_call(&stage->peer, "{" STAGE_METHOD("Start") "}"), "io.upkeep.Supervisor.ShuttingDown",
                       NULL, NULL);
    stage_assert_error(peer_call(&stage->peer, "{" STAGE_METHOD("Restart") "}"), "io.upkeep.Supervisor.ShuttingDown",
                       NULL, NULL);
    assert_string_equal(fake_asked(stage->fake), "");
}

static void test_signal_fails(void **state) {
    struct stage *stage = *state;
    static const char call[] = "{" STAGE_METHOD("Signal") ",\"parameters\":{\"app\":\"db\",\"signal\":\"HUP\"}}";
    stage_assert_error(
        peer_call(&stage->peer, "{" STAGE_METHOD("Signal") ",\"parameters\":{\"app\":\"db\",\"signal\":\"SIGNOT\"}}"),
        "io.upkeep.Supervisor.BadSignal", "signal", "SIGNOT");
    stage->fake->signal_error = -ESRCH;
    stage_assert_error(peer_call(&stage->peer, call), "io.upkeep.Supervisor.NotRunning", "app", "db");
    stage->fake->signal_error = -EPERM;
    stage_assert_error(peer_call(&stage->peer, call), "io.upkeep.Supervisor.Failed", "why", "Operation not permitted");
}

static void test_verify(void **state) {
    struct stage *stage = *state;
    static const char call[] = "{" STAGE_METHOD("Verify") ",\"parameters\":{\"apps\":[\"db\",\"api\"]}}";
    struct app_config *config = &stage->fake->instances[DB].config;
    char *verify[] = {"tcp:127.0.0.1:1", "exec:no-such-program"};
    struct text error TEXT_AUTO = {0};
    json_t *reply = peer_call(&stage->peer, call);
    assert_int_equal(json_array_size(json_object_get(stage_parameters(reply), "results")), 0);
    json_decref(reply);

    assert_true(condition_parse("unix:/no/such/socket", &config->health, &error));
    config->health_retries = 1;
    config->health_timeout_ms = 1000;
    config->verify = (struct list){verify, 2};
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    fake_change(stage->fake, DB, PHASE_READY, CAUSE_READY, NULL);
    reply = peer_call(&stage->peer, call);
    json_t *results = json_object_get(stage_parameters(reply), "results");
    static const char *const expected[][2] = {
        {"unix:/no/such/socket", "/no/such/socket does not exist"},
        {"tcp:127.0.0.1:1", "connection refused on 127.0.0.1:1"},
        {"exec:no-such-program", "cannot find no-such-program, which exec: runs: No such file or directory"},
    };
    assert_int_equal(json_array_size(results), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *result = json_array_get(results, i);
        assert_keys(result, "app condition ok answer");
        assert_string_equal(json_string_value(json_object_get(result, "condition")), expected[i][0]);
        assert_string_equal(json_string_value(json_object_get(result, "answer")), expected[i][1]);
        assert_true(json_is_false(json_object_get(result, "ok")));
    }
    json_decref(reply);
    assert_int_equal(stage->fake->instances[DB].holds, 0);

    /* Who hangs up, or has no time, leaves nothing behind. */
    config->health_retries = 1000;
    peer_say(&stage->peer, "{" STAGE_METHOD("Verify") ",\"parameters\":{\"apps\":[\"db\"],\"timeout_ms\":20}}");
    reply = peer_hear(&stage->peer);
    results = json_object_get(stage_parameters(reply), "results");
    assert_string_equal(json_string_value(json_object_get(json_array_get(results, 1), "answer")),
                        "not met within 20ms: connection refused on 127.0.0.1:1");
    json_decref(reply);
    peer_say(&stage->peer, call);
    peer_settle(stage->loop);
    assert_int_equal(stage->fake->instances[DB].holds, 1);
    peer_close(&stage->peer);
    peer_settle(stage->loop);
    assert_int_equal(stage->fake->instances[DB].holds, 0);
    assert_int_equal(fake_watches(stage->fake), 0);
    condition_fini(&config->health);
}

/* ---- one connection ---------------------------------------------------------------------------------------------- */

static void test_answers_in_order(void **state) {
    struct stage *stage = *state;
    peer_say(&stage->peer, "{" STAGE_METHOD("Wait") ",\"parameters\":{\"apps\":[\"db\"]}}");
    peer_say(&stage->peer, "{" STAGE_METHOD("Nonsense") "}");
    peer_say(&stage->peer, "{\"method\":\"org.varlink.service.GetInfo\"}");
    fake_change(stage->fake, DB, PHASE_STARTING, CAUSE_SPAWNED, NULL);
    peer_settle(stage->loop);
    fake_change(stage->fake, DB, PHASE_READY, CAUSE_READY, NULL);
    fake_round(stage->fake);
    json_t *reply = peer_hear(&stage->peer);
    assert_non_null(json_object_get(stage_parameters(reply), "timed_out"));
    json_decref(reply);
    stage_assert_error(peer_hear(&stage->peer), SERVICE ".MethodNotFound", NULL, NULL);
    reply = peer_hear(&stage->peer);
    assert_non_null(json_object_get(stage_parameters(reply), "vendor"));
    json_decref(reply);
}

static void test_oneway_calls_get_no_reply(void **state) {
    struct stage *stage = *state;
    peer_say(&stage->peer, "{" STAGE_METHOD("Stop") ",\"oneway\":true,\"parameters\":{\"wait\":true}}");
    peer_say(&stage->peer, "{" STAGE_METHOD("Nonsense") ",\"oneway\":true}");
    peer_say(&stage->peer,
             "{" STAGE_METHOD("Events") ",\"oneway\":true,\"more\":true,\"parameters\":{\"follow\":true}}");
    json_t *reply = peer_call(&stage->peer, "{\"method\":\"org.varlink.service.GetInfo\"}");
    assert_non_null(json_object_get(stage_parameters(reply), "vendor"));
    json_decref(reply);
    assert_string_equal(fake_asked(stage->fake), "stop web api db");
    assert_int_equal(fake_watches(stage->fake), 0);
}

static void test_half_closed_callers_are_answered(void **state) {
    struct stage *stage = *state;
    peer_say(&stage->peer, "{" STAGE_METHOD("Status") "}");
    peer_say(&stage->peer, "{" STAGE_METHOD("Start") ",\"parameters\":{\"apps\":[\"db\"],\"wait\":true}}");
    shutdown(stage->peer.fd, SHUT_WR);
    json_t *reply = peer_hear(&stage->peer);
    stage_parameters(reply);
    json_decref(reply);
    peer_settle(stage->loop);
    stage->fake->instances[DB].pending = false;
    fake_change(stage->fake, DB, PHASE_READY, CAUSE_READY, NULL);
    fake_round(stage->fake);
    reply = peer_hear(&stage->peer);
    assert_int_equal(json_array_size(json_object_get(stage_parameters(reply), "failures")), 0);
    json_decref(reply);
    assert_null(peer_hear(&stage->peer));
}

static void test_shutdown_keeps_the_connection(void **state) {
    struct stage *stage = *state;
    json_t *reply = peer_call(&stage->peer, "{" STAGE_METHOD("Shutdown") "}");
    assert_int_equal(json_object_size(stage_parameters(reply)), 0);
    json_decref(reply);
    json_decref(peer_call(&stage->peer, "{" STAGE_METHOD("Status") "}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tells_what_it_is, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_describes_its_interfaces, stage_setup, stage_teardown),
        cmocka_unit_test(test_table_and_interface_agree),
        cmocka_unit_test_setup_teardown(test_says_what_is_wrong_with_a_call, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_status, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_show, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_why, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_environment, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_events_end, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_events_follow, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_wishes_reach_the_supervisor, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_start_of_all_leaves_done_oneshots, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_refuses_starts_when_ending, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_signal_fails, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_verify, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_answers_in_order, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_oneway_calls_get_no_reply, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_half_closed_callers_are_answered, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(test_shutdown_keeps_the_connection, stage_setup, stage_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
