/* Any bytes as a manifest, with and without a profile: what parses prints, and what is printed parses to the same. */
#include "core/manifest.h"
#include "fuzz.h"

static const char PROFILE[] = "p";

struct parsed {
    struct manifest manifest;
    struct diags diags;
    struct text printed;
    bool is_good;
};

static void check_said(const struct parsed *parsed) {
    PROMISE(parsed->is_good == (parsed->diags.errors == 0));
    unsigned line = 1;
    for (size_t i = 0; i < parsed->diags.count; i++) {
        const struct diag *diag = &parsed->diags.list[i];
        PROMISE(!strpbrk(diag->text, "\n\r\033") && diag->text[0] != '\0');
        PROMISE(diag->line - 1 >= line - 1); /* in the order of the file, the file as a whole last */
        line = diag->line;
    }
}

static void parse(const char *bytes, size_t len, const char *profile, const struct env *env, struct parsed *out) {
    *out = (struct parsed){0};
    out->is_good = manifest_parse(bytes, len, "m", "/srv/demo", profile, env, &out->manifest, &out->diags);
    check_said(out);
    if (out->is_good)
        manifest_print(&out->manifest, &out->printed);
}

static void fini(struct parsed *parsed) {
    manifest_fini(&parsed->manifest);
    diags_fini(&parsed->diags);
    text_fini(&parsed->printed);
}

static void resolve_all(const struct manifest *manifest, const struct env *env) {
    for (size_t i = 0; i < manifest->app_count; i++) {
        struct app_config config = {0};
        struct diags diags = {0};
        bool is_good = manifest_resolve(manifest, &manifest->apps[i], env, &config, &diags);
        PROMISE(is_good == (diags.errors == 0));
        PROMISE(!is_good || (config.command && config.ready.kind != CONDITION_DEFAULT));
        app_config_fini(&config);
        diags_fini(&diags);
    }
}

static void run(const char *bytes, size_t len, const char *profile, const struct env *env) {
    struct parsed first;
    parse(bytes, len, profile, env, &first);
    if (first.is_good) {
        resolve_all(&first.manifest, env);
        struct parsed again;
        parse(text_get(&first.printed), first.printed.len, profile, env, &again);
        PROMISE(again.is_good && strcmp(text_get(&again.printed), text_get(&first.printed)) == 0);
        fini(&again);
    }
    fini(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *environment[] = {"HOME=/home/dev", "A=1", "EMPTY=", NULL};
    struct env env = {0};
    PROMISE(env_import(&env, environment, ENV_ORIGIN_INHERITED));
    const char *bytes = size ? (const char *)data : "";
    run(bytes, size, NULL, &env);
    run(bytes, size, PROFILE, &env);
    env_fini(&env);
    return 0;
}
