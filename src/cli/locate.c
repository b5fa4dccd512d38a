#include "cli/locate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCATE_NAME "upkeep.ini"

/* Whether the folder that is up (`` or `../../`) is the one that has no parent. */
static bool locate_is_top(const char *up) {
    struct text path TEXT_AUTO = {0};
    struct stat folder;
    struct stat parent;
    text_printf(&path, "%s.", up);
    bool is_known = stat(text_get(&path), &folder) == 0;
    text_str(&path, ".");
    is_known = is_known && stat(text_get(&path), &parent) == 0;
    return !is_known || (folder.st_dev == parent.st_dev && folder.st_ino == parent.st_ino);
}

/* From here upwards; as a relative path, which is how one would name it from here. */
static char *locate_upwards(struct text *error) {
    struct text up TEXT_AUTO = {0};
    for (;;) {
        struct text path TEXT_AUTO = {0};
        text_printf(&path, "%s" LOCATE_NAME, text_get(&up));
        if (access(text_get(&path), F_OK) == 0)
            return text_take(&path);
        if (locate_is_top(text_get(&up)) || up.failed)
            break;
        text_str(&up, "../");
    }
    char *here = getcwd(NULL, 0);
    text_printf(error,
                "no " LOCATE_NAME
                " in %s or a folder above it (go to its folder, name one with -f, or write one: upkeep help keys)",
                here ? here : "this folder");
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
    char *here = getcwd(NULL, 0);
    if (!here)
        return NULL;
    size_t len = strlen(here);
    for (;;) {
        if (strncmp(path, "./", 2) == 0) {
            path += 2;
        } else if (strncmp(path, "../", 3) == 0) {
            path += 3;
            while (len > 0 && here[--len] != '/')
                ;
        } else {
            break;
        }
    }
    /* The root folder is a slash already. */
    while (len > 0 && here[len - 1] == '/')
        len--;
    struct text absolute TEXT_AUTO = {0};
    text_append(&absolute, here, len);
    text_printf(&absolute, "/%s", path);
    free(here);
    return text_take(&absolute);
}
