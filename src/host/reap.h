/* The only wait. docs/adr/0002-one-wait.md */
#ifndef UPKEEP_HOST_REAP_H
#define UPKEEP_HOST_REAP_H

#include <sys/types.h>

#include "host/proc.h"

/* Watches SIGCHLD from now on, and looks once for what ended before. See proc_setup() for settled. */
void reap_setup(struct loop *loop, void (*settled)(void *context), void *context);

/* Watches it no more. */
void reap_release(void);

/* Has the end of proc->pid reported; takes no memory. */
void reap_add(struct proc *proc);
void reap_remove(struct proc *proc);

/* The proc that is registered for a pid, or NULL. */
struct proc *reap_find(pid_t pid);

/* Waits for a child that is ending and not registered: one whose execve failed. */
void reap_discard(pid_t pid);

/* A registered process that may not be our child is gone: reports its end. */
void reap_gone(struct proc *proc);

#endif
