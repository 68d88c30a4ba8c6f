/* SPDX-License-Identifier: MIT */
/* Who serves: the listeners' connections, and the end of both. */
#ifndef WORKER_H
#define WORKER_H

#include "await/task.h"
#include "service.h"

/* What the supervisor says to a worker, a byte each; its end is WORKER_DRAIN as well. */
enum worker_command {
        WORKER_DRAIN = 'd',     /* end gently */
        WORKER_HAND_OVER = 'h', /* the same, but others have the sockets */
        WORKER_QUIT = 'q',      /* end at once */
        WORKER_REOPEN = 'o',    /* logs: see reload.h */
        WORKER_RELOAD = 'r',
        WORKER_DUMP = 'u',
};

/* What a worker says: it serves, or has reloaded. */
#define WORKER_READY 'R'

/* How long handshakes that are under way may take when a successor has the sockets. */
#define WORKER_HANDSHAKE_TIME (10 * AW_SECOND)

struct worker_start {
        struct service *service;
        unsigned number; /* from 0 */
        int channel;     /* to the supervisor; -1: this worker is all there is */
};

/* The main task's function; the argument is a struct worker_start. Its value is the exit status. */
async int worker_run(void *start);

#endif
