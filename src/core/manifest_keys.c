#include "core/manifest_keys.h"

#include <stddef.h>
#include <string.h>

static const char *const type_words[] = {"service", "oneshot", NULL};
static const char *const restart_words[] = {"always", "on-failure", "never", NULL};
static const char *const kill_mode_words[] = {"tree", "group", "process", NULL};
static const char *const log_format_words[] = {"raw", "text", "json", NULL};
static const char *const on_failure_words[] = {"keep", "exit", NULL};
static const char *const stop_order_words[] = {"reverse", "parallel", NULL};
static const char *const ready_when_words[] = {"all", "any", "started", NULL};

/* After LOG_TO_FILE, which is every other word. */
static const char *const stdout_words[] = {"inherit", "null", "journal", NULL};
static const char *const stderr_words[] = {"inherit", "null", "journal", "stdout", NULL};

#define APP(field) offsetof(struct app_config, field)
#define SUPERVISOR(field) offsetof(struct supervisor_config, field)

const struct manifest_key manifest_supervisor_keys[] = {
    {.name = "name",
     .type = KEY_STRING,
     .offset = SUPERVISOR(name),
     .fallback_words = "the root folder's name",
     .summary = "The name of the stack, shown everywhere",
     .text = "Choose one when several checkouts of the same project run on one machine.",
     .example = "name = shop-staging"},
    {.name = "root",
     .type = KEY_PATH,
     .offset = SUPERVISOR(root),
     .fallback = ".",
     .summary = "The folder that the apps' paths are relative to",
     .text = "Relative to the folder that the manifest is in, never to the folder that `upkeep` was called from.",
     .example = "root = .."},
    {.name = "runtime_dir",
     .type = KEY_PATH,
     .offset = SUPERVISOR(runtime_dir),
     .fallback = ".upkeep",
     .summary = "Where the control socket and the lock live",
     .text =
         "Relative to `root`, or absolute. It is made when it is missing, for its owner alone (mode 0700). Put it in "
         "your `.gitignore`.",
     .example = "runtime_dir = /run/upkeep/shop"},
    {.name = "log_dir",
     .type = KEY_PATH,
     .offset = SUPERVISOR(log_dir),
     .fallback = "logs",
     .summary = "Where the apps' log files go",
     .text = "Relative to `root`, or absolute. It is made when it is missing, with its parents.",
     .example = "log_dir = /var/log/shop"},
    {.name = "socket_mode",
     .type = KEY_MODE,
     .offset = SUPERVISOR(socket_mode),
     .fallback = "0600",
     .summary = "The file mode of the control socket",
     .text = "Whoever may write to the socket may steer the apps. Root and the supervisor's own user always may. With "
             "`socket_group`, use `0660`.",
     .example = "socket_mode = 0660"},
    {.name = "socket_group",
     .type = KEY_STRING,
     .offset = SUPERVISOR(socket_group),
     .summary = "The group whose members may use the control socket too",
     .text =
         "They can do everything that the owner can: start, stop, read logs and the environment. A runtime dir that "
         "is closed to all others (as upkeep makes it) is opened to them so far that they reach the socket (0710).",
     .example = "socket_mode = 0660\nsocket_group = deploy"},
    {.name = "on_failure",
     .type = KEY_CHOICE,
     .offset = SUPERVISOR(on_failure),
     .effect = KEY_LIVE,
     .fallback = "keep",
     .choices = on_failure_words,
     .summary = "What happens to the others when an app has failed for good",
     .text = "`keep`: they go on. `exit`: everything is stopped and the supervisor ends with exit code 1, so that "
             "systemd or the container's runtime sees it.",
     .example = "on_failure = exit"},
    {.name = "exit_when_done",
     .type = KEY_BOOL,
     .offset = SUPERVISOR(exit_when_done),
     .effect = KEY_LIVE,
     .fallback = "false",
     .summary = "End, with exit code 0, when nothing is left to run",
     .text = "For stacks of oneshots, and for containers that should end with their work.",
     .example = "exit_when_done = true"},
    {.name = "stop_order",
     .type = KEY_CHOICE,
     .offset = SUPERVISOR(stop_order),
     .effect = KEY_LIVE,
     .fallback = "reverse",
     .choices = stop_order_words,
     .summary = "In which order apps are stopped",
     .text = "`reverse`: an app stops before what it depends on, and is waited for; apps that do not depend on each "
             "other stop side by side. `parallel`: all at once.",
     .example = "stop_order = parallel"},
    {.name = "ready_when",
     .type = KEY_CHOICE,
     .offset = SUPERVISOR(ready_when),
     .effect = KEY_LIVE,
     .fallback = "all",
     .choices = ready_when_words,
     .summary = "When the stack as a whole counts as ready",
     .text = "This is what `upkeep start` waits for and when systemd is told READY=1. `all`: every app with "
             "`autostart` is ready. `any`: one of them is. `started`: the supervisor runs.",
     .example = "ready_when = any"},
    {.name = NULL},
};
const size_t manifest_supervisor_key_count = sizeof(manifest_supervisor_keys) / sizeof(manifest_supervisor_keys[0]) - 1;

const struct manifest_key manifest_app_keys[] = {
    {.name = "command",
     .type = KEY_COMMAND,
     .offset = APP(command),
     .fallback_words = "required",
     .summary = "What to run",
     .text = "Split into words as a shell would (quotes, backslash), but run without one: `;`, `|`, `*` and `$x` are "
             "plain text. A program with a slash is looked for from `cwd`, one without in the app's `PATH`. It must "
             "stay in the foreground: no `&`, no `--daemon`.\n\n"
             "For a pipe or an `&&`, set `shell = true`.",
     .example = "command = .venv/bin/uvicorn main:app --host 127.0.0.1 --port ${PORT}"},
    {.name = "cwd",
     .type = KEY_PATH,
     .offset = APP(cwd),
     .fallback_words = "root",
     .summary = "The folder that the app runs in",
     .text = "Relative to `root`, or absolute. `~/` at the start means the home of the user the app runs as.",
     .example = "cwd = web"},
    {.name = "shell",
     .type = KEY_BOOL,
     .offset = APP(shell),
     .fallback = "false",
     .summary = "Run the app's commands with /bin/sh -c",
     .text =
         "Applies to all of the app's commands: `command`, `prepare`, `pre_start`, `stop_command`, `ready = exec:`. "
         "Begin the "
         "command with `exec` where you can, so "
         "that the shell does not stay in between: `exec node server.js`. Even if it stays, the whole tree is "
         "stopped (see `kill_mode`).",
     .example = "shell = true\ncommand = ./generate | exec ./consume"},
    {.name = "type",
     .type = KEY_CHOICE,
     .offset = APP(type),
     .fallback = "service",
     .choices = type_words,
     .summary = "Whether the app keeps running or runs to its end",
     .text = "`service`: it keeps running. `oneshot`: it runs to its end, and ending with exit code 0 is its being "
             "ready: migrations, warm-ups. What depends on a oneshot starts after it has ended well.",
     .example = "[app:migrate]\ntype = oneshot\ncommand = npm run migrate\n\n[app:web]\ncommand = npm start\n"
                "depends_on = migrate"},
    {.name = "autostart",
     .type = KEY_BOOL,
     .offset = APP(autostart),
     .effect = KEY_LIVE,
     .fallback = "true",
     .summary = "Start the app with the supervisor",
     .text = "With `false` it is started by `upkeep start NAME`, or when an app that depends on it starts.",
     .example = "autostart = false"},
    {.name = "depends_on",
     .type = KEY_NAMES,
     .offset = APP(depends_on),
     .effect = KEY_LIVE,
     .summary = "Apps that must be ready before this one starts",
     .text = "Names separated by commas, blanks or lines. Apps that do not depend on each other start side by side. A "
             "name that is no app is an error, and so is a cycle. When a dependency has failed for good, this app is "
             "`blocked`, and says so. `${…}` is not filled in here.",
     .example = "depends_on = database, cache"},
    {.name = "env",
     .type = KEY_ENV,
     .offset = MANIFEST_NO_FIELD,
     .summary = "Environment variables",
     .text =
         "`KEY=VALUE`, one a line, with quotes as in a dotenv file where blanks at the ends matter; nothing in a line "
         "is a comment. `${…}` sees what stands below: the inherited environment, `[defaults]`, the app's "
         "`env_file` and the lines above. Entries add to those of `[defaults]` and of the section without the "
         "profile; the same key replaces.",
     .example = "env =\n  NODE_ENV=production\n  API_URL=http://127.0.0.1:${API_PORT:-14200}"},
    {.name = "env_file",
     .type = KEY_ENV_FILES,
     .offset = MANIFEST_NO_FIELD,
     .summary = "Dotenv files, read anew at every start",
     .text = "Paths relative to `root`, one a line or separated by commas. Later files win over earlier ones, and "
             "`env` wins over all of "
             "them. A missing file is an error; a leading `?` makes it optional.",
     .example = "env_file =\n  .env\n  ?.env.local"},
    {.name = "inherit_env",
     .type = KEY_BOOL,
     .offset = APP(inherit_env),
     .fallback = "true",
     .summary = "Start from the supervisor's own environment",
     .text = "With `false` the app gets only what the manifest and its dotenv files say: set `PATH` there, too.",
     .example = "inherit_env = false\nenv = PATH=/usr/local/bin:/usr/bin:/bin"},
    {.name = "require_env",
     .type = KEY_VARIABLES,
     .offset = APP(require_env),
     .effect = KEY_LIVE,
     .summary = "Variables without which the app is not started",
     .text = "Names separated by commas, blanks or lines. Each must be set, must not be empty and must not be an "
             "obvious placeholder (`changeme`, `your-api-key-here`, `xxxx`, `<token>`). A start that lacks one fails "
             "before anything is run, and names the variable and the file; `upkeep check` says the same beforehand.",
     .example = "require_env = DATABASE_URL, ANTHROPIC_API_KEY"},
    {.name = "require_path",
     .type = KEY_PATHS,
     .offset = APP(require_path),
     .effect = KEY_LIVE,
     .summary = "Files and folders without which the app is not started",
     .text = "Paths relative to `root` (not to `cwd`), one a line or separated by commas: virtual environments, "
             "node_modules, what a build makes. A start that lacks one fails before anything is run, `pre_start` "
             "included; `upkeep check` says the same beforehand.",
     .example = "require_path =\n  web/node_modules\n  web/.next/BUILD_ID"},
    {.name = "lint_ignore",
     .type = KEY_RULES,
     .offset = APP(lint_ignore),
     .effect = KEY_LIVE,
     .summary = "Rules of `upkeep check` that say nothing of this app",
     .text = "Ids of rules that give warnings or notes, separated by commas, blanks or lines; "
             "`upkeep check --list-rules` lists them. What would make a start fail cannot be silenced.",
     .example = "lint_ignore = dev-command, home-path"},
    {.name = "prepare",
     .type = KEY_COMMANDS,
     .offset = APP(prepare),
     .effect = KEY_LIVE,
     .summary = "Commands that install and build",
     .text = "One a line, in order, in the app's folder and environment, run by `upkeep prepare` and `upkeep deploy`, "
             "never by a start. The first that fails ends it. Nobody answers prompts: standard input is empty. What "
             "they write goes to the app's log, too.",
     .example = "prepare =\n  npm ci\n  npm run build"},
    {.name = "prepare_inputs",
     .type = KEY_PATTERNS,
     .offset = APP(prepare_inputs),
     .effect = KEY_LIVE,
     .summary = "The files that prepare depends on",
     .text =
         "With `--if-needed`, an app is not prepared again when these have the same names and contents as at its last "
         "good run, and its prepare lines, folder and environment are the same, too. An app without this key is "
         "always prepared.\n\n"
         "Patterns of files, relative to `cwd`, one a line or separated by commas. `*`, `?` and `[...]` stand for "
         "parts "
         "of a name, `**` for any number of folders; a folder stands for all that is below it. None of these stands "
         "for names that begin with a dot, nor for `node_modules` and `__pycache__`: write those out. A leading `!` "
         "leaves out what it matches.\n\nName the code, too, and not only what is installed: `upkeep deploy "
         "--if-needed` restarts what it has prepared.",
     .example = "prepare_inputs =\n  package-lock.json\n  src/**\n  !src/generated"},
    {.name = "pre_start",
     .type = KEY_COMMANDS,
     .offset = APP(pre_start),
     .summary = "Commands that run before every start",
     .text = "One a line, in order, in the app's folder and environment; each may take as long as `ready_timeout`. "
             "When one fails, the start has failed. Work that is to be done once, not at every restart, is better an "
             "app of its own with `type = oneshot`; what installs and builds belongs into `prepare`.",
     .example = "pre_start =\n  mkdir -p tmp/cache\n  ./check-migrations"},
    {.name = "port",
     .type = KEY_PORT,
     .offset = APP(port),
     .summary = "The TCP port that the app listens on",
     .text = "The app finds it in the variable `PORT`. Before a start it is checked that nobody else holds it, and "
             "unless `ready` says otherwise the app is ready as soon as it accepts connections there. upkeep does not "
             "open the port itself.",
     .example = "port = 14200"},
    {.name = "listen",
     .type = KEY_LISTEN,
     .offset = APP(listen),
     .summary = "Sockets that upkeep opens for the app",
     .text =
         "Addresses (`127.0.0.1:14200`, `[::1]:80`) and paths of Unix sockets (with a slash; relative to `root`), one "
         "a line or separated by commas, each perhaps with a name before it: `web=127.0.0.1:8080`. They are opened "
         "before the first start and stay open while the app restarts or crashes, so that no connection is refused: "
         "it waits until the app is there again. They are closed when the app is stopped or has failed.\n\n"
         "The app gets them as systemd hands them over (sd_listen_fds): as descriptors from 3 on, in this order, "
         "with `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`. What does not know these can often be told the "
         "number: `uvicorn --fd 3`, `gunicorn -b fd://3`. Sockets that systemd passes to upkeep itself are handed "
         "on in place of those of the same name or address.\n\n"
         "Such a socket accepts connections before the app does, so it says nothing about readiness: use "
         "`ready = http://…` or `notify`.",
     .example = "listen = 127.0.0.1:14200\ncommand = .venv/bin/uvicorn main:app --fd 3\n"
                "ready = http://127.0.0.1:14200/health"},
    {.name = "ready",
     .type = KEY_CONDITION,
     .offset = APP(ready),
     .fallback_words = "`port` when the app has one, else `spawned`; `exit` for a oneshot",
     .summary = "How it is known that the app is ready",
     .text = "Apps that depend on this one wait for it, and so do `upkeep start` and systemd. The kinds are listed "
             "under Readiness.",
     .example = "port = 14200\nready = http://127.0.0.1:14200/health"},
    {.name = "ready_timeout",
     .type = KEY_DURATION,
     .offset = APP(ready_timeout_ms),
     .effect = KEY_LIVE,
     .fallback = "30s",
     .is_told_apart = true,
     .summary = "How long a start may take",
     .text = "An app that is not ready by then has failed to start: it is ended and `restart` decides what comes "
             "next. `0` waits for ever. A oneshot has no limit, unless this key is written for it.",
     .example = "ready_timeout = 2m"},
    {.name = "ready_owner",
     .type = KEY_BOOL,
     .offset = APP(ready_owner),
     .fallback = "true",
     .summary = "Only the app's own processes make it ready",
     .text = "A port or Unix socket counts only when the process that listens belongs to the app. When a stranger "
             "answers there (the server that somebody forgot to stop), the start fails and names the stranger. Turn it "
             "off when something else listens on the app's behalf, such as a container runtime.",
     .example = "ready_owner = false"},
    {.name = "health",
     .type = KEY_PROBE,
     .offset = APP(health),
     .effect = KEY_LIVE,
     .summary = "How it is known that the app, once ready, is still well",
     .text = "`tcp:`, `unix:`, `http://` or `exec:`, as for `ready` (see Readiness). It is looked at `health_interval` "
             "after "
             "the app has become ready, and then again that long after each answer. When it is missed `health_retries` "
             "times in a row, the app is ended as by a stop, with the last answer as the reason, and `restart` decides "
             "what "
             "comes next. Nothing is asked while the app starts, stops or, by its own word (sd_notify `RELOADING=1`), "
             "reloads. Left empty it takes back what `[defaults]` says.",
     .example = "health = http://127.0.0.1:14200/health"},
    {.name = "health_interval",
     .type = KEY_DURATION,
     .offset = APP(health_interval_ms),
     .effect = KEY_LIVE,
     .fallback = "10s",
     .min = 1,
     .summary = "The time from one health check's answer to the next check",
     .example = "health_interval = 1m"},
    {.name = "health_timeout",
     .type = KEY_DURATION,
     .offset = APP(health_timeout_ms),
     .effect = KEY_LIVE,
     .fallback = "3s",
     .min = 1,
     .summary = "How long a health check may take",
     .text =
         "One that has no answer by then is missed; a command is ended, with all that it has started. It also holds "
         "for each try of `verify`.",
     .example = "health_timeout = 10s"},
    {.name = "health_retries",
     .type = KEY_INT,
     .offset = APP(health_retries),
     .effect = KEY_LIVE,
     .fallback = "3",
     .min = 1,
     .max = 1000,
     .summary = "How many health checks missed in a row are too many",
     .text = "A check that is passed begins the count anew. It is also how many tries each condition of `verify` has.",
     .example = "health_retries = 5"},
    {.name = "verify",
     .type = KEY_PROBES,
     .offset = APP(verify),
     .effect = KEY_LIVE,
     .summary = "What must hold once everything is up",
     .text = "Conditions as for `health`, one a line, that a deployment is judged by when all apps are ready: together "
             "with `health` each is tried up to `health_retries` times, a second apart.",
     .example = "verify =\n  http://127.0.0.1:14200/ws = 426\n  exec:bin/smoke-test --quick"},
    {.name = "restart",
     .type = KEY_CHOICE,
     .offset = APP(restart),
     .effect = KEY_LIVE,
     .fallback = "always",
     .choices = restart_words,
     .summary = "Whether the app comes back after it ended unasked",
     .text = "`always`; `on-failure`: unless it ended with one of the `success_exit_codes`; `never`. An app that does "
             "not come back is `failed` after a failure, else `stopped`. A oneshot that ended well is `done` and does "
             "not run again, whatever stands here.",
     .example = "restart = on-failure"},
    {.name = "success_exit_codes",
     .type = KEY_EXIT_SET,
     .offset = APP(success_exit_codes),
     .effect = KEY_LIVE,
     .fallback = "0",
     .summary = "Exit codes and signals that are no failure",
     .text = "Separated by commas, blanks or lines. Name `0` too if it is to count: this replaces the default.",
     .example = "success_exit_codes = 0, 143, SIGTERM"},
    {.name = "restart_delay",
     .type = KEY_DURATION,
     .offset = APP(restart_delay_ms),
     .effect = KEY_LIVE,
     .fallback = "100ms",
     .summary = "The pause before a restart after a failure",
     .text = "An app that had been ready for `min_uptime` comes back at once. One that keeps failing waits this long, "
             "then twice as long, and so on up to `restart_delay_max`.",
     .example = "restart_delay = 1s"},
    {.name = "restart_delay_max",
     .type = KEY_DURATION,
     .offset = APP(restart_delay_max_ms),
     .effect = KEY_LIVE,
     .fallback = "30s",
     .summary = "The longest pause before a restart",
     .text = "Unless it is written, it is at least `restart_delay`.",
     .example = "restart_delay_max = 5m"},
    {.name = "min_uptime",
     .type = KEY_DURATION,
     .offset = APP(min_uptime_ms),
     .effect = KEY_LIVE,
     .fallback = "10s",
     .summary = "How long an app must have been ready for its failures to be forgiven",
     .example = "min_uptime = 1m"},
    {.name = "max_restarts",
     .type = KEY_INT,
     .offset = APP(max_restarts),
     .effect = KEY_LIVE,
     .fallback = "10",
     .min = 0,
     .max = 1000000,
     .summary = "How many restarts within restart_window are too many",
     .text = "After that the app is `failed` until somebody starts it. `0`: never give up.",
     .example = "max_restarts = 0"},
    {.name = "restart_window",
     .type = KEY_DURATION,
     .offset = APP(restart_window_ms),
     .effect = KEY_LIVE,
     .fallback = "5m",
     .min = 1,
     .summary = "The time over which restarts are counted",
     .example = "max_restarts = 3\nrestart_window = 1m"},
    {.name = "stop_signal",
     .type = KEY_SIGNAL,
     .offset = APP(stop_signal),
     .effect = KEY_LIVE,
     .fallback = "SIGTERM",
     .summary = "The signal that asks the app to end",
     .text = "With or without `SIG`, or a number.",
     .example = "stop_signal = SIGINT"},
    {.name = "stop_command",
     .type = KEY_COMMAND,
     .offset = APP(stop_command),
     .effect = KEY_LIVE,
     .summary = "A command that runs first when the app is stopped",
     .text = "It runs in the app's folder and environment, and its time counts against `kill_timeout`. Afterwards the "
             "stop signal is sent, if the app still runs.",
     .example = "stop_command = bin/drain --wait"},
    {.name = "kill_timeout",
     .type = KEY_DURATION,
     .offset = APP(kill_timeout_ms),
     .effect = KEY_LIVE,
     .fallback = "10s",
     .summary = "How long the app may take to end",
     .text = "After that, SIGKILL ends everything that is left of it. This is an upper bound: an app that is gone "
             "earlier is not waited for. `0` kills at once.",
     .example = "kill_timeout = 30s"},
    {.name = "kill_mode",
     .type = KEY_CHOICE,
     .offset = APP(kill_mode),
     .effect = KEY_LIVE,
     .fallback = "tree",
     .choices = kill_mode_words,
     .summary = "Which of the app's processes a stop ends",
     .text = "`tree`: the stop signal goes to the main process, so that a master can look after its workers; whatever "
             "outlives it gets the stop signal next, so that an `npm`, `sh`, `node` chain ends gracefully; what is "
             "left at `kill_timeout` is killed, processes that went into the background too. `group`: the stop signal "
             "goes to all of them at once. `process`: only the main process is ended, the others are left alone on "
             "purpose.\n\n"
             "With `tree` and `group` the app counts as stopped only when nothing of it is left.",
     .example = "kill_mode = group"},
    {.name = "watchdog",
     .type = KEY_DURATION,
     .offset = APP(watchdog_ms),
     .fallback = "0s",
     .summary = "How often the app must say that it is well",
     .text =
         "For apps that can tell by themselves that they work, as those made for systemd do: they find this time in "
         "the variable `WATCHDOG_USEC` and send `WATCHDOG=1` to `NOTIFY_SOCKET` (sd_notify) at least that often, "
         "twice as often for a good measure. It counts from the moment that the app is ready, whatever `ready` says. "
         "An app that is silent for longer, or that says `WATCHDOG=trigger`, is ended as by a stop and "
         "`restart` decides what comes next. It can change the time with `WATCHDOG_USEC=`. `0`: none.",
     .example = "ready = notify\nwatchdog = 30s"},
    {.name = "stdout",
     .type = KEY_LOG_TARGET,
     .offset = APP(stdout_target),
     .fallback_words = "LOG_DIR/NAME.log",
     .choices = stdout_words,
     .summary = "Where the app's standard output goes",
     .text =
         "A path (relative to `root`, or absolute), `inherit` (to the supervisor's own output), `journal` or `null`. A "
         "file with such a name is written `./null`.\n\n"
         "With `journal` the app writes to systemd's journal by itself, under its own name: `journalctl -t backend` "
         "shows it. A line that begins with `<3>` has that priority, others of stdout have `info` and others of "
         "stderr `warning`. upkeep does not see these lines: neither `upkeep logs` nor a failure's card has them.",
     .example = "stdout = logs/access.log"},
    {.name = "stderr",
     .type = KEY_LOG_TARGET,
     .offset = APP(stderr_target),
     .fallback = "stdout",
     .choices = stderr_words,
     .summary = "Where the app's standard error goes",
     .text = "As for `stdout`; the word `stdout` puts both into one stream, in the order in which they were written.",
     .example = "stderr = logs/error.log"},
    {.name = "log_format",
     .type = KEY_CHOICE,
     .offset = APP(log_format),
     .fallback = "raw",
     .choices = log_format_words,
     .summary = "How lines stand in the log files",
     .text = "`raw`: the bytes as the app wrote them. `text`: each line begins with a time stamp and the stream's "
             "name. `json`: each line is one JSON object, valid whatever the app writes.",
     .example = "log_format = json"},
    {.name = "user",
     .type = KEY_ACCOUNT,
     .offset = APP(user),
     .fallback_words = "the supervisor's",
     .summary = "The user that the app runs as",
     .text =
         "A name, or a number. Everything of the app runs as this user: `prepare`, `command`, `pre_start`, "
         "`stop_command`, `exec:` probes. It gets the user's group and all its supplementary groups, no capability of "
         "upkeep's, and finds the "
         "user's `HOME`, `USER`, `LOGNAME` and `SHELL` in its environment (`env` and dotenv files win over them); "
         "`~/` means that home. Dotenv files are read and log files written by upkeep itself, so neither needs to be "
         "the user's.\n\n"
         "Only a supervisor that runs as root can do this. Another one refuses to start the app, unless the user is "
         "its own. `${…}` is not filled in here: who may write a dotenv file must not choose whom the app runs as.",
     .example = "user = www-data"},
    {.name = "group",
     .type = KEY_ACCOUNT,
     .offset = APP(group),
     .fallback_words = "the user's",
     .summary = "The group that the app runs as",
     .text = "A name, or a number, in place of the user's own; the user's supplementary groups stay. A user that is "
             "only a number, of whom this machine knows nothing else, needs it. Without `user` the app keeps the "
             "supervisor's user and supplementary groups.",
     .example = "user = www-data\ngroup = deploy"},
    {.name = "umask",
     .type = KEY_UMASK,
     .offset = APP(attributes.umask),
     .fallback_words = "the supervisor's",
     .summary = "Which permissions new files of the app do not get",
     .text = "An octal number: with `027` the group may read, and others may do nothing.",
     .example = "umask = 027"},
    {.name = "nice",
     .type = KEY_OPTIONAL_INT,
     .offset = APP(attributes.nice),
     .fallback_words = "the supervisor's",
     .min = -20,
     .max = 19,
     .summary = "How far the app stands back when processors are short",
     .text =
         "From -20 (gets the most) to 19 (the least). To go below the supervisor's own takes root, or CAP_SYS_NICE.",
     .example = "nice = 10"},
    {.name = "oom_score_adj",
     .type = KEY_OPTIONAL_INT,
     .offset = APP(attributes.oom_score_adj),
     .fallback_words = "the supervisor's",
     .min = -1000,
     .max = 1000,
     .summary = "How readily the kernel kills the app when memory runs out",
     .text = "From -1000 (never) to 1000 (first). To go below what the supervisor was given takes root, or "
             "CAP_SYS_RESOURCE.",
     .example = "oom_score_adj = 500"},
    {.name = "limit_nofile",
     .type = KEY_OPTIONAL_INT,
     .offset = APP(attributes.limit_nofile),
     .fallback_words = "the supervisor's",
     .min = 16,
     .max = 1 << 30,
     .summary = "How many files and connections each of the app's processes may have open",
     .text = "The soft and the hard limit (`ulimit -n`). To go above the supervisor's own hard limit takes root, or "
             "CAP_SYS_RESOURCE, and nobody goes above `fs.nr_open`.",
     .example = "limit_nofile = 65536"},
    {.name = "limit_core",
     .type = KEY_OPTIONAL_SIZE,
     .offset = APP(attributes.limit_core),
     .fallback_words = "the supervisor's",
     .summary = "How large a core file the app may leave when it crashes",
     .text =
         "A size, or `unlimited`; `0`: none. The soft and the hard limit. Where `kernel.core_pattern` hands crashes "
         "to a program, as systemd-coredump, that one decides what it keeps.",
     .example = "limit_core = 0"},
    {.name = "no_new_privileges",
     .type = KEY_BOOL,
     .offset = APP(attributes.no_new_privileges),
     .fallback = "false",
     .summary = "The app and what it starts can never get more rights than it has",
     .text = "sudo, ping and other programs that run as their owner, or whose file has capabilities, then run without "
             "them (`PR_SET_NO_NEW_PRIVS`).",
     .example = "no_new_privileges = true"},
    {.name = NULL},
};
const size_t manifest_app_key_count = sizeof(manifest_app_keys) / sizeof(manifest_app_keys[0]) - 1;

const struct manifest_key *manifest_key_find(const struct manifest_key *keys, const char *name) {
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

/* Hints */

/* Keys that the documentation promises and this version does not have: never taken in silence. */
static const char *const planned[] = {
    "reload",       "instances",   "log_on_full",  "log_max_size", "log_max_age", "log_keep",
    "log_compress", "max_memory",  "memory_limit", "cpu_limit",    "pids_limit",  "watch",
    "watch_ignore", "watch_delay", "cron_restart", NULL,
};

/* What others call it. */
static const struct {
    const char *theirs;
    const char *ours;
} foreign[] = {
    /* PM2 */
    {"script", "command"},
    {"args", "command"},
    {"interpreter", "command"},
    {"interpreter_args", "command"},
    {"node_args", "command"},
    {"exec_mode", "instances"},
    {"max_memory_restart", "max_memory"},
    {"autorestart", "restart"},
    {"exp_backoff_restart_delay", "restart_delay"},
    {"stop_exit_codes", "success_exit_codes"},
    {"wait_ready", "ready"},
    {"listen_timeout", "ready_timeout"},
    {"out_file", "stdout"},
    {"error_file", "stderr"},
    {"log_file", "stdout"},
    {"log_date_format", "log_format"},
    {"log_type", "log_format"},
    {"merge_logs", "stderr"},
    {"ignore_watch", "watch_ignore"},
    {"env_production", "env"},
    {"env_staging", "env"},
    {"env_development", "env"},
    {"time", "log_format"},
    {"log", "stdout"},
    {"output", "stdout"},
    {"error", "stderr"},
    {"combine_logs", "stderr"},
    {"cron", "cron_restart"},
    {"shutdown_with_message", "stop_command"},
    {"post_update", "prepare"},
    {"uid", "user"},
    {"gid", "group"},
    {"treekill", "kill_mode"},
    /* systemd */
    {"ExecStart", "command"},
    {"ExecStartPre", "pre_start"},
    {"ExecStop", "stop_command"},
    {"ExecReload", "reload"},
    {"WorkingDirectory", "cwd"},
    {"Environment", "env"},
    {"EnvironmentFile", "env_file"},
    {"PassEnvironment", "inherit_env"},
    {"Restart", "restart"},
    {"RestartSec", "restart_delay"},
    {"RestartMaxDelaySec", "restart_delay_max"},
    {"SuccessExitStatus", "success_exit_codes"},
    {"StartLimitBurst", "max_restarts"},
    {"StartLimitIntervalSec", "restart_window"},
    {"TimeoutStartSec", "ready_timeout"},
    {"TimeoutStopSec", "kill_timeout"},
    {"TimeoutSec", "kill_timeout"},
    {"KillSignal", "stop_signal"},
    {"KillMode", "kill_mode"},
    {"StandardOutput", "stdout"},
    {"StandardError", "stderr"},
    {"After", "depends_on"},
    {"Requires", "depends_on"},
    {"Wants", "depends_on"},
    {"User", "user"},
    {"Group", "group"},
    {"UMask", "umask"},
    {"Nice", "nice"},
    {"LimitNOFILE", "limit_nofile"},
    {"LimitCORE", "limit_core"},
    {"OOMScoreAdjust", "oom_score_adj"},
    {"NoNewPrivileges", "no_new_privileges"},
    {"MemoryMax", "memory_limit"},
    {"CPUQuota", "cpu_limit"},
    {"TasksMax", "pids_limit"},
    {"WatchdogSec", "watchdog"},
    /* supervisord */
    {"directory", "cwd"},
    {"environment", "env"},
    {"exitcodes", "success_exit_codes"},
    {"startsecs", "min_uptime"},
    {"startretries", "max_restarts"},
    {"stopsignal", "stop_signal"},
    {"stopwaitsecs", "kill_timeout"},
    {"stopasgroup", "kill_mode"},
    {"killasgroup", "kill_mode"},
    {"redirect_stderr", "stderr"},
    {"stdout_logfile", "stdout"},
    {"stderr_logfile", "stderr"},
    {"stdout_logfile_maxbytes", "log_max_size"},
    {"stdout_logfile_backups", "log_keep"},
    {"numprocs", "instances"},
    {"priority", "depends_on"},
    /* docker compose, and what one might try */
    {"entrypoint", "command"},
    {"cmd", "command"},
    {"exec", "command"},
    {"working_dir", "cwd"},
    {"workdir", "cwd"},
    {"dir", "cwd"},
    {"ports", "port"},
    {"oom_score_adjust", "oom_score_adj"},
    {"ulimit", "limit_nofile"},
    {"runas", "user"},
    {"healthcheck", "health"},
    {"health_check", "health"},
    {"build", "prepare"},
    {"install", "prepare"},
    {"enabled", "autostart"},
    {"stop_grace_period", "kill_timeout"},
    {"stop_timeout", "kill_timeout"},
    {"grace_period", "kill_timeout"},
    {"dotenv", "env_file"},
    {"environment_file", "env_file"},
    {"requires", "depends_on"},
    {"needs", "depends_on"},
    {"after", "depends_on"},
    {"replicas", "instances"},
    {"scale", "instances"},
    {"logs", "log_dir"},
};

static bool is_planned(const char *name) {
    for (const char *const *word = planned; *word; word++)
        if (strcmp(*word, name) == 0)
            return true;
    return false;
}

static const char *foreign_name(const char *name) {
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (strcmp(foreign[i].theirs, name) == 0)
            return foreign[i].ours;
    return NULL;
}

static const char *near_key(const struct manifest_key *keys, const char *name) {
    enum { ROOM = 128 };
    const char *names[ROOM] = {NULL};
    size_t count = 0;
    for (; keys->name && count + 1 < ROOM; keys++)
        names[count++] = keys->name;
    return diag_nearest(name, names);
}

/* Where name, which somebody meant, is to be had: between opening and closing when it is here. False when nothing is
 * known of it. */
static bool hint_at(const struct manifest_key *keys, const char *name, const char *opening, const char *closing,
                    struct text *out) {
    bool is_app = keys == manifest_app_keys;
    if (manifest_key_find(keys, name))
        text_printf(out, " (%s%s%s)", opening, name, closing);
    else if (manifest_key_find(is_app ? manifest_supervisor_keys : manifest_app_keys, name))
        text_printf(out, " (%s belongs in %s)", name, is_app ? "[upkeep]" : "[app:NAME] or [defaults]");
    else if (is_planned(name))
        text_printf(out, " (%s is planned: this version does not have it)", name);
    else
        return false;
    return true;
}

/* Whether somebody wrote a variable where keys stand: `NODE_ENV`, `env.PORT`. */
static bool is_variable(const char *name) {
    const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return strncmp(name, "env.", 4) == 0 ||
           (strpbrk(name, letters) && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name));
}

const struct manifest_key *manifest_key_hint(const struct manifest_key *keys, const char *name, struct text *out) {
    const char *ours = foreign_name(name);
    if (ours && hint_at(keys, ours, "here it is called ", "", out))
        return manifest_key_find(keys, ours);
    bool is_app = keys == manifest_app_keys;
    if (is_app && strcmp(name, "name") == 0) {
        text_str(out, " (an app's name is that of its section, [app:NAME]; name belongs in [upkeep])");
        return NULL;
    }
    if (hint_at(keys, name, "", "", out))
        return NULL;
    const struct manifest_key *others = keys == manifest_app_keys ? manifest_supervisor_keys : manifest_app_keys;
    const char *near = near_key(keys, name);
    if (!near)
        near = near_key(others, name);
    if (!near && is_app && is_variable(name)) {
        const char *variable = strncmp(name, "env.", 4) == 0 ? name + 4 : name;
        text_printf(out, " (a variable is a line of env: env = %s=VALUE)", variable);
        return NULL;
    }
    if (!near)
        near = diag_nearest(name, planned);
    if (!near)
        return NULL;
    (void)hint_at(keys, near, "did you mean ", "?", out);
    return manifest_key_find(keys, near);
}
