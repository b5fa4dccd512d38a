/* Any bytes as a dotenv file and as an `env` setting. */
#include "core/dotenv.h"
#include "core/limits.h"
#include "fuzz.h"

static void check(const struct env *env, const struct diags *diags, bool is_good) {
    PROMISE(is_good == (diags->errors == 0));
    for (size_t i = 0; i < env->count; i++) {
        const struct env_var *var = &env->vars[i];
        PROMISE(var->name_len > 0 && env_name_span(var->assignment) == var->name_len);
        PROMISE(var->assignment[var->name_len] == '=');
        PROMISE(strlen(var->assignment) <= (size_t)var->name_len + 1 + LIMIT_EXPANSION);
        PROMISE(var->line > 0);
    }
    for (size_t i = 0; i < diags->count; i++)
        PROMISE(!strpbrk(diags->list[i].text, "\n\r\033") && diags->list[i].text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct env env = {0};
    struct diags diags = {0};
    check(&env, &diags, dotenv_parse(size ? (const char *)data : "", size, ".env", &env, &diags));
    diags_fini(&diags);
    env_clear(&env);

    char *string = fuzz_string(data, size);
    bool is_good = dotenv_parse_setting(string, "upkeep.ini", 1, &env, &diags);
    check(&env, &diags, is_good);
    diags_fini(&diags);

    /* What is good with an environment is well formed. */
    bool is_well_formed = dotenv_parse_setting(string, "upkeep.ini", 1, NULL, &diags);
    PROMISE(is_well_formed || !is_good);
    diags_fini(&diags);
    free(string);
    env_fini(&env);
    return 0;
}
