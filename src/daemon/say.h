/* What the supervisor itself has to say, to whoever watches it: the terminal (in order with the apps' lines); the
 * journal, with fields to look things up by, when standard error is connected to it; else standard error, with a <N>
 * priority in front (sd-daemon(3)) where that is the kernel's log. */
#ifndef UPKEEP_DAEMON_SAY_H
#define UPKEEP_DAEMON_SAY_H

struct loop;
struct output_hub;

enum say_level { SAY_ERROR = 3, SAY_WARNING = 4, SAY_INFO = 6 }; /* syslog's numbers */

/* What it is said of; each NULL for nothing. In the journal: UPKEEP_APP, UPKEEP_PHASE, UPKEEP_WHY. */
struct say_about {
    const char *app;
    const char *phase; /* the contract's word */
    const char *why;
};

/* Where it is said, for CODE_FILE, CODE_LINE and CODE_FUNC. */
struct say_place {
    const char *file;
    const char *func;
    int line;
};
#define SAY_HERE (&(const struct say_place){__FILE__, __func__, __LINE__})

/* hub: its terminal; NULL: standard error, which with the help of the loop is written without ever waiting for whoever
 * should read it; without a loop (NULL) as it comes, which is for before the loop and after it. Both borrowed until the
 * next call. */
void say_setup(struct output_hub *hub, struct loop *loop);

/* `upkeep: app: text`, or `upkeep: text` when there is no app. */
void say_at(const struct say_place *place, enum say_level level, const struct say_about *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define say(level, app_, ...) say_at(SAY_HERE, level, &(const struct say_about){.app = (app_)}, __VA_ARGS__)
#define say_of(level, about, ...) say_at(SAY_HERE, level, about, __VA_ARGS__)

/* Several lines as they are, such as a failure card: one entry in the journal. */
void say_block_at(const struct say_place *place, enum say_level level, const struct say_about *about,
                  const char *lines);
#define say_block(level, about, lines) say_block_at(SAY_HERE, level, about, lines)

#endif
