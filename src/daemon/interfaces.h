/* The Varlink interfaces that the supervisor speaks, as the files beside this one describe them; embedded by the build
 * (cmake/embed.cmake). */
#ifndef UPKEEP_DAEMON_INTERFACES_H
#define UPKEEP_DAEMON_INTERFACES_H

extern const char interface_org_varlink_service[];
extern const char interface_io_upkeep_Supervisor[];

#endif
