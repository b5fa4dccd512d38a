/* The inside of readiness.c: what a kind of condition is made of, for readiness.c and the watch_*.c files alone. A new
 * kind is a row in readiness.c's table and the functions of that row. */
#ifndef UPKEEP_DAEMON_WATCH_H
#define UPKEEP_DAEMON_WATCH_H

#include "daemon/owner.h"
#include "daemon/readiness.h"
#include "daemon/trial.h"
#include "host/notify.h"

/* What readiness_prepare() was given. */
struct watch_request {
    const struct app_config *config;
    const char *root;
    struct env *env;
    struct proc_spec *spec;
};

/* A kind of condition. Its state is zeroed memory that stays where it is while the kind stays the same. */
struct watch {
    size_t state_bytes;

    /* Before the start, into a zeroed state. 0, or -errno with a sentence in error; then stop() is called. */
    int (*prepare)(struct readiness *readiness, const struct watch_request *request, struct text *error);

    /* Whether prepare() refuses a place that a stranger holds, and leaves no trace: then it also judges whether there
     * is any use in running the pre_start commands. */
    bool claims_place;

    /* The process runs: watch, and call readiness_report() once. */
    void (*start)(struct readiness *readiness);

    /* Writes the last answer into readiness->answer; a try that is under way and hangs may be one. NULL: it stands
     * there already. */
    void (*note_answer)(struct readiness *readiness);

    /* Gives up everything that prepare() and start() took, at any point between or after them. */
    void (*stop)(struct readiness *readiness);
};

extern const struct watch watch_notify;
extern const struct watch watch_connect;
extern const struct watch watch_exec;
extern const struct watch watch_log;
extern const struct watch watch_fd;

enum watch_verdict { WATCH_UNDECIDED, WATCH_READY, WATCH_UNFIT, WATCH_GIVEN_UP };

struct readiness {
    struct loop *loop;
    const char *runtime_dir;
    const char *name;
    uint32_t tag;
    const struct readiness_events *events;
    void *context;

    const struct watch *watch; /* of the present start; NULL between two */
    const struct watch *state_of;
    void *state;

    pid_t pid; /* of the main process while it is watched */
    char *const *envp;
    struct trial_nest *nest;
    struct output *output;
    bool ready_owner;
    int64_t try_limit_ms; /* how long one try may take */

    enum watch_verdict verdict;
    struct text sentence; /* how it became ready, or why it is unfit */
    struct text answer;   /* the last; see note_answer */
    struct loop_post report;

    struct notify_socket notice; /* open from prepare to stop where the app has one */
};

/* ---- notice.c: the app's notify socket ---- */

/* Opens it where a process of these terms (NULL: as ours) reaches it, and puts NOTIFY_SOCKET and, where there is a
 * watchdog, WATCHDOG_USEC into env. 0 or -errno with a sentence in error. */
int notice_open(struct readiness *readiness, const struct app_config *config, const struct proc_terms *terms,
                struct env *env, struct text *error);
void notice_listen(struct readiness *readiness);
void notice_close(struct readiness *readiness);

/* ---- readiness.c ---- */

/* The verdict, with its sentence in readiness->sentence: passed on from the loop, once. A kind that has reported does
 * nothing more but what goes on after ready. */
void readiness_report(struct readiness *readiness, enum watch_verdict verdict);

/* The instance's processes, for owner.h. */
struct owner_tree readiness_tree(const struct readiness *readiness);

#endif
