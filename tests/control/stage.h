/* What every test of the control socket begins with. */
#ifndef UPKEEP_TESTS_STAGE_H
#define UPKEEP_TESTS_STAGE_H

#include "daemon/control.h"
#include "fake_supervisor.h"
#include "peer.h"

#define STAGE_METHOD(name) "\"method\":\"io.upkeep.Supervisor." name "\""

struct stage {
    char dir[40];
    struct loop *loop;
    struct supervisor *fake; /* with the apps web, api and db; web depends on api, api on db */
    struct control *control;
    struct peer peer;
};

enum { WEB, API, DB };

/* For cmocka: a stage as the test's state. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* The reply's parameters, checked to be no error. Borrowed. */
json_t *stage_parameters(json_t *reply);

/* Checks the reply's error and that its parameter `key` is value (NULL: no parameter is checked); frees the reply. */
void stage_assert_error(json_t *reply, const char *error, const char *key, const char *value);

#endif
