/* What the supervisor itself has to say, one line at a time, to whoever watches it: the terminal (in order with the
 * apps' lines) or standard error, with a <N> priority prefix (sd-daemon(3)) when that is the journal. */
#ifndef UPKEEP_DAEMON_SAY_H
#define UPKEEP_DAEMON_SAY_H

struct output_hub;

enum say_level { SAY_ERROR = 3, SAY_WARNING = 4, SAY_INFO = 6 }; /* syslog's numbers */

/* hub: NULL to write to standard error directly. */
void say_setup(struct output_hub *hub);

/* `upkeep: app: text`, or `upkeep: text` when app is NULL. Never blocks on a terminal. */
void say(enum say_level level, const char *app, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Several lines as they are, such as a failure card. Takes them apart in place. */
void say_block(enum say_level level, char *lines);

#endif
