/* SPDX-License-Identifier: MIT */
/* What the rooms above know of waiting besides what is public. */
#ifndef AW_TASK_SUSPEND_H
#define AW_TASK_SUSPEND_H

#include "await/task.h"

/*
 * aw_wait_in() that leaves a cancellation pending with the caller: 0, or -1 with ETIMEDOUT. For
 * those who must see something through before they may give up.
 */
int aw_suspend_in(struct aw_waiters *waiters, aw_time deadline);

/* Where the first of those who wait awaits: as in a dump; NULL if nobody waits. For good. */
const char *aw_waiters_site(const struct aw_waiters *waiters);

/* Whoever waits in aw_wait_fd() for the descriptor goes on, as if it were ready. */
void aw_wait_fd_wake(int fd);

#endif
