/* SPDX-License-Identifier: MIT */
/* Memory that the supervisor and its workers share. Each block has one writer. */
#ifndef SHARED_H
#define SHARED_H

#include <stdatomic.h>
#include <stddef.h>

#include "addresses.h"
#include "listing.h"
#include "metrics.h"
#include "tickets.h"

enum worker_state {
        WORKER_NONE,     /* there is no process */
        WORKER_STARTING, /* it opens its loop */
        WORKER_SERVING,
        WORKER_DRAINING,
};

/* A worker's, on cache lines of its own. */
struct worker_block {
        _Alignas(64) atomic_ulong turns; /* of its loop, that something has counted: it is alive */
        atomic_int state;                /* enum worker_state */
        atomic_uint accepted, open; /* connections that it has, and those that are WebSockets */
};

struct shared {
        size_t size;
        struct tickets tickets;
        struct metrics *metrics; /* a block for each worker, one behind the other */
        uint64_t *memory;        /* what the connections of each take */
        struct addresses *addresses;
        struct listing_board *board; /* where workers list their connections */
        size_t count;                /* of workers */
        struct worker_block workers[];
};

/* Zeroed, with a first key for tickets; inherited by children. NULL with errno. */
struct shared *shared_create(size_t workers);

/* A worker has ended, whatever by: what it had is not there any more. */
void shared_forget_worker(struct shared *shared, size_t worker);

void shared_free(struct shared *shared); /* NULL does nothing */

#endif
