/* SPDX-License-Identifier: MIT */
/* Thread pools. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/executor.h"
#include "await/log.h"
#include "executor/private.h"

#define DEFAULT_MAX 32

/* What the system allows for the name of a thread, its end included. */
#define NAME_SIZE 16

struct thread_pool {
        struct aw_executor executor;
        size_t max;
        size_t threads; /* only the loop's thread looks at it */
        struct aw_handle end;
        char prefix[NAME_SIZE];

        pthread_mutex_t lock;
        pthread_cond_t news; /* a job, or the end */
        struct aw_executor_queue queue;
        size_t idle; /* threads that look for a job, or will as soon as they can */
        bool closing;
};

/* The links of the queue are under the pool's lock; done and abandoned are the loop's. */
struct thread_job {
        struct aw_executor_job job;
        struct aw_job what;
        struct thread_pool *pool;
        struct aw_handle finished;
        int value, error;
        void *result;
};

struct pool_thread {
        struct thread_pool *pool;
        struct aw_handle ended;
        pthread_t id;
        size_t number;
};

/* This thread's, made when it is first used. */
static _Thread_local struct aw_executor *default_executor;

static struct thread_pool *
thread_pool_of(struct aw_executor *executor)
{
        aw_executor_check(executor, &aw_executor_threads);
        return (struct thread_pool *)executor;
}

/* Takes a job out of the queue; false if it has begun. */
static bool
thread_job_take_back(struct thread_job *job)
{
        bool queued;

        pthread_mutex_lock(&job->pool->lock);
        queued = job->job.queued;
        if (queued)
                aw_executor_queue_remove(&job->pool->queue, &job->job);
        pthread_mutex_unlock(&job->pool->lock);
        return queued;
}

static void
thread_job_discard(const struct aw_job *what)
{
        if (what->discard != NULL)
                what->discard(what->argument);
}

static void
thread_job_drop(const struct thread_job *job)
{
        if (job->value != -1 && job->result != NULL && job->what.drop != NULL)
                job->what.drop(job->result);
}

/* On the loop. */
static void
thread_job_finished(void *argument)
{
        struct thread_job *job = argument;

        if (!aw_executor_job_done(&job->job)) {
                thread_job_drop(job);
                free(job);
        }
}

/* The threads. */

static void
thread_job_run(struct thread_job *job)
{
        errno = 0;
        job->value = job->what.run(job->what.argument, &job->result);
        job->error = aw_executor_errno();
}

static struct thread_job *
thread_take(struct thread_pool *pool)
{
        struct aw_executor_job *job;

        pthread_mutex_lock(&pool->lock);
        while (pool->queue.count == 0 && !pool->closing)
                pthread_cond_wait(&pool->news, &pool->lock);
        job = aw_executor_queue_take(&pool->queue);
        if (job != NULL)
                pool->idle--;
        pthread_mutex_unlock(&pool->lock);
        return (struct thread_job *)job;
}

/*
 * Counts the thread as idle before its result is delivered, so that a task which submits its next
 * job at once finds it.
 */
static void
thread_idle(struct thread_pool *pool)
{
        pthread_mutex_lock(&pool->lock);
        pool->idle++;
        pthread_mutex_unlock(&pool->lock);
}

/* The last bytes are the number's; the prefix has what is left. */
static void
thread_set_name(const struct pool_thread *thread)
{
        char name[NAME_SIZE], number[NAME_SIZE];
        int length = snprintf(number, sizeof(number), "_%hu", (unsigned short)thread->number);
        size_t at = strnlen(thread->pool->prefix, NAME_SIZE - 1 - (size_t)length);

        memcpy(name, thread->pool->prefix, at);
        memcpy(name + at, number, (size_t)length + 1);
        pthread_setname_np(pthread_self(), name);
}

/* On the loop: the thread has nothing left to do but to end. */
static void
thread_ended(void *argument)
{
        struct pool_thread *thread = argument;
        struct thread_pool *pool = thread->pool;

        pthread_join(thread->id, NULL);
        free(thread);
        pool->threads--;
        if (pool->threads == 0)
                aw_executor_ended(&pool->executor);
}

static void *
thread_main(void *argument)
{
        struct pool_thread *thread = argument;
        struct thread_pool *pool = thread->pool;
        struct aw_loop *loop = pool->executor.loop;
        struct thread_job *job;

        thread_set_name(thread);
        while ((job = thread_take(pool)) != NULL) {
                thread_job_run(job);
                thread_idle(pool);
                aw_call_soon_threadsafe(loop, &job->finished, thread_job_finished, job);
        }
        aw_call_soon_threadsafe(loop, &thread->ended, thread_ended, thread);
        return NULL;
}

/* Signals are for the loop's thread, except for the faults of the thread itself. */
static int
thread_create(struct pool_thread *thread)
{
        static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
        sigset_t blocked, before;
        int error;

        sigfillset(&blocked);
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                sigdelset(&blocked, faults[i]);
        pthread_sigmask(SIG_SETMASK, &blocked, &before);
        error = pthread_create(&thread->id, NULL, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return error;
}

static int
thread_start(struct thread_pool *pool)
{
        struct pool_thread *thread = calloc(1, sizeof(*thread));

        if (thread == NULL)
                return -1;
        thread->pool = pool;
        thread->number = pool->threads;
        thread_idle(pool);
        if (thread_create(thread) != 0) {
                pthread_mutex_lock(&pool->lock);
                pool->idle--;
                pthread_mutex_unlock(&pool->lock);
                free(thread);
                errno = EAGAIN;
                return -1;
        }
        pool->threads++;
        return 0;
}

/* Submitting, and waiting. */

static bool
thread_pool_put(struct thread_pool *pool, struct thread_job *job)
{
        bool wanting;

        pthread_mutex_lock(&pool->lock);
        aw_executor_queue_put(&pool->queue, &job->job);
        wanting = pool->queue.count > pool->idle;
        pthread_mutex_unlock(&pool->lock);
        pthread_cond_signal(&pool->news);
        return wanting && pool->threads < pool->max;
}

static int
thread_pool_submit(struct thread_pool *pool, struct thread_job *job)
{
        if (pool->executor.closing) {
                errno = ESHUTDOWN;
                return -1;
        }
        /* As long as there is one thread, the job will be run. */
        if (thread_pool_put(pool, job) && thread_start(pool) == -1 && pool->threads == 0) {
                thread_job_take_back(job);
                return -1;
        }
        return 0;
}

static struct aw_executor *
thread_pool_default(void)
{
        static const struct aw_thread_pool_options options = {.thread_name_prefix = "await"};

        if (default_executor == NULL)
                default_executor = aw_thread_pool_create(&options);
        return default_executor;
}

static struct thread_job *
thread_job_create(struct aw_executor *executor, const struct aw_job *what)
{
        struct thread_job *job;

        if (executor == NULL)
                executor = thread_pool_default();
        if (executor == NULL)
                return NULL;
        job = calloc(1, sizeof(*job));
        if (job == NULL)
                return NULL;
        job->what = *what;
        job->pool = thread_pool_of(executor);
        if (thread_pool_submit(job->pool, job) == -1) {
                free(job);
                return NULL;
        }
        return job;
}

/* Its task leaves before its end. */
static void
thread_job_abandon(struct thread_job *job)
{
        if (thread_job_take_back(job)) {
                thread_job_discard(&job->what);
                free(job);
        } else {
                job->job.abandoned = true;
        }
}

/* Frees a job that is done. What nobody takes of it is dropped. */
static int
thread_job_result(struct thread_job *job, bool cancelled, void **result)
{
        int value = cancelled ? -1 : job->value, error = errno;

        if (value == -1)
                error = cancelled ? ECANCELED : job->error;
        if (value != -1 && result != NULL)
                *result = job->result;
        else
                thread_job_drop(job);
        free(job);
        errno = error;
        return value;
}

async int
aw_run_in_executor(struct aw_executor *executor, const struct aw_job *what, void **result)
{
        struct thread_job *job;
        bool cancelled;
        int error;

        if (what == NULL || what->run == NULL)
                aw_log_abort("aw_run_in_executor(): the job has no function to run");
        job = thread_job_create(executor, what);
        if (job == NULL) {
                error = errno;
                thread_job_discard(what);
                errno = error;
                return -1;
        }
        cancelled = aw_wait_in(&job->job.waiters, AW_NEVER, NULL) == -1;
        /* It may be done all the same: this task was ready, but had not run yet. */
        if (job->job.done)
                return thread_job_result(job, cancelled, result);
        thread_job_abandon(job);
        errno = ECANCELED;
        return -1;
}

/* The pool. */

static struct thread_job *
thread_pool_take(struct thread_pool *pool)
{
        struct aw_executor_job *job;

        pthread_mutex_lock(&pool->lock);
        job = aw_executor_queue_take(&pool->queue);
        pthread_mutex_unlock(&pool->lock);
        return (struct thread_job *)job;
}

static void
thread_pool_cancel_queued(struct thread_pool *pool)
{
        struct thread_job *job;

        while ((job = thread_pool_take(pool)) != NULL) {
                thread_job_discard(&job->what);
                job->value = -1;
                job->error = ECANCELED;
                thread_job_finished(job);
        }
}

static void
thread_pool_end(void *argument)
{
        aw_executor_ended(argument);
}

static void
thread_pool_close(struct aw_executor *executor, bool cancel_futures)
{
        struct thread_pool *pool = thread_pool_of(executor);

        if (executor == default_executor)
                default_executor = NULL;
        if (cancel_futures)
                thread_pool_cancel_queued(pool);
        pthread_mutex_lock(&pool->lock);
        pool->closing = true;
        pthread_mutex_unlock(&pool->lock);
        pthread_cond_broadcast(&pool->news);
        if (pool->threads == 0)
                aw_call_soon(&pool->end, thread_pool_end, executor);
}

static void
thread_pool_free(struct aw_executor *executor)
{
        struct thread_pool *pool = (struct thread_pool *)executor;

        pthread_cond_destroy(&pool->news);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
}

const struct aw_executor_kind aw_executor_threads = {
        .name = "thread pool",
        .close = thread_pool_close,
        .free = thread_pool_free,
};

static void
thread_pool_set_prefix(struct thread_pool *pool, const char *prefix)
{
        static atomic_uint pools;

        if (prefix != NULL)
                memcpy(pool->prefix, prefix, strnlen(prefix, NAME_SIZE - 1));
        else
                snprintf(pool->prefix, sizeof(pool->prefix), "pool-%u", pools++);
}

struct aw_executor *
aw_thread_pool_create(const struct aw_thread_pool_options *options)
{
        static const struct aw_thread_pool_options defaults;
        struct thread_pool *pool = calloc(1, sizeof(*pool));
        size_t max = aw_executor_cores() + 4;

        if (pool == NULL)
                return NULL;
        if (options == NULL)
                options = &defaults;
        if (options->max_workers != 0)
                max = options->max_workers;
        else if (max > DEFAULT_MAX)
                max = DEFAULT_MAX;
        pool->max = max;
        thread_pool_set_prefix(pool, options->thread_name_prefix);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->news, NULL);
        aw_executor_init(&pool->executor, &aw_executor_threads);
        return &pool->executor;
}

int
aw_set_default_executor(struct aw_executor *executor)
{
        struct aw_executor *old = default_executor;

        if (executor != NULL)
                aw_executor_check_alive(executor, "executor");
        if (executor == NULL || executor->kind != &aw_executor_threads) {
                errno = EINVAL;
                return -1;
        }
        if (executor->closing) {
                errno = ESHUTDOWN;
                return -1;
        }
        default_executor = executor;
        if (old != executor)
                aw_executor_release(old);
        return 0;
}
