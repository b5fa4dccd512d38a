/* What an instance writes: from its pipes to its log files, the terminal and the tail that the failure card shows.
 *
 * The pipes belong to the instance, not to a process: the supervisor keeps both ends, and every start is given the same
 * write end. So nothing is lost between one process and the next, a grandchild that holds the pipe delays nobody, and
 * "drained" is simply "empty" once the process is gone. */
#ifndef UPKEEP_DAEMON_OUTPUT_H
#define UPKEEP_DAEMON_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/manifest.h"
#include "host/loop.h"

struct output;     /* one instance's streams */
struct output_hub; /* what all share: files by path, the read buffer, the terminal, the index */

/* A line for whoever watches (readiness by `log:`, terminal). Not NUL-terminated, without its newline. */
typedef void output_line(void *context, bool is_stderr, const char *line, size_t len);

/* runtime_dir: where the log index is kept; terminal_fd: -1 when there is none to write to. NULL when out of memory. */
struct output_hub *output_hub_new(struct loop *loop, const char *runtime_dir, const char *log_dir, int terminal_fd);
void output_hub_free(struct output_hub *hub);

/* SIGHUP: every log file is opened anew by its path. Failures are announced. */
void output_hub_reopen(struct output_hub *hub);

/* The supervisor ends: log files that nobody has written to need not be made any more. */
void output_hub_end(struct output_hub *hub);

/* Shows a supervisor's own line on the terminal in order with the apps' lines. */
void output_hub_say(struct output_hub *hub, const char *line);

/* name: for prefixes and file names. NULL when out of memory. */
struct output *output_new(struct output_hub *hub, const char *name);
void output_free(struct output *output);

/* Makes pipes and opens files as the config says, where they are not as it says already; called before every start.
 * env: the start's, whose HOME is what `~/` means. 0, or -errno with a sentence in error (`cannot open
 * /srv/x/logs/a.log: Permission denied`); then all is as it was. */
int output_prepare(struct output *output, const struct app_config *config, const char *root, const struct env *env,
                   struct text *error);

/* The descriptors that a start is given as 1 and 2. Valid until output_prepare or output_free. */
void output_fds(const struct output *output, int *stdout_out, int *stderr_out);

/* Makes the pipes of a user who opens them anew by /dev/stdout, and would not be let to else. */
void output_give(struct output *output, uid_t uid);

/* Adds JOURNAL_STREAM to the environment of such a start where one of them is a stream to the journal, so that a
 * program can tell that it is. False when out of memory. */
bool output_export(const struct output *output, struct env *env);

/* Reads what is in the pipes now and writes all of it out, the unfinished last line too: the process that wrote it is
 * gone. Bounded in time by the pipe's size; whoever still writes is read on later from the loop. */
void output_drain(struct output *output);

/* Who is told of lines; NULL: nobody. */
void output_watch(struct output *output, output_line *line, void *context);

/* The last lines written (whole lines, at most LIMIT_TAIL bytes, newest last), since the last output_mark. Borrowed
 * until the next write. */
const char *output_tail(const struct output *output);

/* A new process begins: the tail starts anew with its first line. */
void output_mark(struct output *output);

/* The files that stdout and stderr go to, NULL where they go to none. Borrowed. */
const char *output_path(const struct output *output, bool is_stderr);

#endif
