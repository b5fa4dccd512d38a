#include "core/rules.h"

#include <string.h>

#include "core/diag.h"

const struct rule_row rule_rows[] = {
    [RULE_MANIFEST] = {"manifest", DIAG_ERROR, "the manifest and the dotenv files can be read and understood",
                       "correct the line",
                       "Unknown or repeated keys and sections, bad values, dependencies that do not exist or form a "
                       "cycle, a dotenv file that is missing or malformed. All of a file's mistakes are told at once.",
                       false},
    [RULE_PROGRAM] = {"program", DIAG_ERROR, "each command's program is there and may be executed",
                      "install it, or write where it is",
                      "The programs of `command`, `pre_start`, `stop_command` and `exec:` conditions, looked for from "
                      "the app's own folder and in the app's own `PATH`, as a start would; what a plain line of a "
                      "shell runs, also that of an npm script, which looks in `node_modules/.bin` first; and the file "
                      "that `node` or `python` is given, or the module of `.venv/bin/python -m`.",
                      true},
    [RULE_INTERPRETER] =
        {"interpreter", DIAG_ERROR, "a script's #! line names an interpreter that is there",
         "make the virtual environment or the script anew, in the place where it is used",
         "A virtual environment that was copied or moved keeps the old path in the first line of each of its scripts; "
         "the kernel then says `No such file or directory` of a file that is there. A line that ends with a carriage "
         "return (CRLF) does the same.",
         true},
    [RULE_NPM_SCRIPT] = {"npm-script", DIAG_ERROR, "package.json has the script that the command runs",
                         "name a script that package.json has",
                         "For `npm start`, `npm run NAME` and the same of yarn and pnpm: the app's folder has a "
                         "package.json, and that has the script.",
                         false},
    [RULE_FOLDER] = {"folder", DIAG_ERROR, "the apps' folders can be entered, and upkeep's own written",
                     "make the folder, or correct the path or its permissions",
                     "`cwd` of each app; `log_dir` and `runtime_dir`, which upkeep makes itself when it may.", false},
    [RULE_USER] =
        {"user", DIAG_ERROR, "the users and groups that apps run as are there, and upkeep may run them as these",
         "correct the name, or start upkeep as root",
         "`user` and `group` of each app. Whether upkeep may change to them is judged by who runs `check`, "
         "unless a supervisor runs this manifest as another user. What the app's user may not enter or execute "
         "is told by the rules `folder` and `program`, judged by owner, group and mode.",
         false},
    [RULE_LIMITS] =
        {"limits", DIAG_ERROR, "the limits that apps ask for can be kept here", "ask for less, or start upkeep as root",
         "`limit_nofile` and `limit_core` above the hard limit, `nice` and `oom_score_adj` below what upkeep "
         "itself has, take root or a capability. Nobody can have a `limit_nofile` above `fs.nr_open`.",
         false},
    [RULE_REQUIRE_ENV] = {"require-env", DIAG_ERROR, "the variables of require_env are set to something real",
                          "set it in the app's env_file",
                          "A variable that `require_env` names is set, is not empty and is not a placeholder such as "
                          "`changeme` or `your-api-key-here`. A start looks for the same before it runs anything.",
                          false},
    [RULE_REQUIRE_PATH] = {"require-path", DIAG_ERROR, "the paths of require_path exist",
                           "install or build it before the start",
                           "What `require_path` names is there. A start looks for the same before it runs anything.",
                           true},
    [RULE_PORT_HELD] =
        {"port-held", DIAG_ERROR, "nobody else holds the app's port", "end who holds it, or give the app another port",
         "The process that holds it is named, with its user and its systemd unit if it has one. The apps of the "
         "supervisor that runs this manifest now may hold their own ports.",
         false},
    [RULE_PORT_TWICE] = {"port-twice", DIAG_ERROR, "no two apps have the same port", "give one of them another port",
                         "The second would be refused at its start.", false},
    [RULE_PORT_PRIVILEGED] =
        {"port-privileged", DIAG_ERROR, "a port below 1024 is for those who may open it",
         "use a port from 1024 on (behind a proxy), or give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE",
         "Ports below `net.ipv4.ip_unprivileged_port_start` need the capability CAP_NET_BIND_SERVICE: of whoever runs "
         "`check`, or of the program's file (setcap). It is not looked at while a supervisor runs this manifest, which "
         "may have other rights than who checks.",
         false},
    [RULE_BACKGROUND] = {"background", DIAG_ERROR, "an app stays in the foreground",
                         "run it in the foreground: without the option, or with what its manual names for it",
                         "`--daemon`, `--daemonize yes`, `-D` and their like, and nginx without `daemon off;`: the "
                         "first process ends at "
                         "once, and what it left behind is nobody's. Such a start fails.",
                         false},
    [RULE_NEXT_BUILD] = {"next-build", DIAG_ERROR, "next start has a build to serve", "build it: npm run build",
                         "`.next/BUILD_ID`, or the same below what next.config names as `distDir`. Without it `next "
                         "start` opens its port "
                         "and then ends, so that a start may look as if it had gone well.",
                         true},
    [RULE_MISSING_BUILD] = {"missing-build", DIAG_WARNING, "what the command needs has been installed and built",
                            "install or build it before the start",
                            "`node_modules` beside a lock file when the command is one of Node's and package.json "
                            "names dependencies. Name it in `require_path` to have a start refused without it.",
                            true},
    [RULE_STALE_BUILD] =
        {"stale-build", DIAG_WARNING, "what was installed and built is newer than what it was made from",
         "install or build it anew",
         "By the time of the last change: `node_modules` is older than its lock file, `.venv` than `uv.lock`, "
         "`poetry.lock`, `Pipfile.lock` or `requirements.txt`, `.next/BUILD_ID` than a source file. That is what "
         "`git pull` leaves behind. An installer that found nothing to do may leave the folder's time as it was: "
         "`touch` it then. An app with `prepare_inputs` that `upkeep prepare` has prepared is judged by the contents "
         "of "
         "these, and not by times.",
         true},
    [RULE_PLACEHOLDER] =
        {"placeholder", DIAG_WARNING, "secrets have been filled in", "write the real value there",
         "A variable whose name says that it is a key, a token or a password still holds what the example put there: "
         "`changeme`, `your-api-key-here`. Not looked at in development (as for dev-command). Name it in `require_env` "
         "to "
         "have a start refused.",
         false},
    [RULE_EMPTY_SECRET] = {"empty-secret", DIAG_NOTE, "secrets have a value",
                           "write the value there, if the app needs it",
                           "The same of a variable that is empty, which some apps take for not wanted.", false},
    [RULE_UNREAD_DOTENV] = {"unread-dotenv", DIAG_NOTE, "a dotenv file reaches the app",
                            "name it in env_file, if the app does not read it itself",
                            "`.env`, or the one of the profile or stage (`.env.staging`), lies in root or in the app's "
                            "folder, and the app has no "
                            "`env_file` at all: a process does not get it by itself. Not looked at for Node, whose "
                            "frameworks read theirs.",
                            false},
    [RULE_ENV_EXAMPLE] =
        {"env-example", DIAG_WARNING, "what .env.example has is set", "add it to the app's env_file",
         "A key that stands in `.env.example` beside one of the app's dotenv files (or in a file of its name with "
         "`.example` behind it), and that the app's environment does not have.",
         false},
    [RULE_SECRET_MODE] =
        {"secret-mode", DIAG_WARNING, "dotenv files with secrets are for their owner alone", "chmod 600 it",
         "A dotenv file that holds a key, a token or a password can be read by every user, or by its group although "
         "the owner is who runs upkeep.",
         false},
    [RULE_HOME_PATH] = {"home-path", DIAG_WARNING, "nothing points into somebody's home",
                        "write it relative to root, or as ~/ or ${HOME}",
                        "An absolute path below `/home/NAME`, `/Users/NAME` or `/root` in the manifest or in a dotenv "
                        "file works for one person on one machine.",
                        false},
    [RULE_DEV_COMMAND] =
        {"dev-command", DIAG_WARNING, "development servers are for development",
         "run what is made for production, or use a profile named dev",
         "`next dev`, `vite`, `npm run dev`, `--reload`, `runserver`, `flask run` and their like, also behind an npm "
         "script, unless the profile is one of development (dev, development, local, test, or one that begins so: "
         "`dev-anna`). Without a profile, the stack's `name` (where the manifest has one) and then NODE_ENV or APP_ENV "
         "are asked.",
         false},
    [RULE_NODE_ENV] =
        {"node-env", DIAG_WARNING, "NODE_ENV is one of production, development and test",
         "use production, and a variable of your own (APP_ENV) for the name of the stage",
         "Next.js and many libraries know these three only: with `staging` they are neither optimised "
         "nor well defined. Looked at for the commands of Node, and not in development (as for dev-command).",
         false},
    [RULE_PREPARE_PROGRAM] =
        {"prepare-program", DIAG_WARNING, "the programs that prepare lines begin with are installed", "install it",
         "Those that are looked up in the app's `PATH`. What has a slash may be made by an earlier "
         "line, and so may what is in a `PATH` that leads into the project; with `shell = true` "
         "nothing is looked at.",
         false},
    [RULE_PREPARE_INPUTS] =
        {"prepare-inputs", DIAG_NOTE, "each pattern of prepare_inputs matches something",
         "correct the pattern, or leave it out",
         "A pattern that matches nothing is mostly a slip of the pen, and what it was to name could "
         "change without `upkeep prepare --if-needed` noticing.",
         false},
    [RULE_SHELL_SIGN] =
        {"shell-sign", DIAG_WARNING, "what means something to a shell has one",
         "set shell = true, or quote it where the program is to get it",
         "Without `shell = true` a command is run as it stands: of `npm run build && npm start`, npm gets "
         "the words `&&`, `npm` and `start`, and of `node server.js > out.log` node gets `>`. Looked at "
         "for `command`, `pre_start`, `prepare`, `stop_command` and `exec:`.",
         false},
    [RULE_SERVICE_DOWN] =
        {"service-down", DIAG_WARNING, "the local services that variables point to are there",
         "start that service, or make it an app that this one depends on",
         "A variable holds a URL (redis, postgres, mysql, mongodb, amqp) of this machine, or is a host of that kind "
         "(`REDIS_HOST=localhost` with its `REDIS_PORT`), and nobody listens on its port, nor is it the port of an app "
         "of "
         "this manifest.",
         false},
    [RULE_FIXED_SLEEP] =
        {"fixed-sleep", DIAG_WARNING, "nothing waits for a fixed time",
         "say what is waited for: depends_on, and ready = tcp:, http: or exec: of what has to be there",
         "`sleep 10` before a start, or as `ready`: it is too long on one machine and too short on the next, and what "
         "it was "
         "to wait for may have failed.",
         false},
    [RULE_HARD_STOP] =
        {"hard-stop", DIAG_WARNING, "an app may end by itself",
         "leave stop_signal out, or use one that the app ends at; kill_timeout bounds it",
         "`stop_signal = SIGKILL` cuts off the requests that are under way, and leaves files as they are: "
         "SQLite's write-ahead log is not flushed.",
         false},
    [RULE_GRACEFUL_STOP] =
        {"graceful-stop", DIAG_NOTE, "a server answers what is under way before it ends",
         "stop_signal = SIGQUIT (SIGWINCH for Apache)",
         "nginx, php-fpm and Apache end at once at SIGTERM, and have another signal for a stop that cuts nothing off.",
         false},
    [RULE_ASGI] =
        {"asgi", DIAG_WARNING, "an ASGI application has an ASGI server",
         "serve the ASGI application: daphne, uvicorn, gunicorn -k uvicorn.workers.UvicornWorker (for runserver: "
         "'daphne' in INSTALLED_APPS)",
         "The command is a WSGI server (as for wsgi), and `asgi.py` routes WebSockets: the port is open, and they are "
         "answered with 404. `runserver` serves ASGI where the settings install daphne. Or the application is FastAPI "
         "or "
         "Starlette: then every request fails.",
         false},
    [RULE_WSGI] = {"wsgi", DIAG_NOTE, "an application with WebSockets needs an ASGI server",
                   "serve the ASGI application (daphne, uvicorn, gunicorn -k uvicorn.workers.UvicornWorker), if it has "
                   "WebSockets",
                   "The folder has an `asgi.py`, and the command is a WSGI server (gunicorn without an ASGI worker, "
                   "waitress, uwsgi, `flask run`, `runserver`): the port is open, and WebSockets are answered with "
                   "404.",
                   false},
    [RULE_USER_WRITES] =
        {"user-writes", DIAG_WARNING, "the users of apps cannot change what upkeep does as root",
         "let root own the manifest, log_dir and runtime_dir, or run all of upkeep as that user, without the key",
         "Where upkeep runs as root and an app as another user: that user can write the manifest or its folder (and so "
         "make root run anything), `log_dir` or `runtime_dir` (and so lead what root writes elsewhere, by a link).",
         false},
    [RULE_UNIT] =
        {"unit", DIAG_ERROR, "the installed systemd unit runs the stack as the manifest says", "upkeep unit --install",
         "A unit in /etc/systemd/system that runs this manifest, whoever wrote it and whatever it is called, "
         "must do it no harm: `Type=forking`, a `TimeoutStopSec` shorter than the manifest's `kill_timeout`s, "
         "a `KillMode` that ends the apps past the supervisor. These are warnings; with `upkeep check --unit` "
         "they are errors, and the unit has to be as `upkeep unit` makes it.",
         false},
};
const size_t rule_count = sizeof rule_rows / sizeof *rule_rows;

const char *rule_severity_word(enum diag_severity severity) {
    static const char *const words[] = {[DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error"};
    return words[severity];
}

const struct rule_row *rule_find(const char *id) {
    for (size_t i = 0; i < rule_count; i++)
        if (strcmp(rule_rows[i].id, id) == 0)
            return &rule_rows[i];
    return NULL;
}

const char *rule_nearest(const char *id) {
    const char *ids[sizeof rule_rows / sizeof *rule_rows + 1];
    for (size_t i = 0; i < rule_count; i++)
        ids[i] = rule_rows[i].id;
    ids[rule_count] = NULL;
    return diag_nearest(id, ids);
}
