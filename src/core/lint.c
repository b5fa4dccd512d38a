#include "core/lint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_one_of(const char *word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* Development or not */

static const char *const development_words[] = {"dev", "devel", "development", "local", "test", "testing", "debug"};
static const char *const deployment_words[] = {"staging", "stage", "prod", "production", "live", "preview"};

static bool has_word(const char *name, const char *const *words, size_t count) {
    while (*name) {
        size_t len = strcspn(name, "-_. ");
        for (size_t i = 0; i < count; i++)
            if (strlen(words[i]) == len && strncasecmp(words[i], name, len) == 0)
                return true;
        name += len;
        name += strspn(name, "-_. ");
    }
    return false;
}

static bool is_development_word(const char *name) {
    return has_word(name, development_words, COUNT(development_words)) &&
           !has_word(name, deployment_words, COUNT(deployment_words));
}

bool lint_is_development(const char *profile, const char *name, const struct env *env) {
    if (profile)
        return is_development_word(profile);
    if (name && has_word(name, deployment_words, COUNT(deployment_words)))
        return false;
    if (name && is_development_word(name))
        return true;
    const char *node_env = env_get(env, "NODE_ENV");
    const char *app_env = env_get(env, "APP_ENV");
    return (node_env && is_development_word(node_env)) || (app_env && is_development_word(app_env));
}

/* Commands */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool lint_has(char *const *words, size_t count, const char *program, const char *argument) {
    for (size_t i = 0; i + 1 < count; i++)
        if (strcmp(base_name(words[i]), program) == 0 && strcmp(words[i + 1], argument) == 0)
            return true;
    return false;
}

/* A program and the argument after it; either alone where the other is NULL. */
struct command_sign {
    const char *program;
    const char *argument;
};

static const struct command_sign development_signs[] = {
    {"next", "dev"},
    {"nuxt", "dev"},
    {"nuxi", "dev"},
    {"astro", "dev"},
    {"vite", "dev"},
    {"vite", "serve"},
    {"remix", "dev"},
    {"gatsby", "develop"},
    {"ng", "serve"},
    {"webpack", "serve"},
    {"react-scripts", "start"},
    {"vue-cli-service", "serve"},
    {"run", "dev"},
    {"npm", "dev"},
    {"yarn", "dev"},
    {"pnpm", "dev"},
    {"bun", "dev"},
    {"tsx", "watch"},
    {"node", "--watch"},
    {"flask", "run"},
    {"fastapi", "dev"},
    {"rails", "server"},
    {"nodemon", NULL},
    {"ts-node-dev", NULL},
    {"webpack-dev-server", NULL},
    {NULL, "--reload"},
    {NULL, "runserver"},
    {NULL, "runserver_plus"},
};

static bool is_sign(const struct command_sign *sign, char *const *words, size_t count, size_t i) {
    if (!sign->program)
        return strcmp(words[i], sign->argument) == 0;
    if (strcmp(base_name(words[i]), sign->program) != 0)
        return false;
    return !sign->argument || (i + 1 < count && strcmp(words[i + 1], sign->argument) == 0);
}

/* `vite` with no verb serves; with `build` or `preview` it does not. */
static bool is_bare_vite(char *const *words, size_t count, size_t i) {
    if (strcmp(base_name(words[i]), "vite") != 0)
        return false;
    bool is_program = i == 0 || strcmp(base_name(words[i - 1]), "npx") == 0 || strcmp(words[i - 1], "exec") == 0 ||
                      strcmp(words[i - 1], "&&") == 0 || strchr(words[i], '/');
    return is_program && (i + 1 == count || words[i + 1][0] == '-');
}

bool lint_is_development_command(char *const *words, size_t count, struct text *what) {
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < COUNT(development_signs); s++) {
            const struct command_sign *sign = &development_signs[s];
            if (!is_sign(sign, words, count, i))
                continue;
            text_printf(what, "%s%s%s", sign->program ? sign->program : "", sign->program && sign->argument ? " " : "",
                        sign->argument ? sign->argument : "");
            return true;
        }
        if (is_bare_vite(words, count, i)) {
            text_str(what, "vite");
            return true;
        }
    }
    return false;
}

static bool has_asgi_worker(char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strstr(words[i], "uvicorn") || strstr(words[i], "asgi") || strstr(words[i], "Asgi") ||
            strstr(words[i], "gevent") || strstr(words[i], "eventlet"))
            return true;
    return false;
}

bool lint_is_wsgi(char *const *words, size_t count) {
    static const char *const servers[] = {"gunicorn", "waitress-serve", "uwsgi", "mod_wsgi-express"};
    for (size_t i = 0; i < count; i++) {
        bool is_flask = strcmp(base_name(words[i]), "flask") == 0 && i + 1 < count && strcmp(words[i + 1], "run") == 0;
        if (strcmp(words[i], "runserver") == 0 || is_flask)
            return true;
        if (is_one_of(base_name(words[i]), servers, COUNT(servers)))
            return !has_asgi_worker(words, count);
    }
    return false;
}

const char *lint_npm_script(char *const *words, size_t count) {
    static const char *const runners[] = {"npm", "yarn", "pnpm", "bun"};
    if (count < 2 || !is_one_of(base_name(words[0]), runners, COUNT(runners)))
        return NULL;
    if (strcmp(words[1], "start") == 0)
        return words[1];
    bool runs = strcmp(words[1], "run") == 0 || strcmp(words[1], "run-script") == 0;
    return runs && count > 2 && words[2][0] != '-' ? words[2] : NULL;
}

bool lint_is_node(const char *program) {
    static const char *const programs[] = {"node", "nodejs", "npm", "npx", "yarn", "pnpm", "next"};
    return strstr(program, "node_modules/") || is_one_of(base_name(program), programs, COUNT(programs));
}

/* Values */

/* The length of a home at the start of path, 0 when there is none. */
static size_t home_span(const char *path) {
    static const char *const parents[] = {"/home/", "/Users/"};
    for (size_t i = 0; i < COUNT(parents); i++) {
        size_t len = strlen(parents[i]);
        if (strncmp(path, parents[i], len) != 0)
            continue;
        size_t name = strcspn(path + len, "/:;,\"' \t");
        bool is_name = name > 0 && !strpbrk((const char[]){path[len], '\0'}, "$*{");
        return is_name ? len + name : 0;
    }
    return strncmp(path, "/root/", 6) == 0 ? 5 : 0;
}

bool lint_has_home(const char *text, struct text *home) {
    for (const char *slash = strchr(text, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = slash == text || strchr(":=,\"' \t(/", slash[-1]) ? home_span(slash) : 0;
        if (len == 0)
            continue;
        text_append(home, slash, len);
        return true;
    }
    return false;
}

static bool has_password(const char *url) {
    const char *authority = strstr(url, "://");
    if (!authority)
        return false;
    authority += 3;
    size_t len = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', len);
    const char *colon = memchr(authority, ':', len);
    return at && colon && colon + 1 < at;
}

bool lint_is_secret(const char *name, const char *value) {
    static const char *const words[] = {"KEY",        "SECRET",  "TOKEN", "PASSWORD",   "PASSWD",
                                        "PASSPHRASE", "PRIVATE", "PWD",   "CREDENTIAL", "CREDENTIALS"};
    if (*value == '\0' || strncmp(value, "example", strlen("example")) == 0 ||
        strncmp(name, "NEXT_PUBLIC_", strlen("NEXT_PUBLIC_")) == 0)
        return false;
    return has_word(name, words, COUNT(words)) || has_password(value);
}

static const struct {
    const char *scheme;
    int port;
} services[] = {
    {"redis", 6379}, {"rediss", 6379},  {"valkey", 6379},   {"postgres", 5432}, {"postgresql", 5432},
    {"mysql", 3306}, {"mariadb", 3306}, {"mongodb", 27017}, {"amqp", 5672},
};

/* The usual port of a scheme; 0 for an unknown one. A driver may be named: postgresql+asyncpg. */
static int usual_port(const char *url, size_t len) {
    const char *plus = memchr(url, '+', len);
    if (plus)
        len = (size_t)(plus - url);
    for (size_t i = 0; i < COUNT(services); i++)
        if (strlen(services[i].scheme) == len && strncasecmp(services[i].scheme, url, len) == 0)
            return services[i].port;
    return 0;
}

int lint_local_service(const char *url) {
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = strstr(url, "://");
    int port = host ? usual_port(url, (size_t)(host - url)) : 0;
    if (port == 0)
        return 0;
    host += 3;
    size_t len = strcspn(host, "/?#");
    for (const char *at; (at = memchr(host, '@', len));) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    for (size_t i = 0; i < COUNT(hosts); i++) {
        size_t name = strlen(hosts[i]);
        if (len < name || strncasecmp(host, hosts[i], name) != 0)
            continue;
        if (len == name)
            return port;
        if (host[name] == ':' && isdigit((unsigned char)host[name + 1]))
            return (int)strtol(host + name + 1, NULL, 10);
    }
    return 0;
}
