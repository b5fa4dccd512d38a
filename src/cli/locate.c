#include "cli/locate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCATE_NAME "upkeep.ini"

/* Where the user is, as the shell says it when that is true: getcwd() alone would resolve symbolic links. */
static char *locate_here(void) {
    const char *pwd = getenv("PWD");
    struct stat by_name;
    struct stat by_dot;
    if (pwd && pwd[0] == '/' && !strstr(pwd, "/.") && stat(pwd, &by_name) == 0 && stat(".", &by_dot) == 0 &&
        by_name.st_dev == by_dot.st_dev && by_name.st_ino == by_dot.st_ino)
        return strdup(pwd);
    return getcwd(NULL, 0);
}

/* The folder that is len bytes of dir, with the file's name. */
static char *locate_join(const char *dir, size_t len, const char *name) {
    struct text path TEXT_AUTO = {0};
    while (len > 0 && dir[len - 1] == '/')
        len--;
    text_append(&path, dir, len);
    text_char(&path, '/');
    text_str(&path, name);
    return text_take(&path);
}

/* From here upwards. */
static char *locate_upwards(struct text *error) {
    char *here = locate_here();
    if (!here) {
        text_printf(error, "cannot tell which folder this is: %s", strerror(errno));
        return NULL;
    }
    for (size_t len = strlen(here);;) {
        char *path = locate_join(here, len, LOCATE_NAME);
        if (!path || access(path, F_OK) == 0) {
            free(here);
            return path;
        }
        free(path);
        while (len > 0 && here[len - 1] != '/')
            len--;
        if (len == 0)
            break;
        len--;
    }
    text_printf(error, "no " LOCATE_NAME " in %s or a folder above it (name one with -f)", here);
    free(here);
    return NULL;
}

char *locate_manifest(const char *named, struct text *error) {
    const char *path = named ? named : getenv("UPKEEP_MANIFEST");
    return path && path[0] ? strdup(path) : locate_upwards(error);
}

char *locate_absolute(const char *path) {
    if (path[0] == '/')
        return strdup(path);
    char *here = locate_here();
    if (!here)
        return NULL;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    char *absolute = locate_join(here, strlen(here), path);
    free(here);
    return absolute;
}
