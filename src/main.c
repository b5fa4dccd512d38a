/* The upkeep command: joins the command line with what it can run in its own process. */
#include "cli/cli.h"
#include "daemon/daemon.h"

int main(int argc, char **argv) {
    static const struct local local = {
        .load = daemon_load,
        .check = daemon_check,
        .run = daemon_run,
        .refuse = daemon_refuse,
        .environment = daemon_environment,
        .unit_survey = daemon_unit_survey,
        .prepare_lock = daemon_prepare_lock,
        .prepare = daemon_prepare,
        .write_file = daemon_write_file,
    };
    return cli_main(argc, argv, &local);
}
