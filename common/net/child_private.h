/* SPDX-License-Identifier: MIT */
/*
 * A child process, and a descriptor that is readable from its end on.
 *
 * That is a pidfd; its signals never reach another process that has the number by now, and there is
 * no need for SIGCHLD. Where there is no pidfd_open(2), a thread waits for the child and then makes
 * the descriptor readable. The child is reaped after that only, so the number is the child's all
 * the while, unless another part of the program reaps it: kill(2) might then reach another.
 */
#ifndef AW_NET_CHILD_PRIVATE_H
#define AW_NET_CHILD_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "await/process.h"

struct aw_child {
        pid_t pid;
        int fd;        /* to wait for, above the standard ones */
        bool threaded; /* a thread watches: the descriptor is no pidfd */
};

/* Watches a child that was not reaped yet. 0, or -1 with errno EMFILE, ENFILE, ENOMEM, EAGAIN. */
int aw_child_watch(struct aw_child *child, pid_t pid);

/* Takes the child's end. 1, or 0 it runs still, or -1 with errno. Any thread. */
int aw_child_reap(const struct aw_child *child, struct aw_process_status *status);

/* Of a child that was not reaped. 0, or -1 with errno. */
int aw_child_signal(const struct aw_child *child, int number);

/* The child goes on, and whoever watches it ends with it. */
void aw_child_close(struct aw_child *child);

#endif
