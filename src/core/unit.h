/* The systemd unit of a stack, as text. Pure: what it is made from is found by others. */
#ifndef UPKEEP_CORE_UNIT_H
#define UPKEEP_CORE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"
#include "core/unit_time.h"

enum unit_identity {
    UNIT_OF_USER,   /* a system unit with User= */
    UNIT_OF_ROOT,   /* a system unit whose apps run as root */
    UNIT_OF_MANAGER /* a unit of somebody's own service manager (systemctl --user) */
};

/* All borrowed; paths are absolute. */
struct unit_spec {
    enum unit_identity identity;
    const char *user;     /* UNIT_OF_USER: its name */
    const char *name;     /* of the stack */
    const char *program;  /* the upkeep binary */
    const char *manifest; /* the file */
    const char *profile;  /* NULL: none */
    const char *root;
    const char *runtime_dir;
    const char *log_dir;
    bool has_low_port; /* an app wants to listen below 1024 */
    size_t listeners;  /* sockets that the supervisor opens for apps */
    struct unit_times times;
};

/* What PATH is for a system unit, and for a user's on Debian: no shell has read its start-up files. */
#define UNIT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* How long the supervisor's loop may be stuck before systemd ends it. */
enum { UNIT_WATCHDOG_S = 30 };

/* The unit's whole text. */
void unit_print(const struct unit_spec *spec, struct text *out);

/* `NAME.service` from a stack's name: bytes that a unit's name cannot hold become `-`. */
void unit_file_name(const char *name, struct text *out);

/* One word of a command line in a unit: quoted where it must be, `%` and `$` doubled. */
void unit_print_word(const char *word, struct text *out);

/* Whether systemd takes this as the program of ExecStart=: it refuses quotes, backslashes and control bytes there. */
bool unit_is_program(const char *path);

#endif
