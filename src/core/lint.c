#include "core/lint.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

bool lint_is_deployment_name(const char *name) {
    return has_word(name, deployment_words, COUNT(deployment_words));
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

const char *lint_program(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
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
    {"npm", "run dev"},
    {"yarn", "run dev"},
    {"pnpm", "run dev"},
    {"bun", "run dev"},
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

/* Whether the words from i on are those of the argument, which may be two: `run dev`. */
static bool follows(const char *argument, char *const *words, size_t count, size_t i) {
    for (; *argument; i++) {
        size_t len = strcspn(argument, " ");
        if (i >= count || strlen(words[i]) != len || strncmp(words[i], argument, len) != 0)
            return false;
        argument += len + strspn(argument + len, " ");
    }
    return true;
}

static bool is_sign(const struct command_sign *sign, char *const *words, size_t count, size_t i) {
    if (!sign->program)
        return strcmp(words[i], sign->argument) == 0;
    if (strcmp(lint_program(words[i]), sign->program) != 0)
        return false;
    return !sign->argument || follows(sign->argument, words, count, i + 1);
}

/* `vite` with no verb serves; with `build` or `preview` it does not. */
static bool is_bare_vite(char *const *words, size_t count, size_t i) {
    if (strcmp(lint_program(words[i]), "vite") != 0)
        return false;
    bool is_program = i == 0 || strcmp(lint_program(words[i - 1]), "npx") == 0 || strcmp(words[i - 1], "exec") == 0 ||
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
        bool is_flask =
            strcmp(lint_program(words[i]), "flask") == 0 && i + 1 < count && strcmp(words[i + 1], "run") == 0;
        if (strcmp(words[i], "runserver") == 0 || is_flask)
            return true;
        if (text_is_one_of(lint_program(words[i]), servers, COUNT(servers)))
            return !has_asgi_worker(words, count);
    }
    return false;
}

/* Whether the word is one of the options, `--prefix` or `--prefix=web`. *value_out: what stands behind the `=`, NULL
 * where the value is the next word. */
static bool is_option(const char *word, const char *const *options, size_t count, const char **value_out) {
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(options[i]);
        if (strncmp(word, options[i], len) != 0 || (word[len] != '=' && word[len] != '\0'))
            continue;
        *value_out = word[len] == '=' ? word + len + 1 : NULL;
        return true;
    }
    return false;
}

const char *lint_npm_script(char *const *words, size_t count, const char **folder_out) {
    static const char *const runners[] = {"npm", "yarn", "pnpm", "bun"};
    static const char *const folders[] = {"--prefix", "-C", "--cwd", "--dir"};
    static const char *const elsewhere[] = {"-w",       "--workspace", "--workspaces", "-ws",
                                            "--filter", "-F",          "-r",           "workspace"};
    const char *folder = NULL;
    const char *verb = NULL;
    const char *name = NULL;
    if (count < 2 || !text_is_one_of(lint_program(words[0]), runners, COUNT(runners)))
        return NULL;
    for (size_t i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        const char *value = NULL;
        if (is_option(words[i], folders, COUNT(folders), &value)) {
            if (!value && i + 1 < count)
                value = words[++i];
            folder = value;
        } else if (text_is_one_of(words[i], elsewhere, COUNT(elsewhere)) ||
                   strncmp(words[i], "--workspace=", 12) == 0 || strncmp(words[i], "--filter=", 9) == 0) {
            return NULL;
        } else if (words[i][0] != '-' && !verb) {
            verb = words[i];
        } else if (words[i][0] != '-' && !name) {
            name = words[i];
        }
    }
    *folder_out = folder;
    if (verb && strcmp(verb, "start") == 0)
        return verb;
    return verb && (strcmp(verb, "run") == 0 || strcmp(verb, "run-script") == 0) ? name : NULL;
}

bool lint_is_next_start(char *const *words, size_t count, const char **folder_out) {
    static const char *const with_values[] = {"-p", "--port", "-H", "--hostname", "--keepAliveTimeout"};
    size_t i = 0;
    while (i + 1 < count && !(strcmp(lint_program(words[i]), "next") == 0 && strcmp(words[i + 1], "start") == 0))
        i++;
    if (i + 1 >= count)
        return false;
    *folder_out = NULL;
    for (i += 2; i < count && !*folder_out; i++) {
        if (words[i][0] != '-')
            *folder_out = words[i];
        else if (text_is_one_of(words[i], with_values, COUNT(with_values)))
            i++;
    }
    return true;
}

/* What sends a program into the background: a word, or two that follow each other. */
static const struct {
    const char *program;
    const char *word;
} background_signs[] = {
    {"gunicorn", "--daemon"},
    {"gunicorn", "-D"},
    {"redis-server", "--daemonize yes"},
    {"valkey-server", "--daemonize yes"},
    {"uwsgi", "--daemonize"},
    {"uwsgi", "-d"},
    {"celery", "multi"},
    {"celery", "--detach"},
    {"memcached", "-d"},
    {"memcached", "--daemon"},
    {"php-fpm", "--daemonize"},
    {"php-fpm", "-D"},
    {"pm2", "start"},
    {"forever", "start"},
    {"mongod", "--fork"},
    {"haproxy", "-D"},
    {"pg_ctl", "start"},
    {"puma", "--daemon"},
    {"unicorn", "-D"},
    {"rails", "--daemon"},
};

bool lint_is_background(char *const *words, size_t count, struct text *what) {
    size_t first = 0;
    static const char *const stays[] = {"--no-daemon", "--nodaemon"};
    for (size_t i = 0; i < count; i++)
        if (text_is_one_of(words[i], stays, COUNT(stays)))
            return false;
    static const char *const interpreters[] = {"python", "python3", "bundle", "npx", "poetry", "uv", "pipenv"};
    static const char *const verbs[] = {"-m", "exec", "run"};
    if (count > 0 && text_is_one_of(lint_program(words[0]), interpreters, COUNT(interpreters)))
        for (first = 1; first < count && text_is_one_of(words[first], verbs, COUNT(verbs));)
            first++;
    for (size_t s = 0; first < count && s < COUNT(background_signs); s++) {
        if (strcmp(lint_program(words[first]), background_signs[s].program) != 0)
            continue;
        for (size_t i = first + 1; i < count; i++) {
            if (!follows(background_signs[s].word, words, count, i))
                continue;
            text_printf(what, "%s %s", background_signs[s].program, background_signs[s].word);
            return true;
        }
    }
    return false;
}

const char *lint_sleep(char *const *words, size_t count) {
    bool is_sleep = count > 1 && strcmp(lint_program(words[0]), "sleep") == 0 && isdigit((unsigned char)words[1][0]);
    return is_sleep ? words[1] : NULL;
}

int lint_graceful_signal(char *const *words, size_t count) {
    static const struct {
        const char *program;
        int signal;
    } servers[] = {{"nginx", SIGQUIT}, {"php-fpm", SIGQUIT}, {"httpd", SIGWINCH}, {"apache2", SIGWINCH}};
    for (size_t i = 0; count > 0 && i < COUNT(servers); i++)
        if (strcmp(lint_program(words[0]), servers[i].program) == 0)
            return servers[i].signal;
    return 0;
}

const char *lint_script_file(char *const *words, size_t count) {
    static const struct {
        const char *program;
        const char *suffixes[4];
    } interpreters[] = {
        {"node", {".js", ".mjs", ".cjs"}},
        {"nodejs", {".js", ".mjs", ".cjs"}},
        {"python", {".py"}},
        {"python3", {".py"}},
        {"sh", {".sh"}},
        {"bash", {".sh"}},
        {"ruby", {".rb"}},
        {"php", {".php"}},
    };
    for (size_t i = 0; count > 1 && i < COUNT(interpreters); i++) {
        if (strcmp(lint_program(words[0]), interpreters[i].program) != 0)
            continue;
        size_t len = strlen(words[1]);
        for (size_t s = 0; interpreters[i].suffixes[s]; s++) {
            size_t suffix = strlen(interpreters[i].suffixes[s]);
            if (words[1][0] != '-' && len > suffix && strcmp(words[1] + len - suffix, interpreters[i].suffixes[s]) == 0)
                return words[1];
        }
    }
    return NULL;
}

bool lint_is_node(const char *program) {
    static const char *const programs[] = {"node", "nodejs", "npm", "npx", "yarn", "pnpm", "next"};
    return strstr(program, "node_modules/") || text_is_one_of(lint_program(program), programs, COUNT(programs));
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

bool lint_is_secret_name(const char *name) {
    static const char *const words[] = {"KEY",        "SECRET",  "TOKEN", "PASSWORD",   "PASSWD",
                                        "PASSPHRASE", "PRIVATE", "PWD",   "CREDENTIAL", "CREDENTIALS"};
    return strncmp(name, "NEXT_PUBLIC_", strlen("NEXT_PUBLIC_")) != 0 && has_word(name, words, COUNT(words));
}

bool lint_is_secret(const char *name, const char *value) {
    if (*value == '\0' || strncmp(value, "example", strlen("example")) == 0 ||
        strncmp(name, "NEXT_PUBLIC_", strlen("NEXT_PUBLIC_")) == 0)
        return false;
    return lint_is_secret_name(name) || has_password(value);
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

int lint_local_host(const struct env *env, const char *name, const char *value) {
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
    static const struct {
        const char *host;
        const char *port;
        int usual;
    } pairs[] = {{"REDIS_HOST", "REDIS_PORT", 6379},       {"VALKEY_HOST", "VALKEY_PORT", 6379},
                 {"POSTGRES_HOST", "POSTGRES_PORT", 5432}, {"PGHOST", "PGPORT", 5432},
                 {"MYSQL_HOST", "MYSQL_PORT", 3306},       {"MONGO_HOST", "MONGO_PORT", 27017},
                 {"RABBITMQ_HOST", "RABBITMQ_PORT", 5672}, {"DB_HOST", "DB_PORT", 0},
                 {"DATABASE_HOST", "DATABASE_PORT", 0}};
    if (!text_is_one_of(value, hosts, COUNT(hosts)))
        return 0;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        if (strcmp(pairs[i].host, name) != 0)
            continue;
        const char *port = env_get(env, pairs[i].port);
        char *end = NULL;
        long number = port && *port ? strtol(port, &end, 10) : pairs[i].usual;
        return number > 0 && number <= 65535 && (!end || *end == '\0') ? (int)number : 0;
    }
    return 0;
}
