/* What commands and values give away about a deployment that will go wrong. Judgements of texts, for local/check. */
#ifndef UPKEEP_CORE_LINT_H
#define UPKEEP_CORE_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include "core/text.h"

/* Whether the stack runs for development. The profile says it (`dev`, `local`, `test-2`), where there is none the name
 * of the stack (`shop-dev`, but not `shop-staging`), where that says nothing NODE_ENV or APP_ENV. NULL: not known. */
bool lint_is_development(const char *profile, const char *name, const struct env *env);

/* Whether the name is one of a deployment: staging, production, live-2. */
bool lint_is_deployment_name(const char *name);

/* Whether the command is a development server; appends what gives it away: `next dev`. */
bool lint_is_development_command(char *const *words, size_t count, struct text *what);

/* Whether the command serves WSGI, which knows no WebSockets. */
bool lint_is_wsgi(char *const *words, size_t count);

/* The script of package.json that the command runs: `build` of `npm run build`. NULL: none, or not to be told (a
 * workspace's). *folder_out: where that package.json is (`web` of `npm --prefix web start`), NULL for the command's
 * own; within words. */
const char *lint_npm_script(char *const *words, size_t count, const char **folder_out);

/* Whether the command serves a build of Next.js. *folder_out: of the build, where one is named; else NULL. */
bool lint_is_next_start(char *const *words, size_t count, const char **folder_out);

/* Whether the program goes into the background, and its first process ends at once; appends what gives it away:
 * `gunicorn --daemon`. */
bool lint_is_background(char *const *words, size_t count, struct text *what);

/* How long `sleep 10` takes, as it is written; NULL for anything else, `sleep infinity` too. */
const char *lint_sleep(char *const *words, size_t count);

/* The signal at which a server ends when it has answered what is under way, where it ends at once at SIGTERM: 0 for all
 * others. */
int lint_graceful_signal(char *const *words, size_t count);

/* A program, or any file, without its folder: `nginx` of `/usr/sbin/nginx`; within path. */
const char *lint_program(const char *path);

/* The script that an interpreter is to run: `server.js` of `node server.js`. NULL: none, or not to be told. */
const char *lint_script_file(char *const *words, size_t count);

/* Whether the command is Node's: node, npm, npx, … or something in node_modules. */
bool lint_is_node(const char *program);

/* Whether the text holds an absolute path into somebody's home; appends that home: `/home/anna`. */
bool lint_has_home(const char *text, struct text *home);

/* Whether a variable holds what others should not read, by its name or as a password in a URL. What begins with
 * `example` is none. */
bool lint_is_secret(const char *name, const char *value);

/* Whether the name alone says so: API_KEY, but not NEXT_PUBLIC_KEY. */
bool lint_is_secret_name(const char *name);

/* The port of a service on this machine that a URL points to (`redis://localhost/0`): 0 for anything else. */
int lint_local_service(const char *url);

/* The same where host and port are apart: the port of REDIS_HOST=localhost, as REDIS_PORT says or as is usual. */
int lint_local_host(const struct env *env, const char *name, const char *value);

#endif
