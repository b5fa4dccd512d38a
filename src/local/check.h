/* `upkeep check` at work: what all its parts share. Each part looks for some of the rules of core/rules.h. Internal to
 * daemon/. */
#ifndef UPKEEP_LOCAL_CHECK_H
#define UPKEEP_LOCAL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/diag.h"
#include "core/env.h"
#include "core/manifest.h"
#include "core/rules.h"
#include "core/words.h"
#include "daemon/launch.h"
#include "host/rights.h"
#include "host/tag.h"

struct check {
    const struct manifest *manifest;
    struct launch_context launch;
    struct tag_range running; /* of a supervisor that runs now: its apps may hold their own ports */
    bool has_running;
    uid_t runner;          /* who it runs as */
    pid_t supervisor;      /* and itself; 0: none */
    int64_t *ports;        /* by app; 0: none */
    int64_t *served_ports; /* by app, that its readiness is looked for at; 0: none */
    struct diags *diags;
};

/* One app under check. */
struct check_app {
    const struct manifest_app *app;
    struct env env;
    struct app_config config;
    char *cwd;             /* absolute */
    struct list env_files; /* that were read: absolute paths */
    struct proc_terms terms;
    struct rights rights; /* of the account of its terms */
    bool is_development;
    bool has_record; /* of what it was prepared from: nothing has to be guessed from the times of files */
};

/* Where a key of the manifest stands, or one of its entries when that is not NULL; where the app does when the key is
 * not written. Its strings are borrowed; there is no advice yet. */
struct diag_place check_place(const struct check *check, const struct check_app *app, const char *key,
                              const char *entry);

/* A finding at a key of the manifest, or at one of its entries when that is not NULL. Says nothing when the app ignores
 * the rule. */
void check_find(const struct check *check, const struct check_app *app, enum rule_id rule, const char *key,
                const char *entry, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* A finding in another file, or with an advice of its own; place->app is the app's. */
void check_find_at(const struct check *check, const struct check_app *app, enum rule_id rule,
                   const struct diag_place *place, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* An absolute path as messages have it: relative to root, when it is below. Points into path. */
const char *check_name(const struct check *check, const char *path);

/* The rights to look with: NULL when the app runs as who checks. */
const struct rights *check_rights(const struct check_app *app);

/* Who the app runs as and within what limits. False when that cannot be told (a finding, made already). */
bool check_terms(const struct check *check, struct check_app *app);

/* The parts. Each takes an app that could be resolved; those about its folder only when that can be entered. */
void check_commands(const struct check *check, struct check_app *app); /* programs, interpreters, what they are */
void check_builds(const struct check *check, struct check_app *app);   /* missing and stale ones */
void check_prepare(const struct check *check, struct check_app *app);
void check_habits(const struct check *check, const struct check_app *app); /* sleeps, hard stops */
void check_port(const struct check *check, struct check_app *app);
void check_listen(const struct check *check, const struct check_app *app);
void check_journal(const struct check *check, const struct check_app *app);
void check_services(const struct check *check, const struct check_app *app);
void check_dotenv(const struct check *check, const struct check_app *app);  /* examples, modes */
void check_secrets(const struct check *check, const struct check_app *app); /* placeholders, empty ones */
void check_homes(const struct check *check, const struct check_app *app);
void check_supervisor_homes(const struct check *check);

/* One simple command that the app's command runs, as far as that can be told: the command itself, those of a shell's
 * line, those of the npm script behind it. */
struct check_step {
    char *const *words; /* at least one; ends with NULL */
    size_t count;
    const char *folder;   /* where it runs; NULL: not known */
    const char *programs; /* the PATH that its program is looked up in; NULL: not known */
    const char *script;   /* the script of package.json that it stands in; NULL: none */
    bool is_shells;       /* a shell looks the program up: nobody else has said whether it is there */
    bool must_work;       /* a start fails without it */
    bool is_followed;     /* by another one, once it has ended */
};
typedef void check_each_step(const struct check *check, const struct check_app *app, const struct check_step *step);

/* Calls each for all of them, in order; what a shell's line cannot be told of is one step of which nothing is known. */
void check_walk(const struct check *check, const struct check_app *app, check_each_step *each);

/* Finds that a command could not be launched because it begins with what only a shell knows; false when that is not
 * why. */
bool check_needs_shell(const struct check *check, const struct check_app *app, enum rule_id rule, const char *key,
                       const char *command, const struct launch *launch);

/* What a shell would understand in a command that none runs. */
void check_shell_sign(const struct check *check, const struct check_app *app, const char *key, const char *command);

/* Whether `python -m` finds its module in a virtual environment. */
void check_python(const struct check *check, const struct check_app *app, const struct check_step *step);

/* Whether it is a WSGI server where the application needs an ASGI one. */
void check_asgi(const struct check *check, const struct check_app *app, const struct check_step *step);

/* package.json of a folder as JSON (json_t), which the caller decrefs. NULL with the reason in error. */
void *check_package(const struct check *check, const char *folder, struct text *error);

/* Whether a file is there, relative to a folder or absolute. */
bool check_has_file(const char *folder, const char *name);

#endif
