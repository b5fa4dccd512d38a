/* libupkeep: talking to a running supervisor through its control socket (Varlink, interface io.upkeep.Supervisor;
 * docs/control.md). One connection carries one call at a time. Not thread-safe; each connection belongs to one thread.
 */
#ifndef UPKEEP_CLIENT_H
#define UPKEEP_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UPKEEP_API __attribute__((visibility("default")))

struct upkeep_client;

/* Connects to RUNTIME_DIR/control.sock; a folder of any depth. Does not block beyond the kernel's backlog. 0, or
 * -errno: -ENOENT no supervisor has been here, -ECONNREFUSED a stale socket, -EACCES no permission. */
UPKEEP_API int upkeep_client_connect(const char *runtime_dir, struct upkeep_client **out);
UPKEEP_API void upkeep_client_free(struct upkeep_client *client);

/* Sends one call. method: without the interface's name (`Status`). parameters: borrowed, may be NULL. more: ask for a
 * stream. Blocks until the message is written, at most timeout_ms (-1: no limit). 0 or -errno. */
UPKEEP_API int upkeep_client_send(struct upkeep_client *client, const char *method, json_t *parameters, int more,
                                  int timeout_ms);

/* Receives one reply. Blocks at most timeout_ms (-1: no limit). Returns 1 when more replies follow, 0 when this was the
 * last, or -errno (-ETIMEDOUT, -EPIPE when the supervisor hung up, -EBADMSG). *parameters_out: owned by the caller.
 * *error_out: NULL, or the error's name (`io.upkeep.Supervisor.NoSuchApp`; owned by the caller, free()). */
UPKEEP_API int upkeep_client_receive(struct upkeep_client *client, int timeout_ms, json_t **parameters_out,
                                     char **error_out);

/* The descriptor, for poll(2). Owned by the client. */
UPKEEP_API int upkeep_client_fd(const struct upkeep_client *client);

#ifdef __cplusplus
}
#endif

#endif
