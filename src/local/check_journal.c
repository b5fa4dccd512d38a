/* The journal, for apps that write to it by themselves. */
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "host/journal.h"
#include "local/check.h"

void check_journal(const struct check *check, const struct check_app *app) {
    const struct {
        const char *key;
        enum log_target_kind kind;
    } streams[] = {{"stdout", app->config.stdout_target.kind}, {"stderr", app->config.stderr_target.kind}};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        if (streams[i].kind != LOG_TO_JOURNAL)
            continue;
        int fd = journal_stream_open(app->app->name, LOG_INFO);
        if (fd >= 0)
            close(fd);
        else
            check_find(check, app, RULE_MANIFEST, streams[i].key, NULL,
                       "%s = journal: cannot connect to systemd-journald: %s", streams[i].key, strerror(-fd));
    }
}
