#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int stage_setup(void **state) {
    struct stage *stage = calloc(1, sizeof *stage);
    *state = stage;
    strcpy(stage->dir, "/tmp/upkeep-control-XXXXXX");
    if (!mkdtemp(stage->dir) || chmod(stage->dir, 0755) < 0)
        return -1;
    stage->loop = loop_new();
    stage->fake = fake_new(stage->loop, stage->dir, "web api db");
    fake_depends(stage->fake, WEB, API);
    fake_depends(stage->fake, API, DB);
    struct text error TEXT_AUTO = {0};
    stage->control = control_new(stage->fake, &error);
    if (!stage->control)
        return -1;
    peer_open(&stage->peer, stage->loop, stage->dir);
    return 0;
}

int stage_teardown(void **state) {
    struct stage *stage = *state;
    peer_close(&stage->peer);
    control_free(stage->control);
    size_t watches = fake_watches(stage->fake);
    supervisor_free(stage->fake);
    loop_free(stage->loop);
    int failed = rmdir(stage->dir); /* the socket is gone */
    free(stage);
    return watches > 0 ? -1 : failed;
}

json_t *stage_parameters(json_t *reply) {
    assert_non_null(reply);
    assert_null(json_object_get(reply, "error"));
    return json_object_get(reply, "parameters");
}

void stage_assert_error(json_t *reply, const char *error, const char *key, const char *value) {
    assert_non_null(reply);
    assert_string_equal(json_string_value(json_object_get(reply, "error")), error);
    if (key)
        assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "parameters"), key)), value);
    json_decref(reply);
}
