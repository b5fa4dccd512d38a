/* One command's dealings with one manifest and its supervisor. */
#ifndef UPKEEP_CLI_SESSION_H
#define UPKEEP_CLI_SESSION_H

#include <jansson.h>
#include <stdint.h>

#include "cli/invocation.h"
#include "core/diag.h"
#include "core/manifest.h"
#include "upkeep/client.h"

enum {
    SESSION_ANSWER_MS = 10 * 1000,   /* a supervisor that lives answers sooner */
    SESSION_WAIT_MS = 5 * 60 * 1000, /* how long commands that wait do so when --timeout is not given */
    SESSION_GRACE_MS = 10 * 1000,    /* beyond the time that the supervisor was given to answer in */
};

/* In the runtime dir: what a supervisor that runs in the background has to say. */
#define SESSION_LOG "supervisor.log"

struct session {
    const struct invocation *invocation;
    char *path; /* of the manifest, absolute: for people, and to start a supervisor with */
    struct manifest manifest;
    struct diags diags;
    struct upkeep_client *client; /* NULL: not connected */
};

/* All below return CODE_DONE, or the code for the exit after having said why. The session is to be closed in any case.
 */

/* Reads the manifest; whether that has errors is for the caller to judge, by diags. */
int session_read(struct session *session, const struct invocation *invocation);

/* Reads the same file anew: a search for one may find another by now. before_out: the manifest as it was, the caller's
 * to free. */
void session_read_again(struct session *session, struct manifest *before_out);

/* Reads the manifest, which must be without errors. */
int session_load(struct session *session, const struct invocation *invocation);

/* Reads the manifest and connects to its supervisor. A manifest with errors is only noted when a supervisor runs: what
 * is running must stay in reach while somebody edits the file. */
int session_open(struct session *session, const struct invocation *invocation);

void session_close(struct session *session);

/* One connection more (or the first) to the supervisor of a loaded manifest. 0 or -errno as upkeep_client_connect,
 * or -EEXIST when whoever is there is the supervisor of another manifest. */
int session_connect(const struct session *session, struct upkeep_client **client_out);

/* Whether that error means that nobody is there; -EEXIST: but that the supervisor of another manifest is. */
bool session_is_absent(int error);

/* A supervisor of another profile, which an answer tells, takes another manifest than the one that was read: refuses
 * it. */
int session_judge_profile(const struct session *session, const json_t *reply, const char *command);

/* Says why there is no connection: not running, stale socket and no permission are told apart. */
int session_refused(const struct session *session, int error);

/* A call with one answer. parameters: taken over, may be NULL. *reply_out: owned by the caller. */
int session_call(struct session *session, const char *method, json_t *parameters, int timeout_ms, json_t **reply_out);

/* The two halves of a call, for streams on a connection of their own. session_receive: *more_out says whether another
 * answer follows. An answer that does not come within timeout_ms (-1: no limit) is CODE_TIMED_OUT without a word when
 * quiet. */
int session_send(const struct session *session, struct upkeep_client *client, const char *method, json_t *parameters,
                 bool more);
int session_receive(const struct session *session, struct upkeep_client *client, int timeout_ms, bool quiet,
                    json_t **reply_out, bool *more_out);

/* `no app "bakend" in upkeep.ini (did you mean backend?)`; nearest may be NULL. */
int session_no_app(const struct session *session, const char *app, const char *nearest);

/* CODE_NO_APP when one of the command's arguments is no app of the manifest. */
int session_check_apps(const struct session *session);

/* When an answer says that the manifest is no longer what the supervisor runs: appends the sentence for people, which
 * names what to do. Whether it did. */
bool session_print_change(const struct session *session, const json_t *reply, struct text *out);

/* Names the keys of [upkeep] that only a new supervisor takes, and what to do. */
int session_needs_new_supervisor(const struct session *session, const json_t *keys);

/* The time that --timeout gives. */
int64_t session_wait_ms(const struct session *session);

/* The monotonic clock. */
int64_t session_now_ms(void);

/* A time as poll() and its like take it. */
int session_clamp_ms(int64_t ms);

/* How long to wait for an answer that the supervisor has wait_ms for. */
int session_patience_ms(int64_t wait_ms);

/* A word of the command line as a JSON string, which has to be UTF-8: bytes that are none become U+FFFD, so that such a
 * name is an unknown one, not a missing one. NULL when out of memory. */
json_t *session_word(const char *word);

/* The arguments as a JSON array. NULL when out of memory: none would mean all. */
json_t *session_apps(const struct session *session);

#endif
