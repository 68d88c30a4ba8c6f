/* SPDX-License-Identifier: MIT */
/* One connection of a worker, and its task. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "worker.h"

struct connection {
        struct worker *worker;
        size_t index;  /* in its worker */
        struct ws *ws; /* NULL: not open */
        struct aw_task *task, *sender;
        struct window window;
        uint64_t started; /* messages that were sent */
        bool sending, settled, over;
        bool closing;         /* its task has done its work and ends by itself */
        bool lossy;           /* echoes were given up: what they answer may still be on its way */
        bool measured;        /* with --churn: this cycle is */
        int failed;           /* why nothing can be sent: errno, or 0 */
        struct aw_event wake; /* of the sender */
        struct aw_waiters quiet; /* for the end of sending */
};

/* The task's function; the argument is the connection. It opens and closes it. */
async int connection_run(void *argument);

#endif
