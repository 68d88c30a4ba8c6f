/* SPDX-License-Identifier: MIT */
/* What the files of the process pools share, and what their processes say to each other. */
#ifndef AW_EXECUTOR_PROCESS_PRIVATE_H
#define AW_EXECUTOR_PROCESS_PRIVATE_H

#include "executor/private.h"

/* To and from a worker, by a stream. The bytes of the request and of the reply follow. */
struct aw_process_request {
        aw_process_function *function;
        size_t length;
        size_t reply_size;
};
struct aw_process_reply {
        ssize_t result;
        int error; /* if the result is -1 */
};

/* To and from the process that forks the workers, in packets. */
struct aw_forker_request {
        pid_t kill; /* 0: start a worker */
};
struct aw_forker_report {
        enum { AW_FORKER_STARTED, AW_FORKER_ENDED } what;
        pid_t pid;  /* -1: none could be started */
        int status; /* of an end, as waitpid() gives it; of a start that failed, the errno */
};

/*
 * Forks the process that forks the workers. It takes requests from `control` until that is shut
 * down, then waits for the workers' end, and ends. With the report of a start comes the socket to
 * the worker. The pid, or -1 with errno.
 */
pid_t aw_forker_start(int control);

struct aw_process_job {
        struct aw_executor_job job;
        char *reply; /* the caller's, until the job is abandoned */
        struct aw_process_reply result;
        struct aw_process_request request; /* its bytes follow */
        char bytes[];
};

/* A place for a worker. A worker that is dying has a pid and no socket. */
struct aw_process_worker {
        pid_t pid;  /* 0: nobody is here */
        int socket; /* -1: none, or closed */
        int epoll;  /* which watches the socket, for input and, if `writing`, for output */
        bool writing;
        struct aw_process_job *job; /* NULL: idle */
        size_t sent, received;      /* of request and reply, with what comes before the bytes */
};

/* Takes a socket, which is watched from now on. 0, or -1 with errno and the socket closed. */
int aw_process_worker_open(struct aw_process_worker *worker, int socket);

/* The worker ends, if it is idle or as soon as it is. Closed already: nothing. */
void aw_process_worker_close(struct aw_process_worker *worker);

/* Gives an idle worker a job and begins to send it. 0, or -1: the worker is lost. */
int aw_process_worker_begin(struct aw_process_worker *worker, struct aw_process_job *job);

/* Sends what the socket takes of the request. 0, or -1: the worker is lost. */
int aw_process_worker_send(struct aw_process_worker *worker);

/*
 * Receives once. 1: the reply is complete, and the worker idle once its job is set to NULL; 0: not
 * yet; -1: the worker is lost, errno EAGAIN: nothing has come.
 */
int aw_process_worker_receive(struct aw_process_worker *worker);

struct aw_process_pool {
        struct aw_executor executor;
        aw_process_function **functions;
        size_t function_count;
        struct aw_watch *watch;
        int epoll;   /* of all sockets here: so one watch serves them all, and for output too */
        int control; /* to the forker; -1: that is gone */
        pid_t forker;
        struct aw_executor_queue queue;
        size_t max, starting; /* workers */
        bool finishing;       /* the workers and the forker were told to end */
        struct aw_handle end;
        struct aw_process_worker workers[];
};

/* The watch's callback; its argument is the pool. Sees what has happened on the sockets. */
void aw_process_supervisor_ready(void *argument);

/*
 * Gives jobs to idle workers, starts workers if there are too few, and ends them all if the pool
 * is closing and nothing is left to do.
 */
void aw_process_supervisor_go_on(struct aw_process_pool *pool);

/* Starts so many workers, if there is room for them. */
void aw_process_supervisor_start(struct aw_process_pool *pool, size_t wanted);

/* All jobs that have not begun fail. */
void aw_process_supervisor_fail(struct aw_process_pool *pool, int error);

#endif
