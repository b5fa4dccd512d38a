#include "daemon/leftover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "daemon/say.h"
#include "host/clear.h"
#include "host/fs.h"

enum {
    LEFTOVER_STATE_MAX = 8192,
    LEFTOVER_TIMEOUT_MS = 5000, /* for their own end, before they are killed */
};

#define LEFTOVER_MANIFEST "\nmanifest="

static char *leftover_path(const char *runtime_dir) {
    struct text path = {0};
    text_printf(&path, "%s/state", runtime_dir);
    return text_take(&path);
}

/* Tags mean nothing after a reboot. Empty when the kernel does not tell. */
static void leftover_boot_id(struct text *out) {
    char *bytes = NULL;
    size_t len = 0;
    if (fs_read("/proc/sys/kernel/random/boot_id", 128, &bytes, &len) < 0)
        return;
    text_append(out, bytes, strcspn(bytes, "\n"));
    free(bytes);
}

/* `BASE+COUNT` and the end of the line. Whoever may write the runtime dir may have written it. */
static bool leftover_parse_tags(const char *line, struct tag_range *tags_out) {
    char *end;
    unsigned long base = strtoul(line, &end, 10);
    if (*end != '+')
        return false;
    unsigned long count = strtoul(end + 1, &end, 10);
    if (*end != '\n' || base == 0 || base > UINT32_MAX || count == 0 || count > UINT32_MAX - base)
        return false;
    *tags_out = (struct tag_range){.base = (uint32_t)base, .count = (uint32_t)count};
    return true;
}

bool leftover_read(const char *runtime_dir, struct tag_range *tags_out) {
    struct text head TEXT_AUTO = {0};
    text_str(&head, "boot=");
    leftover_boot_id(&head);
    if (head.len == strlen("boot="))
        return false;
    text_str(&head, "\ntags=");
    char *path = leftover_path(runtime_dir);
    char *bytes = NULL;
    size_t len = 0;
    int r = head.failed || !path ? -ENOMEM : fs_read(path, LEFTOVER_STATE_MAX, &bytes, &len);
    bool ok =
        r >= 0 && strncmp(bytes, text_get(&head), head.len) == 0 && leftover_parse_tags(bytes + head.len, tags_out);
    free(bytes);
    free(path);
    return ok;
}

void leftover_end(const char *runtime_dir, const char *whom) {
    struct tag_range tags;
    if (!leftover_read(runtime_dir, &tags))
        return;
    size_t count = clear_tags(tags, LEFTOVER_TIMEOUT_MS);
    if (count > 0)
        say(SAY_WARNING, NULL, "%s was killed; ended %zu process%s that it had left", whom, count,
            count == 1 ? "" : "es");
}

int leftover_write(const char *runtime_dir, const struct tag_range *tags, const char *manifest) {
    char *path = leftover_path(runtime_dir);
    if (!path)
        return -ENOMEM;
    struct text text TEXT_AUTO = {0};
    text_str(&text, "boot=");
    leftover_boot_id(&text);
    text_printf(&text, "\ntags=%u+%u", tags->base, tags->count);
    char *real = fs_real_path(manifest);
    if (real && !strchr(real, '\n'))
        text_printf(&text, LEFTOVER_MANIFEST "%s", real);
    free(real);
    text_char(&text, '\n');
    int r = fs_write_atomic(path, text_get(&text), text.len, 0600);
    free(path);
    return r;
}

char *leftover_stranger(const char *runtime_dir, const char *manifest) {
    char *path = leftover_path(runtime_dir);
    char *bytes = NULL;
    size_t len = 0;
    int r = path ? fs_read(path, LEFTOVER_STATE_MAX, &bytes, &len) : -ENOMEM;
    free(path);
    char *owner = r < 0 ? NULL : strstr(bytes, LEFTOVER_MANIFEST);
    if (owner) {
        owner += strlen(LEFTOVER_MANIFEST);
        owner[strcspn(owner, "\n")] = '\0';
        owner = fs_are_two(owner, manifest) ? strdup(owner) : NULL;
    }
    free(bytes);
    return owner;
}

void leftover_remove(const char *runtime_dir) {
    char *path = leftover_path(runtime_dir);
    if (path)
        (void)unlink(path);
    free(path);
}
