/* Applications that want an ASGI server, behind one that knows WSGI alone. */
#include <stdlib.h>
#include <string.h>

#include "core/lint.h"
#include "host/fs.h"
#include "local/check.h"

static char *read_in(const char *folder, const char *name) {
    struct text path TEXT_AUTO = {0};
    char *bytes = NULL;
    size_t len = 0;
    text_printf(&path, "%s/%s", folder, name);
    return !path.failed && fs_read_file(NULL, text_get(&path), &bytes, &len) == 0 ? bytes : NULL;
}

static bool mentions(const char *folder, const char *name, const char *word) {
    char *bytes = read_in(folder, name);
    bool found = bytes && strstr(bytes, word);
    free(bytes);
    return found;
}

/* `os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')` in manage.py */
static void print_managed_package(const char *folder, struct text *package) {
    static const char name[] = "DJANGO_SETTINGS_MODULE";
    char *bytes = read_in(folder, "manage.py");
    const char *at = bytes ? strstr(bytes, name) : NULL;
    at = at ? at + sizeof name - 1 : NULL;
    at = at ? at + strspn(at, "'\", ") : NULL;
    if (at)
        text_append(package, at, strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"));
    free(bytes);
}

/* The folder of the Django project, in which asgi.py and settings.py lie; false when there is no asgi.py. */
static bool find_asgi(const struct check_app *app, const struct check_step *step, struct text *folder) {
    struct text package TEXT_AUTO = {0};
    const char *settings = env_get(&app->env, "DJANGO_SETTINGS_MODULE");
    if (settings)
        text_append(&package, settings, strcspn(settings, "."));
    for (size_t i = 0; package.len == 0 && i < step->count; i++) { /* gunicorn shop.wsgi:application */
        const char *wsgi = strstr(step->words[i], ".wsgi");
        if (wsgi)
            text_append(&package, step->words[i], (size_t)(wsgi - step->words[i]));
    }
    if (package.len == 0)
        print_managed_package(step->folder, &package);
    text_printf(folder, "%s/%s", step->folder, package.len > 0 ? text_get(&package) : ".");
    if (check_has_file(text_get(folder), "asgi.py"))
        return true;
    text_clear(folder);
    text_str(folder, step->folder);
    return check_has_file(text_get(folder), "asgi.py");
}

/* `runserver` is another one, that serves ASGI, where the settings install daphne (as channels itself did before 4). */
static bool is_asgi_runserver(const struct check_step *step, const char *folder) {
    for (size_t i = 0; i < step->count; i++)
        if (strcmp(step->words[i], "runserver") == 0)
            return mentions(folder, "settings.py", "'daphne'") || mentions(folder, "settings.py", "\"daphne\"");
    return false;
}

/* The file of `main:app` and `shop.api:create()`, when there is one; from the folder. */
static bool print_module_file(const char *folder, const char *word, struct text *name) {
    size_t len = strcspn(word, ":");
    if (word[len] == '\0' || len == 0 || word[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        text_char(name, word[i] == '.' ? '/' : word[i]);
    text_str(name, ".py");
    return check_has_file(folder, text_get(name));
}

/* FastAPI or Starlette served as WSGI. */
static bool find_asgi_application(const struct check *check, const struct check_app *app,
                                  const struct check_step *step) {
    for (size_t i = 1; i < step->count; i++) {
        struct text name TEXT_AUTO = {0};
        if (!print_module_file(step->folder, step->words[i], &name) ||
            (!mentions(step->folder, text_get(&name), "= FastAPI(") &&
             !mentions(step->folder, text_get(&name), "= Starlette(")))
            continue;
        check_find(check, app, RULE_ASGI, "command", NULL,
                   "command serves WSGI, and %s is an ASGI application: every request would fail", text_get(&name));
        return true;
    }
    return false;
}

void check_asgi(const struct check *check, const struct check_app *app, const struct check_step *step) {
    struct text folder TEXT_AUTO = {0};
    if (!step->folder || !lint_is_wsgi(step->words, step->count) || find_asgi_application(check, app, step) ||
        !find_asgi(app, step, &folder) || is_asgi_runserver(step, text_get(&folder)))
        return;
    if (mentions(text_get(&folder), "asgi.py", "websocket"))
        check_find(check, app, RULE_ASGI, "command", NULL,
                   "command serves WSGI, which answers WebSockets with 404, and asgi.py has some");
    else
        check_find(check, app, RULE_WSGI, "command", NULL,
                   "command serves WSGI, which answers WebSockets with 404, and there is an asgi.py");
}
