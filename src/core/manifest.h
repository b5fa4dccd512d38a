/* The model of a manifest: what is written, with its places, and what it means, as typed values.
 *
 * A value may hold ${…} that only the app's environment can fill, and that environment is made anew at every start.
 * So the manifest keeps each setting as text with its line, and manifest_resolve() makes the typed app_config of one
 * start from it. What a key is called, means and defaults to stands once, in the table of manifest_keys.c. */
#ifndef UPKEEP_CORE_MANIFEST_H
#define UPKEEP_CORE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/condition.h"
#include "core/diag.h"
#include "core/env.h"
#include "core/value.h"

/* A value as written: continuation lines joined by '\n', a comment or empty line among them as an empty line, so that
 * the n-th line of text stands in line + n of the file. text is NULL where nothing was written. Borrowed from the
 * manifest. */
struct setting {
    const char *text;
    unsigned line;
};

enum app_type { APP_SERVICE, APP_ONESHOT };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum kill_mode { KILL_TREE, KILL_GROUP, KILL_PROCESS };
enum log_format { LOG_RAW, LOG_TEXT, LOG_JSON };
enum log_target_kind { LOG_TO_FILE, LOG_TO_INHERITED, LOG_TO_NULL, LOG_TO_JOURNAL, LOG_TO_STDOUT };
enum on_failure { ON_FAILURE_KEEP, ON_FAILURE_EXIT };
enum stop_order { STOP_REVERSE, STOP_PARALLEL };
enum ready_when { READY_WHEN_ALL, READY_WHEN_ANY, READY_WHEN_STARTED };

struct log_target {
    enum log_target_kind kind;
    char *path; /* LOG_TO_FILE: relative to root, or absolute; NULL: LOG_DIR/NAME.log */
};

/* A list of strings. Owns them. */
struct list {
    char **items;
    size_t count;
};
void list_fini(struct list *list);

/* What an app's keys mean for one start. Owns its strings. All paths are as written (expanded, `~/` included); joining
 * them with root is done with manifest_path(). */
struct app_config {
    char *command;
    char *cwd; /* NULL: root */
    bool shell;
    enum app_type type;
    bool autostart;
    struct list depends_on;
    bool inherit_env;
    struct list require_env;
    struct list require_path;
    struct list lint_ignore;
    struct list prepare;
    struct list prepare_inputs; /* as glob_parse() takes them, some with a `!` before */
    struct list pre_start;
    int64_t port;             /* 0: none */
    struct list listen;       /* as listen_parse() takes them */
    struct condition ready;   /* never CONDITION_DEFAULT after resolving */
    int64_t ready_timeout_ms; /* 0: none; see docs/adr on oneshots */
    bool ready_owner;
    struct condition health; /* CONDITION_DEFAULT: none */
    int64_t health_interval_ms;
    int64_t health_timeout_ms;
    int64_t health_retries;
    struct list verify; /* as condition_parse() takes them */
    enum restart_policy restart;
    struct exit_set success_exit_codes;
    int64_t restart_delay_ms;
    int64_t restart_delay_max_ms;
    int64_t min_uptime_ms;
    int64_t max_restarts; /* 0: never give up */
    int64_t restart_window_ms;
    int stop_signal;
    char *stop_command; /* NULL: none */
    int64_t kill_timeout_ms;
    enum kill_mode kill_mode;
    int64_t watchdog_ms; /* 0: none */
    struct log_target stdout_target;
    struct log_target stderr_target;
    enum log_format log_format;
    char *user;  /* a name or a number; NULL: the supervisor's */
    char *group; /* likewise; NULL: the user's */
    struct spawn_attributes attributes;
};

/* env and env_file of one section that applies to an app, lowest first; see core/layers.h. */
struct env_layer {
    struct setting env_file;
    struct setting env;
};

enum {
    MANIFEST_LAYER_DEFAULTS,
    MANIFEST_LAYER_DEFAULTS_PROFILE,
    MANIFEST_LAYER_APP,
    MANIFEST_LAYER_APP_PROFILE,
    MANIFEST_ENV_LAYERS
};

struct manifest_app {
    char *name;
    unsigned line;            /* of its section */
    struct setting *settings; /* by row of manifest_app_keys; profile and defaults already applied */
    struct env_layer layers[MANIFEST_ENV_LAYERS];
};

struct supervisor_config {
    char *name;
    char *root;        /* absolute, as manifest_parse was given or joined with the manifest's folder */
    char *runtime_dir; /* absolute */
    char *log_dir;     /* absolute */
    unsigned socket_mode;
    char *socket_group; /* NULL: none */
    enum on_failure on_failure;
    bool exit_when_done;
    enum stop_order stop_order;
    enum ready_when ready_when;
};

struct manifest {
    char *file;    /* as the user named it: for messages */
    char *dir;     /* absolute path of its folder */
    char *profile; /* NULL: none */
    struct supervisor_config supervisor;
    struct setting *supervisor_settings; /* what it was made from, by row of manifest_supervisor_keys */
    struct manifest_app *apps;           /* in the order of the file */
    size_t app_count;
    struct manifest_chunk *chunks; /* the memory of the settings' texts */
};

/* Reads a manifest of len bytes. file: its name for diagnostics; dir: absolute path of its folder; profile: NULL for
 * none; environment: the supervisor's, for ${…} in [upkeep]. Collects every mistake there is: unknown, duplicate or
 * misplaced sections and keys (with the one that was meant), bad values, NUL bytes, lines too long, unknown
 * dependencies and cycles. False when there was an error; *out is then to be freed all the same. */
bool manifest_parse(const char *bytes, size_t len, const char *file, const char *dir, const char *profile,
                    const struct env *environment, struct manifest *out, struct diags *diags);
void manifest_fini(struct manifest *manifest);

/* Fills *out from the app's settings, with ${…} from env. Mistakes go to diags as MANIFEST:LINE. False when there was
 * one. */
bool manifest_resolve(const struct manifest *manifest, const struct manifest_app *app, const struct env *env,
                      struct app_config *out, struct diags *diags);
void app_config_fini(struct app_config *config);

/* The line in which an entry of a list stands that is written there as it is; else that of the setting. */
unsigned manifest_line_of(const struct setting *setting, const char *entry);

/* The setting of a key by name, for its place; its text is NULL when it was not written. The key must be a row. */
struct setting manifest_setting(const struct manifest_app *app, const char *key);

/* What an app or a profile may be called: [A-Za-z0-9_-]+, at most LIMIT_NAME bytes. */
bool manifest_is_name(const char *name);

/* NULL when there is no such app. */
const struct manifest_app *manifest_find(const struct manifest *manifest, const char *name);

/* Whether an app is one of those that a command names, which are all when it names none. */
bool manifest_is_named(const char *app, char *const *names, size_t name_count);

/* path made absolute: `~/` from env's HOME, a relative one joined with base (absolute). Heap; NULL when out of memory.
 */
char *manifest_path(const char *base, const char *path, const struct env *env);

/* Prints the manifest as it was understood: profile and [defaults] worked in, values in canonical form, what equals a
 * key's default left out; ${…} stays. Parsing that under the same profile gives the same. */
void manifest_print(const struct manifest *manifest, struct text *out);

#endif
