/* SPDX-License-Identifier: MIT */
/* The keys of TLS session tickets: those of all workers, in turn, and then those of a successor. */
#ifndef TICKETS_H
#define TICKETS_H

#include "await/loop.h"
#include "await/tls.h"

/* For memory that processes share: the supervisor, or else the only worker, changes them. */
struct tickets {
        struct aw_tls_tickets keys;
        aw_time rotated; /* by the clock that all processes have */
};

/* Makes a new key. 0, or -1 with errno. */
int tickets_rotate(struct tickets *tickets);

/* Does so if that is due: so long after the last time. When it is due next. */
aw_time tickets_rotate_due(struct tickets *tickets, aw_time interval);

/*
 * For a successor: a descriptor of a copy in memory, which is neither a file nor in a core dump. To be
 * closed; -1 with errno.
 */
int tickets_copy(const struct tickets *tickets);

/* Its keys in place of ours, if it is one. 0, or -1 after having logged that it is not. */
int tickets_take(struct tickets *tickets, int fd);

#endif
