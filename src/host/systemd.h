/* libsystemd, loaded when its first function is needed (docs/adr/0003). */
#ifndef UPKEEP_HOST_SYSTEMD_H
#define UPKEEP_HOST_SYSTEMD_H

/* A function of libsystemd.so.0; NULL when there is no such library or it is too old to have it. To be asked for once
 * and kept: what is not there now will not be there later. */
void *systemd_function(const char *name);

#endif
