#include "core/unit.h"

#include <string.h>

enum {
    MARGIN_MS = 15 * 1000,   /* beyond the stack's own limits: systemd is the last resort, not the first */
    RESTARTS = 5,            /* of the supervisor, after which systemd gives up */
    RESTART_PAUSE_MS = 1000, /* between them */
    WINDOW_MIN_MS = 600000,  /* in which they are counted, where starts and stops are short */
    WINDOW_MAX_MS = 3600000, /* and where they have no limit: what is slower than this does no harm */
    FD_STORE_MIN = 64,       /* so that a few sockets more in the manifest need no new unit */
    NAME_MAX_BYTES = 200, /* of a unit's file name (UNIT_NAME_MAX is 255, `.service` and a drop-in's `.d` included) */
};

/* ---- systemd's syntax ------------------------------------------------------------------------------------------- */

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Needs no quotes in a list of words. Bytes of UTF-8 do not. */
static bool is_bare(char c) {
    return is_letter_or_digit(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("/_.,:+=@-%$", c));
}

static void print_escaped(char c, struct text *out) {
    if (c == '"' || c == '\\')
        text_printf(out, "\\%c", c);
    else if (c == '%' || c == '$')
        text_printf(out, "%c%c", c, c);
    else if (is_control(c))
        text_printf(out, "\\x%02x", (unsigned char)c);
    else
        text_char(out, c);
}

void unit_print_word(const char *word, struct text *out) {
    bool is_quoted = word[0] == '\0';
    for (const char *c = word; *c; c++)
        is_quoted = is_quoted || !is_bare(*c);
    text_str(out, is_quoted ? "\"" : "");
    for (const char *c = word; *c; c++)
        print_escaped(*c, out);
    text_str(out, is_quoted ? "\"" : "");
}

bool unit_is_program(const char *path) {
    for (const char *c = path; *c; c++)
        if (is_control(*c) || strchr("\"'\\", *c))
            return false;
    return true;
}

/* The first word of ExecStart=, which is not searched for variables: `$` stays. */
static void print_program(const char *path, struct text *out) {
    text_char(out, '"');
    for (const char *c = path; *c; c++)
        text_printf(out, *c == '%' ? "%c%%" : "%c", *c);
    text_char(out, '"');
}

/* To the end of a line: nothing that ends the line early or makes it go on over the next. */
static void print_line(const char *line, bool is_value, struct text *out) {
    for (const char *c = line; *c; c++) {
        if (*c == '%' && is_value)
            text_str(out, "%%");
        else
            text_char(out, is_control(*c) || *c == '\\' ? '?' : *c);
    }
}

/* Lists of paths are read by other rules than command lines: of what must be quoted only blanks are common to all. */
static bool is_listable(const char *path) {
    return unit_is_program(path);
}

static void print_path(const char *path, struct text *out) {
    bool is_quoted = strchr(path, ' ') != NULL;
    text_str(out, is_quoted ? "\"" : "");
    for (const char *c = path; *c; c++)
        text_printf(out, *c == '%' ? "%c%%" : "%c", *c);
    text_str(out, is_quoted ? "\"" : "");
}

static void print_seconds(const char *key, int64_t ms, struct text *out) {
    text_printf(out, "%s=%llds\n", key, (long long)((ms + 999) / 1000));
}

/* ---- the parts -------------------------------------------------------------------------------------------------- */

static int64_t with_margin(int64_t ms) {
    return ms + MARGIN_MS;
}

/* Restarts are counted over a time in which that many starts and stops can happen, each as slow as it may be. */
static int64_t restart_window_ms(const struct unit_times *times) {
    int64_t start = with_margin(times->start_ms);
    int64_t stop = with_margin(times->stop_ms);
    int64_t window = (RESTARTS + 1) * (start + stop + RESTART_PAUSE_MS);
    return window < WINDOW_MIN_MS ? WINDOW_MIN_MS : window > WINDOW_MAX_MS ? WINDOW_MAX_MS : window;
}

static void print_head(const struct unit_spec *spec, struct text *out) {
    text_str(out, "# Made by upkeep unit from ");
    print_line(spec->manifest, false, out);
    text_str(
        out,
        "\n# When the manifest has changed: upkeep check --unit says whether this still fits, upkeep unit --install\n"
        "# writes it anew. What you want otherwise belongs in a drop-in, which survives that: systemctl edit.\n");
}

static void print_unit_section(const struct unit_spec *spec, struct text *out) {
    text_str(out, "\n[Unit]\nDescription=");
    print_line(spec->name, true, out);
    text_str(out, " (upkeep)\nDocumentation=man:upkeep(1) man:upkeep.ini(5)\n");
    if (spec->identity != UNIT_OF_MANAGER)
        text_str(out, "Wants=network-online.target\nAfter=network-online.target\n");
    if (is_listable(spec->manifest) && is_listable(spec->root)) {
        text_str(out, "RequiresMountsFor=");
        print_path(spec->manifest, out);
        text_char(out, ' ');
        print_path(spec->root, out);
        text_char(out, '\n');
    }
    text_str(out, "# A supervisor that keeps failing is not restarted for ever.\n");
    print_seconds("StartLimitIntervalSec", restart_window_ms(&spec->times), out);
    text_printf(out, "StartLimitBurst=%d\n", RESTARTS);
}

static void print_command(const struct unit_spec *spec, struct text *out) {
    text_str(out, "ExecStart=");
    print_program(spec->program, out);
    text_str(out, " -f ");
    unit_print_word(spec->manifest, out);
    if (spec->profile) {
        text_str(out, " --profile ");
        unit_print_word(spec->profile, out);
    }
    text_str(out, " run\n# Opens the log files anew.\nExecReload=/bin/sh -c 'kill -HUP \"$$MAINPID\"'\n");
}

static void print_service(const struct unit_spec *spec, struct text *out) {
    size_t listeners = spec->listeners * 2 > FD_STORE_MIN ? spec->listeners * 2 : FD_STORE_MIN;
    text_str(out, "\n[Service]\n# systemctl start returns when the apps are ready (ready_when in the manifest).\n"
                  "Type=notify\nNotifyAccess=main\n");
    print_command(spec, out);
    if (spec->identity == UNIT_OF_USER) {
        text_str(out, "User=");
        print_line(spec->user, true, out);
        text_char(out, '\n');
    }
    if (spec->identity == UNIT_OF_ROOT)
        text_str(out,
                 "# Said for HOME, USER, LOGNAME and SHELL, which a unit without User= does not have.\nUser=root\n");
    text_str(out, "\n# The stack's own limits along its longest chain of dependencies, and some; the supervisor asks "
                  "for more while\n"
                  "# more is due.\n");
    print_seconds("TimeoutStartSec", with_margin(spec->times.start_ms), out);
    print_seconds("TimeoutStopSec", with_margin(spec->times.stop_ms), out);
    text_printf(out, "# A supervisor whose loop is stuck is ended and started anew.\nWatchdogSec=%ds\n",
                UNIT_WATCHDOG_S);
    text_printf(out,
                "\n# Not after exit code 2: a manifest with errors is as wrong the next time.\nRestart=on-failure\n"
                "RestartSec=%ds\nRestartPreventExitStatus=2\n",
                RESTART_PAUSE_MS / 1000);
    text_str(out, "\n# The supervisor ends its apps in their order; systemd ends only what is left after that. An app "
                  "that runs out of\n"
                  "# memory is the supervisor's business, not the end of all.\n"
                  "KillMode=mixed\nDelegate=yes\nOOMPolicy=continue\n");
    text_printf(out, "# Listening sockets outlive a restart of the unit.\nFileDescriptorStoreMax=%zu\n", listeners);
    text_str(
        out,
        "# The limit is one for the whole unit: a chatty app would silence the others.\nLogRateLimitIntervalSec=0\n");
}

/* The rest of path below folder (`/run`); NULL when it is not below it, or nothing that these settings take. */
static const char *below(const char *path, const char *folder) {
    size_t len = strlen(folder);
    if (strncmp(path, folder, len) != 0 || path[len] != '/' || path[len + 1] == '\0' || strstr(path, "/../"))
        return NULL;
    for (const char *c = path; *c; c++)
        if (!is_letter_or_digit(*c) && !strchr("/_.-", *c))
            return NULL;
    return path + len + 1;
}

/* Folders that only root could make. */
static void print_folders(const struct unit_spec *spec, struct text *out) {
    const char *runtime = below(spec->runtime_dir, "/run");
    const char *logs = below(spec->log_dir, "/var/log");
    if (spec->identity == UNIT_OF_MANAGER || (!runtime && !logs))
        return;
    text_str(out, "\n# Made for the supervisor, which could not make them there itself.\n");
    if (runtime)
        text_printf(out, "RuntimeDirectory=%s\nRuntimeDirectoryMode=0700\nRuntimeDirectoryPreserve=restart\n", runtime);
    if (logs)
        text_printf(out, "LogsDirectory=%s\n", logs);
}

/* What ProtectSystem=full makes read-only. */
static bool is_protected(const char *path) {
    static const char *const folders[] = {"/usr/", "/etc/", "/boot/", "/efi/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return is_listable(path);
    return false;
}

static void print_writable(const struct unit_spec *spec, struct text *out) {
    const char *const paths[] = {spec->root, spec->log_dir, spec->runtime_dir};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        size_t root_len = strlen(spec->root);
        bool is_below_root = i > 0 && strncmp(paths[i], spec->root, root_len) == 0 && paths[i][root_len] == '/';
        if (is_below_root || !is_protected(paths[i]))
            continue;
        text_str(out, "ReadWritePaths=-");
        print_path(paths[i], out);
        text_char(out, '\n');
    }
}

/* Only what no app of a stack notices. Whatever implies NoNewPrivileges= is left to who knows the apps: it takes sudo,
 * ping and programs with file capabilities away. ProtectControlGroups= would contradict Delegate=, ProtectClock= takes
 * graphics cards away. */
static void print_sandbox(const struct unit_spec *spec, struct text *out) {
    if (spec->identity == UNIT_OF_MANAGER)
        return;
    text_str(out,
             "\n# The system's own programs and settings are read-only; homes, /srv, /opt, /var and /tmp are as ever.\n"
             "ProtectSystem=full\n");
    print_writable(spec, out);
    if (spec->identity == UNIT_OF_ROOT)
        text_str(out, "# The apps run as root: at least the kernel is out of their reach.\nProtectKernelTunables=yes\n"
                      "ProtectKernelModules=yes\nProtectKernelLogs=yes\n");
    if (spec->identity == UNIT_OF_USER && spec->has_low_port)
        text_str(out, "# An app listens on a port below 1024.\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n");
    text_str(out, "# Stricter; each can break an app. The first takes sudo, ping and the like away, the second a "
                  "socket or file in\n"
                  "# /tmp that others use too, the third new files with the set-user-ID bit.\n"
                  "#NoNewPrivileges=yes\n#PrivateTmp=yes\n#RestrictSUIDSGID=yes\n");
}

void unit_print(const struct unit_spec *spec, struct text *out) {
    print_head(spec, out);
    print_unit_section(spec, out);
    print_service(spec, out);
    print_folders(spec, out);
    print_sandbox(spec, out);
    text_printf(out, "\n[Install]\nWantedBy=%s\n",
                spec->identity == UNIT_OF_MANAGER ? "default.target" : "multi-user.target");
}

void unit_file_name(const char *name, struct text *out) {
    struct text clean TEXT_AUTO = {0};
    for (const char *c = name; *c && clean.len < NAME_MAX_BYTES; c++) {
        bool is_good = is_letter_or_digit(*c) || *c == '_' || *c == '.' || *c == ':';
        bool is_dash = clean.len > 0 && clean.data[clean.len - 1] == '-';
        if (is_good && (*c != '.' || clean.len > 0))
            text_char(&clean, *c);
        else if (clean.len > 0 && !is_dash)
            text_char(&clean, '-');
    }
    while (clean.len > 0 && clean.data[clean.len - 1] == '-')
        clean.data[--clean.len] = '\0';
    text_printf(out, "%s.service", clean.len > 0 ? text_get(&clean) : "upkeep");
}
