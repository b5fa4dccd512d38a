#include "host/systemd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

void *systemd_function(const char *name) {
    static void *library;
    static bool tried;
    if (!tried) {
        tried = true;
        library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    }
    return library ? dlsym(library, name) : NULL;
}
