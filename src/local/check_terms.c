/* Who an app runs as, and within what limits: whether that can be kept here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/fs.h"
#include "local/check.h"

const struct rights *check_rights(const struct check_app *app) {
    return account_is_ours(&app->terms.account) ? NULL : &app->rights;
}

/* ---- limits ---- */

static void find_limit(const struct check *check, const struct check_app *app, const char *key, enum proc_step step) {
    check_find(check, app, RULE_LIMITS, key, NULL, "%s", launch_say_limit(step));
}

static bool is_above_hard(int resource, int64_t wanted) {
    struct rlimit limit;
    return getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_max != RLIM_INFINITY &&
           (wanted == VALUE_UNLIMITED || (rlim_t)wanted > limit.rlim_max) && !account_has_capability(CAP_SYS_RESOURCE);
}

static void check_nofile(const struct check *check, const struct check_app *app) {
    const struct optional *wanted = &app->config.attributes.limit_nofile;
    if (wanted->is_given && (wanted->number > fs_read_number("/proc/sys/fs/nr_open", INT64_MAX) ||
                             is_above_hard(RLIMIT_NOFILE, wanted->number)))
        find_limit(check, app, "limit_nofile", PROC_STEP_LIMIT_NOFILE);
}

static void check_core(const struct check *check, const struct check_app *app) {
    const struct optional *wanted = &app->config.attributes.limit_core;
    if (wanted->is_given && is_above_hard(RLIMIT_CORE, wanted->number))
        find_limit(check, app, "limit_core", PROC_STEP_LIMIT_CORE);
}

/* As the kernel judges it (can_nice in kernel/sched): RLIMIT_NICE counts from 20 down. */
static void check_nice(const struct check *check, const struct check_app *app) {
    const struct optional *wanted = &app->config.attributes.nice;
    struct rlimit limit;
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    if (!wanted->is_given || errno != 0 || wanted->number >= now || account_has_capability(CAP_SYS_NICE) ||
        getrlimit(RLIMIT_NICE, &limit) < 0 || (rlim_t)(20 - wanted->number) <= limit.rlim_cur)
        return;
    find_limit(check, app, "nice", PROC_STEP_NICE);
}

/* How far down it may go nobody can ask: it is tried, on ourselves. The way back is up, which is always free. */
static bool may_lower_oom_score(int64_t wanted, int64_t now) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    bool may = dprintf(fd, "%lld", (long long)wanted) > 0;
    bool is_back = !may || dprintf(fd, "%lld", (long long)now) > 0;
    close(fd);
    return may && is_back;
}

static void check_oom_score(const struct check *check, const struct check_app *app) {
    const struct optional *wanted = &app->config.attributes.oom_score_adj;
    int64_t now = fs_read_number("/proc/self/oom_score_adj", -1000);
    if (wanted->is_given && wanted->number < now && !may_lower_oom_score(wanted->number, now))
        find_limit(check, app, "oom_score_adj", PROC_STEP_OOM_SCORE_ADJ);
}

/* ---- users ---- */

/* What of the supervisor's own the app's user could change, and so decide what root does. A list for a sentence. */
static void print_writable(const struct check *check, const struct check_app *app, struct text *out) {
    const struct supervisor_config *supervisor = &check->manifest->supervisor;
    const struct {
        const char *path, *words;
    } rows[] = {{check->manifest->dir, "the manifest's folder"},
                {supervisor->log_dir, "log_dir"},
                {supervisor->runtime_dir, "runtime_dir"}};
    struct text manifest TEXT_AUTO = {0};
    const char *slash = strrchr(check->manifest->file, '/');
    text_printf(&manifest, "%s/%s", check->manifest->dir, slash ? slash + 1 : check->manifest->file);
    if (rights_can(&app->rights, text_get(&manifest), RIGHTS_WRITE))
        text_str(out, "the manifest");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rights_can(&app->rights, rows[i].path, RIGHTS_WRITE))
            text_printf(out, "%s%s", out->len > 0 ? ", " : "", rows[i].words);
}

/* Of a user who is root, or who checks, nothing is kept. */
static void check_trust(const struct check *check, const struct check_app *app) {
    struct text writable TEXT_AUTO = {0};
    struct text whom TEXT_AUTO = {0};
    if (geteuid() != 0 || app->terms.account.uid == 0)
        return;
    print_writable(check, app, &writable);
    account_print(&app->terms.account, &whom);
    if (writable.len > 0)
        check_find(check, app, RULE_USER_WRITES, "user", NULL,
                   "%s can write %s, and so decide what upkeep does as root", text_get(&whom), text_get(&writable));
}

static void check_account(const struct check *check, const struct check_app *app) {
    struct text error TEXT_AUTO = {0};
    if (account_is_allowed(&app->terms.account, &error))
        return;
    check_find(check, app, RULE_USER, app->config.user ? "user" : "group", NULL, "%s", text_get(&error));
}

bool check_terms(const struct check *check, struct check_app *app) {
    struct text error TEXT_AUTO = {0};
    if (!launch_find_terms(&app->config, &app->terms, &error))
        return false;
    rights_of(&app->rights, &app->terms.account);
    /* A supervisor that runs as somebody else has other rights than who checks. */
    if (check->has_running && check->runner != geteuid())
        return true;
    check_account(check, app);
    check_nofile(check, app);
    check_core(check, app);
    check_nice(check, app);
    check_oom_score(check, app);
    check_trust(check, app);
    return true;
}
