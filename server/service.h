/* SPDX-License-Identifier: MIT */
/* The server as one process or several: what there is of it once, and the order of its life. */
#ifndef SERVICE_H
#define SERVICE_H

#include <sys/types.h>

#include "inherit.h"
#include "listener.h"
#include "options.h"
#include "pidfile.h"
#include "shared.h"

struct service {
        int argc;
        char **argv;
        struct server_options options;
        struct inherited inherited;
        struct listeners listeners;
        struct shared *shared;
        struct pidfile pidfile;
        int detached;     /* see detach.h */
        bool lets_go;     /* a worker of such a server, which does not serve yet */
        unsigned workers; /* how many there are */
        pid_t process;    /* whose it is: a worker has but a copy */
        bool serving;     /* it was once: service_ready() */
        bool draining;
        bool handed_over; /* to a successor, whose the sockets and files are now */
        bool unwanted;    /* its predecessor has given it up, and goes on */
};

/*
 * Opens all that can fail, in the foreground: certificates, sockets, the file with the process's
 * number; goes to the background, gives privileges up. The exit status, with a line in the log.
 */
int service_open(struct service *service);

/* Looks at all that, and changes nothing: --check. */
int service_check(struct service *service);

/* Runs a main task, on the loop of the options. The exit status. */
int service_loop(const struct server_options *options, aw_task_function *function, void *argument);

/* All workers serve. The first time everybody is told who waits for it. */
void service_ready(struct service *service);

/* How many workers serve, for the service manager. */
void service_show_status(const struct service *service);

/* It begins to end. */
void service_stopping(struct service *service);

/* In a new process: lets go of what is the supervisor's alone. */
void service_become_worker(struct service *service);

/* In a worker: it serves, or is done with a reload. */
void service_worker_ready(struct service *service);

/* Closes and frees, the options too. Of a worker: what it has of it. */
void service_close(struct service *service);

#endif
