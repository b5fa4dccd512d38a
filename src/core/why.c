#include "core/why.h"

#include "core/value.h"

void outcome_print(struct outcome outcome, struct text *out) {
    switch (outcome.kind) {
    case OUTCOME_EXIT:
        text_printf(out, "exited with code %d", outcome.number);
        return;
    case OUTCOME_SIGNAL:
        text_printf(out, "killed by %s%s", value_signal_name(outcome.number),
                    outcome.core_dumped ? " (core dumped)" : "");
        return;
    case OUTCOME_LOST:
        text_str(out, "ended with unknown status");
        return;
    case OUTCOME_NONE:
        text_str(out, "ended");
        return;
    }
}

static void print_after(int64_t after_ms, struct text *out) {
    text_str(out, " after ");
    value_print_elapsed(after_ms, out);
}

static void print_end(const char *who, const struct why *why, struct text *out) {
    text_str(out, who);
    outcome_print(why->outcome, out);
    print_after(why->after_ms, out);
}

static void print_limit(const char *words, const struct why *why, struct text *out) {
    text_str(out, words);
    value_print_duration(why->after_ms, out);
}

static void print_more(const char *before, const char *detail, struct text *out) {
    if (!detail)
        return;
    text_str(out, before);
    text_str(out, detail);
}

/* A request; once it has been carried out, also how the process ended. */
static void print_asked(const char *words, const struct why *why, const char *detail, struct text *out) {
    text_str(out, words);
    print_more(" by ", detail, out);
    if (why->outcome.kind != OUTCOME_NONE)
        print_end(", ", why, out);
}

void why_print(const struct why *why, const char *detail, struct text *out) {
    switch (why->cause) {
    case CAUSE_NONE:
        text_str(out, detail ? detail : "");
        return;
    case CAUSE_ASKED_START:
        print_asked("asked to start", why, detail, out);
        return;
    case CAUSE_ASKED_STOP:
        print_asked("asked to stop", why, detail, out);
        return;
    case CAUSE_ASKED_RESTART:
        print_asked("asked to restart", why, detail, out);
        return;
    case CAUSE_ASKED_KILL:
        print_asked("asked to end at once", why, detail, out);
        return;
    case CAUSE_DEPENDENCY_READY:
        text_printf(out, "%s", detail ? detail : "everything it depends on");
        text_str(out, " is ready");
        return;
    case CAUSE_DEPENDENCY_MISSING:
        text_printf(out, "waiting for %s", detail ? detail : "what it depends on");
        return;
    case CAUSE_DEPENDENCY_FAILED:
        text_printf(out, "%s has failed", detail ? detail : "something it depends on");
        return;
    case CAUSE_BACKOFF_OVER:
        text_str(out, "tried again");
        print_after(why->after_ms, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_SPAWNED:
        text_str(out, "spawned");
        print_more(": ", detail, out);
        return;
    case CAUSE_SPAWN_FAILED:
        text_str(out, detail ? detail : "cannot be spawned");
        return;
    case CAUSE_READY:
        text_str(out, detail ? detail : "ready");
        return;
    case CAUSE_NOT_READY_IN_TIME:
        print_limit("not ready within ", why, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_UNFIT:
        text_str(out, detail ? detail : "can never become ready");
        return;
    case CAUSE_UNHEALTHY:
        text_str(out, detail ? detail : "unhealthy");
        return;
    case CAUSE_WATCHDOG:
        if (why->after_ms > 0)
            print_limit("hung: no WATCHDOG=1 within ", why, out);
        else
            text_str(out, "hung: the app said WATCHDOG=trigger");
        print_more(": ", detail, out);
        return;
    case CAUSE_ENDING:
        text_str(out, "the app said STOPPING=1");
        if (why->outcome.kind != OUTCOME_NONE)
            print_end(", ", why, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_EXITED:
        print_end("", why, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_PRE_START_DONE:
        text_str(out, "pre_start succeeded");
        print_after(why->after_ms, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_PRE_START_FAILED:
        print_end("pre_start ", why, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_STOP_COMMAND_ENDED:
        print_end("stop_command ", why, out);
        print_more(": ", detail, out);
        return;
    case CAUSE_KILL_TIMEOUT:
        print_limit("killed: not stopped within ", why, out);
        print_more(": ", detail, out);
        return;
    }
}
