#include "cli/commands.h"

#include <string.h>

#include "cli/handlers.h"
#include "core/diag.h"

#define ONE(option) OPTION_BIT(OPTION_##option)

const struct command commands[] = {
    {"run", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(STARTED_FD), "supervise in the foreground",
     "Starts the apps (all that are to start by themselves, or those that are named and what they depend on) and keeps "
     "them up until it is told to end. On a terminal their output is shown, each line with its app. Ctrl-C (SIGINT) or "
     "SIGTERM stops all of them gracefully, a second one at once. SIGHUP opens the log files anew.\n"
     "This is what a service manager is to call.",
     act_run},
    {"start", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(NO_WAIT) | ONE(TIMEOUT), "start apps, in the background",
     "Starts a supervisor in the background if none is running, then the apps (all that are to start by themselves, or "
     "those that are named and what they depend on), waits until they are ready and prints the table. What the "
     "supervisor itself has to say goes to supervisor.log in the runtime dir.",
     act_start},
    {"stop", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(NO_WAIT) | ONE(TIMEOUT), "stop apps",
     "Stops the apps, dependants first, waits until nothing of them is left and prints the table. Without a name it "
     "stops all apps and leaves the supervisor; shutdown ends that too.",
     act_stop},
    {"restart", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(NO_WAIT) | ONE(TIMEOUT), "restart apps",
     "Stops the apps and starts them again, waits until they are ready and prints the table. The dotenv files are read "
     "anew, the manifest is not: when that has changed, a line says so and names apply.",
     act_restart},
    {"apply", NULL, "", 0, 0, ONE(DRY_RUN) | ONE(JSON) | ONE(NO_WAIT) | ONE(TIMEOUT), "take a changed manifest",
     "Has the running supervisor read the manifest and the dotenv files anew and do what it takes: apps that are new "
     "are "
     "started, those that are gone are stopped (dependants first) and removed, those that have changed are restarted "
     "in "
     "the order of their dependencies, and all others are left alone. Restart policy, timeouts and the other keys that "
     "the manual says so of take effect without a restart. What is new waits until what is gone is down, so that an "
     "app "
     "can be renamed.\n"
     "A manifest or a dotenv file with errors changes nothing. Keys of [upkeep] that only a new supervisor can take "
     "(name, "
     "root, the folders, the socket) are named, and nothing is done either.\n"
     "It waits until all of it has come about and prints what was done and the table.",
     apply_command},
    {"deploy", NULL, "", 0, 0,
     ONE(IF_NEEDED) | ONE(JSON) | ONE(TIMEOUT) | ONE(STRICT) | ONE(RESTART_ALL) | ONE(ROLLBACK_COMMAND),
     "bring up what is in the folder now",
     "All that it takes after a git pull, in steps: check what can be checked while the old stack runs; run the "
     "prepare "
     "lines; check everything; start the stack, or have the running supervisor apply what has changed; wait until "
     "everything is ready; verify. An app that was prepared is restarted even if the manifest says the same of it; "
     "what is down or has failed is started, if it is to start by itself; everything else keeps its process.\n"
     "A step that fails ends it. Until the apps are touched that leaves the stack as it was; after that the cards say "
     "what failed and the table which app runs what. The exit code is 1, for a manifest with errors 2, at a time limit "
     "5. With --rollback-command, /bin/sh then runs that command, with the step in UPKEEP_DEPLOY_STEP and, in "
     "UPKEEP_DEPLOY_REPLACED, 1 when apps were touched and else 0; it does not run after Ctrl-C.\n"
     "--timeout is for all of it. Without it, prepare lines have no limit, and the apps 5m to be ready.\n"
     "An app without prepare lines is not known to have new code: --restart-all restarts all.",
     deploy_command},
    {"status", "ls", "", 0, 0, ONE(JSON) | ONE(WATCH), "show the table of apps",
     "Shows every instance: its state and since when it runs, what it uses and why it is as it is; and how the last "
     "failures happened. It never starts a supervisor.",
     status_command},
    {"show", NULL, "APP", 1, 1, ONE(JSON), "show all of one app", "Shows everything that is known of one app.",
     show_command},
    {"logs", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(FOLLOW) | ONE(LINES), "show what apps have written",
     "Shows the last lines of the apps' logs (of all apps, or of those that are named), merged by time; on a terminal "
     "each app has its colour. It reads the files, with and without a running supervisor.",
     logs_command},
    {"env", NULL, "APP", 1, 1, ONE(REVEAL) | ONE(JSON), "show an app's environment",
     "Shows each variable that a start of the app would be given now, and where it comes from. Values are masked. It "
     "works with and without a running supervisor.",
     environment_command},
    {"signal", NULL, "SIGNAL APP", 2, 2, 0, "send a signal to an app",
     "Sends a signal (SIGHUP, HUP or a number) to the app's main process. What becomes of it is not waited for.",
     act_signal},
    {"wait", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(TIMEOUT), "wait until apps are ready",
     "Waits until the apps are ready (or done), or until one of them has failed for good. Prints nothing when all is "
     "well.",
     act_wait},
    {"events", NULL, "", 0, 0, ONE(FOLLOW) | ONE(JSON), "show what has happened",
     "Shows the changes of state that the supervisor remembers, oldest first. As JSON, one object a line.",
     events_command},
    {"why", NULL, "APP", 1, 1, ONE(JSON), "tell how an app came to be as it is",
     "Tells the app's story: what happened and when, and who asked for it.", why_command},
    {"shutdown", NULL, "", 0, 0, ONE(NO_WAIT) | ONE(TIMEOUT), "stop all apps and end the supervisor",
     "Stops all apps, ends the supervisor and waits until its process is gone.", act_shutdown},
    {"check", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(JSON) | ONE(STRICT) | ONE(LIST_RULES) | ONE(UNIT) | ONE(USER),
     "say what would make a start fail",
     "Looks for everything that would make a start fail, and says all of it at once. Errors in the manifest are "
     "findings like the others: the exit code is 1 for any error, 2 only for wrong usage.\n"
     "Warnings and notes are what makes deployments go wrong although everything starts. With --strict the exit code "
     "is 1 for a warning, too; lint_ignore in the manifest silences rules one by one. --list-rules says what is looked "
     "for.\n"
     "A systemd unit that runs this manifest is warned of where it does harm. With --unit there has to be one, as "
     "upkeep unit makes it: what matters is an error, what merely differs a warning. Longer times and settings that "
     "only the unit has are not findings.",
     check_command},
    {"prepare", NULL, "[APP...]", 0, COMMAND_ANY_COUNT, ONE(IF_NEEDED) | ONE(JSON), "install and build",
     "Runs the prepare lines of the apps (of all, or of those that are named): in order for each app, after the apps "
     "that it depends on, side by side otherwise. What they write is shown, each line with its app, and kept in the "
     "app's log. The first command that fails ends all of it, and is shown with its exit code and last lines.\n"
     "With --if-needed an app is skipped when nothing has changed since its last good run: the files that its "
     "prepare_inputs name, its prepare lines, folder and environment; and what require_path names is there.\n"
     "It needs no supervisor and starts or stops nothing. Ctrl-C ends the commands, and all that they have started.",
     prepare_command},
    {"unit", NULL, "", 0, 0, ONE(USER) | ONE(INSTALL) | ONE(PRINT), "make the systemd unit for this manifest",
     "Prints a unit that runs this manifest with this upkeep, or installs it. Its time limits follow from the "
     "manifest's own, along the longest chain of dependencies; run it again (and upkeep check --unit) when those have "
     "changed. The apps run as the owner of the manifest; where that is root, as you (behind sudo, too).\n"
     "On standard error it warns of what will differ from this shell: programs that only this shell's PATH finds, "
     "variables that only this shell sets, files that the user may not reach.\n"
     "The unit is called after the stack's name. One that was not made from this manifest is never written over.",
     unit_command},
    {"version", NULL, "", 0, 0, 0, "show the version", "Shows upkeep's version.", help_version},
    {"help", NULL, "[COMMAND]", 0, 1, ONE(FORMAT), "show help",
     "Shows what upkeep does, or one command's help; for a key of upkeep.ini, what it says. upkeep help keys lists "
     "those.",
     help_command},
};

const size_t command_count = sizeof commands / sizeof *commands;

const struct command *commands_find(const char *name) {
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0 || (commands[i].alias && strcmp(commands[i].alias, name) == 0))
            return &commands[i];
    return NULL;
}

const char *commands_nearest(const char *name) {
    const char *names[sizeof commands / sizeof *commands + 1];
    for (size_t i = 0; i < command_count; i++)
        names[i] = commands[i].name;
    names[command_count] = NULL;
    return diag_nearest(name, names);
}

static const struct {
    const char *theirs;
    const char *ours;
} commands_foreign[] = {
    /* PM2 */
    {"list", "upkeep status"},
    {"l", "upkeep status"},
    {"ps", "upkeep status"},
    {"monit", "upkeep status --watch"},
    {"dash", "upkeep status --watch"},
    {"describe", "upkeep show"},
    {"desc", "upkeep show"},
    {"info", "upkeep show"},
    {"reload", "upkeep restart; for a changed manifest upkeep apply"},
    {"gracefulReload", "upkeep restart"},
    {"delete", "upkeep stop; for good, take its section out of upkeep.ini and upkeep apply"},
    {"del", "upkeep stop; for good, take its section out of upkeep.ini and upkeep apply"},
    {"kill", "upkeep shutdown"},
    {"save", "nothing to do, upkeep.ini is what is started"},
    {"dump", "nothing to do, upkeep.ini is what is started"},
    {"resurrect", "upkeep start"},
    {"startup", "upkeep unit --install"},
    {"unstartup", "systemctl disable --now, and the name of the stack"},
    {"init", "write upkeep.ini, see upkeep help keys"},
    {"ecosystem", "write upkeep.ini, see upkeep help keys"},
    {"sendSignal", "upkeep signal"},
    {"trigger", "upkeep signal"},
    /* systemctl, docker compose, and what one might try */
    {"up", "upkeep start"},
    {"down", "upkeep shutdown"},
    {"top", "upkeep status --watch"},
    {"daemon-reload", "upkeep apply"},
    {"update", "upkeep apply"},
    {"enable", "upkeep unit --install"},
    {"build", "upkeep prepare"},
    {"install", "upkeep prepare"},
    {"validate", "upkeep check"},
    {"lint", "upkeep check"},
    {"doctor", "upkeep check"},
    {"tail", "upkeep logs -f"},
    {"history", "upkeep events"},
};

const char *commands_elsewhere(const char *name) {
    for (size_t i = 0; i < sizeof commands_foreign / sizeof *commands_foreign; i++)
        if (strcmp(commands_foreign[i].theirs, name) == 0)
            return commands_foreign[i].ours;
    return NULL;
}
