/* SPDX-License-Identifier: MIT */
/* What the files of a worker share: worker.c has its life, control.c what it is told. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "admin.h"
#include "auth.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "behave/behave.h"
#include "page.h"
#include "worker.h"

struct worker {
        struct service *service;
        unsigned number;
        int channel;
        struct worker_block *block;
        struct ws_listener **listeners;
        size_t count;
        struct aw_group accepting, connections, orders; /* the last: control.c's */
        struct aw_task *main, *minding;                 /* the second: control.c's */
        struct aw_signals *signals;
        struct aw_event stop; /* time to drain */
        struct aw_handle alive, rotate;
        bool serving, at_once, reloading, reload_again, handing_over;
        struct aw_task *takeover; /* that waits for the successor */
        struct aw_task *sampling; /* of our figures, for other workers; or NULL */
        struct admin admin;
        struct page page;
        struct auth auth;
        struct tls_watch dates; /* of certificates: the first worker's */
        struct behave_server behave;
};

/* Connections from now on are served as the options say. */
void worker_use_options(struct worker *worker);

/* It serves, or is done with a reload: tells the supervisor, or else the service manager. */
void worker_say_ready(struct worker *worker);

/* For whoever wants to see turns of the loop: now, and from now on. The argument is the worker. */
void worker_show_life(void *worker);

/*
 * A new key for tickets when it is due by the options: now, and from now on. The supervisor does it
 * where there is one. The argument is the worker.
 */
void worker_rotate_tickets(void *worker);

/*
 * control.c: from now on it is told what to do, until the other. 0, or -1 after having logged why;
 * to be closed in any case.
 */
int control_open(struct worker *worker);
async void control_close(struct worker *worker);

#endif
