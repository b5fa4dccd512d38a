/* THE rule table: what `upkeep check` looks for, one row a rule. Findings, `check --list-rules`, `lint_ignore` and
 * docs/checks.md are all driven by it. A new rule is a row here and whoever looks for it, in local/check_*.c. */
#ifndef UPKEEP_CORE_RULES_H
#define UPKEEP_CORE_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum diag_severity { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

enum rule_id {
    RULE_MANIFEST, /* also whatever no other rule is about */
    RULE_PROGRAM,
    RULE_INTERPRETER,
    RULE_NPM_SCRIPT,
    RULE_FOLDER,
    RULE_USER,
    RULE_LIMITS,
    RULE_REQUIRE_ENV,
    RULE_REQUIRE_PATH,
    RULE_PORT_HELD,
    RULE_PORT_TWICE,
    RULE_PORT_PRIVILEGED,
    RULE_BACKGROUND,
    RULE_NEXT_BUILD,
    RULE_MISSING_BUILD,
    RULE_STALE_BUILD,
    RULE_PLACEHOLDER,
    RULE_EMPTY_SECRET,
    RULE_UNREAD_DOTENV,
    RULE_ENV_EXAMPLE,
    RULE_SECRET_MODE,
    RULE_HOME_PATH,
    RULE_DEV_COMMAND,
    RULE_NODE_ENV,
    RULE_PREPARE_PROGRAM,
    RULE_PREPARE_INPUTS,
    RULE_SHELL_SIGN,
    RULE_SERVICE_DOWN,
    RULE_FIXED_SLEEP,
    RULE_HARD_STOP,
    RULE_GRACEFUL_STOP,
    RULE_ASGI,
    RULE_WSGI,
    RULE_USER_WRITES,
    RULE_UNIT,
};

struct rule_row {
    const char *id;              /* as lint_ignore and the findings have it */
    enum diag_severity severity; /* errors would make a start fail, and cannot be silenced */
    const char *summary;         /* one line, no full stop */
    const char *advice;          /* what to do, unless a finding knows better: one line, no full stop */
    const char *text;            /* the paragraph of the documentation */
    bool prepare_mends;          /* the app's own `prepare` lines may mend it: deploy looks again once they have run */
};

extern const struct rule_row rule_rows[]; /* by enum rule_id */
extern const size_t rule_count;

/* `error`, `warning`, `note`. */
const char *rule_severity_word(enum diag_severity severity);

/* NULL when there is no rule of this id. */
const struct rule_row *rule_find(const char *id);

/* The id that was probably meant, or NULL. */
const char *rule_nearest(const char *id);

#endif
