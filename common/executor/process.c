/* SPDX-License-Identifier: MIT */
/* Process pools, seen from the loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await/executor.h"
#include "await/log.h"
#include "executor/process_private.h"
#include "task/suspend.h"

static struct aw_process_pool *
process_pool_of(struct aw_executor *executor)
{
        aw_executor_check(executor, &aw_executor_processes);
        return (struct aw_process_pool *)executor;
}

/* The pool. */

static void
process_pool_close(struct aw_executor *executor, bool cancel_futures)
{
        struct aw_process_pool *pool = process_pool_of(executor);

        if (cancel_futures)
                aw_process_supervisor_fail(pool, ECANCELED);
        aw_process_supervisor_go_on(pool);
}

static void
process_pool_free(struct aw_executor *executor)
{
        struct aw_process_pool *pool = (struct aw_process_pool *)executor;

        free(pool->functions);
        free(pool);
}

const struct aw_executor_kind aw_executor_processes = {
        .name = "process pool",
        .close = process_pool_close,
        .free = process_pool_free,
};

static struct aw_process_pool *
process_pool_allocate(const struct aw_process_pool_options *options, size_t max)
{
        struct aw_process_pool *pool = calloc(1, sizeof(*pool) + max * sizeof(pool->workers[0]));
        size_t size = options->function_count * sizeof(pool->functions[0]);

        if (pool == NULL)
                return NULL;
        pool->functions = malloc(size);
        if (pool->functions == NULL) {
                free(pool);
                return NULL;
        }
        memcpy(pool->functions, options->functions, size);
        pool->function_count = options->function_count;
        pool->max = max;
        return pool;
}

static void
close_all(const int descriptors[], size_t count)
{
        int error = errno;

        for (size_t i = 0; i < count; i++)
                close(descriptors[i]);
        errno = error;
}

static int
process_pool_open_epoll(struct aw_process_pool *pool)
{
        struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = pool}};

        pool->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (pool->epoll == -1)
                return -1;
        if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->control, &event) == 0)
                pool->watch = aw_watch_open(pool->epoll, aw_process_supervisor_ready, pool);
        if (pool->watch == NULL)
                close_all(&pool->epoll, 1);
        return pool->watch == NULL ? -1 : 0;
}

static int
process_pool_open(struct aw_process_pool *pool)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
                return -1;
        pool->control = pair[0];
        if (process_pool_open_epoll(pool) == -1)
                goto fail;
        pool->forker = aw_forker_start(pair[1]);
        if (pool->forker == -1)
                goto fail_watch;
        close(pair[1]);
        for (size_t i = 0; i < pool->max; i++)
                pool->workers[i] = (struct aw_process_worker){.socket = -1, .epoll = pool->epoll};
        aw_process_supervisor_start(pool, pool->max);
        return 0;
fail_watch:
        aw_watch_close(pool->watch);
fail:
        close_all(pair, 2);
        return -1;
}

/* A task cannot do it by itself: the processes would run their functions on the task's stack. */
struct opening {
        struct aw_handle handle;
        struct aw_waiters waiters;
        struct aw_process_pool *pool;
        int result, error;
        bool done;
};

static void
open_now(void *argument)
{
        struct opening *opening = argument;

        opening->result = process_pool_open(opening->pool);
        opening->error = errno;
        opening->done = true;
        aw_wake_one(&opening->waiters);
}

static int
open_on_loop(struct aw_process_pool *pool)
{
        struct opening opening = {.pool = pool};

        if (aw_task_current() == NULL)
                open_now(&opening);
        else
                aw_call_soon(&opening.handle, open_now, &opening);
        while (!opening.done)
                aw_suspend_in(&opening.waiters, AW_NEVER);
        errno = opening.error;
        return opening.result;
}

async struct aw_executor *
aw_process_pool_create(const struct aw_process_pool_options *options)
{
        size_t max = options->max_workers == 0 ? aw_executor_cores() : options->max_workers;
        struct aw_process_pool *pool;
        int error;

        if (max > AW_PROCESS_WORKERS_MAX || options->function_count == 0) {
                errno = EINVAL;
                return NULL;
        }
        pool = process_pool_allocate(options, max);
        if (pool == NULL)
                return NULL;
        aw_executor_init(&pool->executor, &aw_executor_processes);
        if (open_on_loop(pool) == 0)
                return &pool->executor;
        error = errno;
        aw_executor_ended(&pool->executor);
        errno = error;
        return NULL;
}

/* Calls. */

static bool
is_registered(const struct aw_process_pool *pool, aw_process_function *function)
{
        for (size_t i = 0; i < pool->function_count; i++)
                if (pool->functions[i] == function)
                        return true;
        return false;
}

/* What a call may be refused for, or 0. */
static int
refusal(const struct aw_process_pool *pool, size_t length, size_t size)
{
        if (pool->executor.closing)
                return ESHUTDOWN;
        if (pool->control == -1)
                return EPIPE;
        return length > AW_PROCESS_MESSAGE_MAX || size > AW_PROCESS_MESSAGE_MAX ? EMSGSIZE : 0;
}

static struct aw_process_job *
process_job_create(aw_process_function *function, const void *request, size_t length, void *reply,
                   size_t size)
{
        struct aw_process_job *job = malloc(sizeof(*job) + length);

        if (job == NULL)
                return NULL;
        *job = (struct aw_process_job){.reply = reply, .request = {function, length, size}};
        if (length > 0)
                memcpy(job->bytes, request, length);
        return job;
}

/* Its task leaves before its end. */
static void
process_job_abandon(struct aw_process_pool *pool, struct aw_process_job *job)
{
        if (job->job.queued) {
                aw_executor_queue_remove(&pool->queue, &job->job);
                free(job);
                aw_process_supervisor_go_on(pool);
        } else {
                job->job.abandoned = true;
        }
}

/* Frees a job that is done. */
static ssize_t
process_job_result(struct aw_process_job *job, bool cancelled)
{
        ssize_t result = cancelled ? -1 : job->result.result;
        int error = cancelled ? ECANCELED : job->result.error;

        free(job);
        errno = error;
        return result;
}

async ssize_t
aw_run_in_process(struct aw_executor *executor, aw_process_function *function, const void *request,
                  size_t length, void *reply, size_t size)
{
        struct aw_process_pool *pool = process_pool_of(executor);
        struct aw_process_job *job;
        bool cancelled;

        if (!is_registered(pool, function))
                aw_log_abort("aw_run_in_process(): the function is not in the pool's table");
        errno = refusal(pool, length, size);
        if (errno != 0)
                return -1;
        job = process_job_create(function, request, length, reply, size);
        if (job == NULL)
                return -1;
        aw_executor_queue_put(&pool->queue, &job->job);
        aw_process_supervisor_go_on(pool);
        cancelled = aw_wait_in(&job->job.waiters, AW_NEVER, NULL) == -1;
        /* It may be done all the same: this task was ready, but had not run yet. */
        if (job->job.done)
                return process_job_result(job, cancelled);
        process_job_abandon(pool, job);
        errno = ECANCELED;
        return -1;
}
