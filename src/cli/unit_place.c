#include "cli/unit_place.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool unit_place_folder(bool is_user, struct text *folder, struct text *error) {
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (!is_user)
        text_str(folder, "/etc/systemd/system");
    else if (config && config[0] == '/')
        text_printf(folder, "%s/systemd/user", config);
    else if (home && home[0] == '/')
        text_printf(folder, "%s/.config/systemd/user", home);
    else
        text_str(error, "HOME is not set: there is no folder for a user's units");
    return error->len == 0;
}

char *unit_place_vendor(bool is_user, const char *name) {
    static const char *const folders[] = {"/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd", "/run/systemd"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct text path TEXT_AUTO = {0};
        text_printf(&path, "%s/%s/%s", folders[i], is_user ? "user" : "system", name);
        if (access(text_get(&path), F_OK) == 0)
            return text_take(&path);
    }
    return NULL;
}

/* 0 or -errno. */
static int unit_place_spawn(char **argv, pid_t *child_out) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return -error;
    error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (error == 0)
        error = posix_spawnp(child_out, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* words: up to three, and NULL. */
static int unit_place_run(bool is_user, char *const *words) {
    static char systemctl[] = "systemctl";
    static char user[] = "--user";
    char *argv[6] = {systemctl};
    size_t n = 1;
    if (is_user)
        argv[n++] = user;
    while (*words)
        argv[n++] = *words++;
    argv[n] = NULL;
    pid_t child = -1;
    int error = unit_place_spawn(argv, &child);
    if (error < 0)
        return error;
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int unit_place_systemctl(bool is_user, char *verb, char *argument) {
    return unit_place_run(is_user, (char *[]){verb, argument, NULL});
}

int unit_place_start(bool is_user, char *unit) {
    static char start[] = "start";
    static char no_block[] = "--no-block";
    return unit_place_run(is_user, (char *[]){start, no_block, unit, NULL});
}

bool unit_place_is_booted(void) {
    return access("/run/systemd/system", F_OK) == 0;
}
