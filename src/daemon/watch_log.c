/* log: a line of the app's output that matches a regular expression. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/watch.h"

struct log_watch {
    struct readiness *readiness;
    regex_t regex;
    bool has_regex;
    char *pattern;
};

static void on_line(void *context, bool is_stderr, const char *line, size_t len) {
    (void)is_stderr;
    struct log_watch *watch = context;
    struct readiness *readiness = watch->readiness;
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)len}; /* by REG_STARTEND: a line may hold NULs */
    if (readiness->verdict != WATCH_UNDECIDED || regexec(&watch->regex, line, 1, &range, REG_STARTEND) != 0)
        return;
    text_printf(&readiness->sentence, "wrote a line matching /%s/", watch->pattern);
    readiness_report(readiness, WATCH_READY);
}

static int prepare(struct readiness *readiness, const struct watch_request *request, struct text *error) {
    struct log_watch *watch = readiness->state;
    watch->readiness = readiness;
    watch->pattern = strdup(request->config->ready.path);
    if (!watch->pattern) {
        text_str(error, "out of memory");
        return -ENOMEM;
    }
    int code = regcomp(&watch->regex, watch->pattern, REG_EXTENDED | REG_NOSUB);
    watch->has_regex = code == 0;
    if (code != 0) {
        char why[128];
        regerror(code, &watch->regex, why, sizeof why);
        text_printf(error, "ready: log:%s: %s", watch->pattern, why);
        return -EINVAL;
    }
    text_printf(&readiness->answer, "no line matched /%s/", watch->pattern);
    return 0;
}

static void start(struct readiness *readiness) {
    output_watch(readiness->output, on_line, readiness->state);
}

static void stop(struct readiness *readiness) {
    struct log_watch *watch = readiness->state;
    if (readiness->output)
        output_watch(readiness->output, NULL, NULL);
    if (watch->has_regex)
        regfree(&watch->regex);
    watch->has_regex = false;
    free(watch->pattern);
    watch->pattern = NULL;
}

const struct watch watch_log = {
    .state_bytes = sizeof(struct log_watch), .prepare = prepare, .start = start, .stop = stop};
