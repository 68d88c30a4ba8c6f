/* SPDX-License-Identifier: MIT */
/* Watches besides those of await/loop.h. */
#ifndef AW_LOOP_WATCH_PRIVATE_H
#define AW_LOOP_WATCH_PRIVATE_H

#include <stdbool.h>

struct aw_watch;

/*
 * Watches a descriptor that stays the caller's, for input or for output. It must be open until the
 * watch is closed, by aw_watch_close(). NULL with errno: EPERM it cannot be polled (a file, a
 * directory), EBADF, EMFILE, ENOMEM. Also in a task.
 */
struct aw_watch *aw_watch_borrow(int fd, bool output, void (*callback)(void *argument),
                                 void *argument);

#endif
