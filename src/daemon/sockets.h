/* The sockets of the key `listen`: opened by us, passed to us by the service manager, or kept for us by it over a
 * restart of the unit; handed to each start of their app. docs/sockets.md tells their life. */
#ifndef UPKEEP_DAEMON_SOCKETS_H
#define UPKEEP_DAEMON_SOCKETS_H

#include "core/env.h"
#include "core/manifest.h"
#include "host/proc.h"

struct sockets;

/* What a start's addresses mean: as manifest and environment have them. All borrowed. */
struct sockets_request {
    const char *app;
    const struct list *listen;
    const char *root;
    const struct env *env;
};

/* Takes what the service manager has passed to this process. NULL when out of memory. */
struct sockets *sockets_new(void);

/* Closes all; what the service manager keeps stays there for the next supervisor. */
void sockets_free(struct sockets *sockets);

/* Gives an app those of the passed sockets that it listens on: by the name of an entry, or else by its address. */
void sockets_claim(struct sockets *sockets, const struct sockets_request *request);

/* After all claims: says which were passed for nobody, and closes them. */
void sockets_end_claims(struct sockets *sockets);

/* Before a start: opens what is not open yet, and closes what the app no longer asks for. 0, or -errno with a sentence
 * in error (`127.0.0.1:80 is held by pid 812 (nginx, user root)`); then all is as it was. */
int sockets_open(struct sockets *sockets, const struct sockets_request *request, struct text *error);

/* Puts them into spec, from descriptor 3 on, and LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID (with room for the number)
 * into env. The latter is to be given to sockets_pid_text() once env is complete. False when out of memory. */
bool sockets_hand_over(const struct sockets *sockets, const struct sockets_request *request, struct env *env,
                       struct proc_spec *spec);

/* Where in envp the child is to write its pid; NULL when it gets no sockets. */
char *sockets_pid_text(char *const *envp);

/* The app is not to be started again by itself: connections are to be refused rather than wait. What a socket unit of
 * the service manager has passed stays open, since it could not be had again. */
void sockets_close(struct sockets *sockets, const char *app);

#endif
