/* The upkeep command: joins the command line with what it can run in its own process. */
#include "cli/cli.h"
#include "daemon/daemon.h"
#include "local/local.h"

int main(int argc, char **argv) {
    static const struct local local = {
        .load = daemon_load,
        .check = local_check,
        .run = daemon_run,
        .refuse = daemon_refuse,
        .environment = local_environment,
        .unit_survey = local_unit_survey,
        .prepare_lock = local_prepare_lock,
        .prepare = local_prepare,
        .read_file = local_read_file,
        .write_file = local_write_file,
    };
    return cli_main(argc, argv, &local);
}
