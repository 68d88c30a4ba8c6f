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
#include "executor/private.h"

#define DEFAULT_MOST 32

/* What the system allows for the name of a thread, its end included. */
#define NAME_SIZE 16

struct thread_pool {
        struct aw_executor executor;
        size_t most;
        size_t threads; /* only the loop's thread looks at it */
        struct aw_handle end;
        char prefix[NAME_SIZE];

        pthread_mutex_t lock;
        pthread_cond_t news; /* a job, or the end */
        struct aw_executor_queue queue;
        size_t spare; /* threads that look for a job, or will as soon as they can */
        bool closing;
};

/* The links of the queue are under the pool's lock; done and abandoned are the loop's. */
struct job {
        struct aw_executor_job job;
        struct aw_job what;
        struct thread_pool *pool;
        struct aw_handle finished;
        int value, error;
        void *result;
};

struct worker {
        struct thread_pool *pool;
        struct aw_handle ended;
        pthread_t thread;
        size_t number;
};

static struct thread_pool *
pool_of(struct aw_executor *executor)
{
        aw_executor_check(executor, &aw_executor_threads);
        return (struct thread_pool *)executor;
}

/* Takes a job out of the queue; false if it has begun. */
static bool
job_take_back(struct job *job)
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
job_discard(const struct aw_job *what)
{
        if (what->discard != NULL)
                what->discard(what->argument);
}

static void
job_drop(const struct job *job)
{
        if (job->value != -1 && job->result != NULL && job->what.drop != NULL)
                job->what.drop(job->result);
}

/* On the loop. */
static void
job_finished(void *argument)
{
        struct job *job = argument;

        if (!aw_executor_job_done(&job->job)) {
                job_drop(job);
                free(job);
        }
}

/* The threads. */

static void
job_run(struct job *job)
{
        job->value = job->what.run(job->what.argument, &job->result);
        job->error = errno;
}

static struct job *
worker_take(struct thread_pool *pool)
{
        struct aw_executor_job *job;

        pthread_mutex_lock(&pool->lock);
        while (pool->queue.count == 0 && !pool->closing)
                pthread_cond_wait(&pool->news, &pool->lock);
        job = aw_executor_queue_take(&pool->queue);
        if (job != NULL)
                pool->spare--;
        pthread_mutex_unlock(&pool->lock);
        return (struct job *)job;
}

/* Comes before the result: who awaits that and then has another job finds this thread spare. */
static void
worker_spare(struct thread_pool *pool)
{
        pthread_mutex_lock(&pool->lock);
        pool->spare++;
        pthread_mutex_unlock(&pool->lock);
}

/* The last bytes are the number's; the prefix has what is left. */
static void
worker_set_name(const struct worker *worker)
{
        char name[NAME_SIZE], number[NAME_SIZE];
        int length = snprintf(number, sizeof(number), "_%hu", (unsigned short)worker->number);
        size_t at = strnlen(worker->pool->prefix, NAME_SIZE - 1 - (size_t)length);

        memcpy(name, worker->pool->prefix, at);
        memcpy(name + at, number, (size_t)length + 1);
        pthread_setname_np(pthread_self(), name);
}

/* On the loop: the thread has nothing left to do but to end. */
static void
worker_ended(void *argument)
{
        struct worker *worker = argument;
        struct thread_pool *pool = worker->pool;

        pthread_join(worker->thread, NULL);
        free(worker);
        pool->threads--;
        if (pool->threads == 0)
                aw_executor_ended(&pool->executor);
}

static void *
worker_main(void *argument)
{
        struct worker *worker = argument;
        struct thread_pool *pool = worker->pool;
        struct aw_loop *loop = pool->executor.loop;
        struct job *job;

        worker_set_name(worker);
        while ((job = worker_take(pool)) != NULL) {
                job_run(job);
                worker_spare(pool);
                aw_call_soon_threadsafe(loop, &job->finished, job_finished, job);
        }
        aw_call_soon_threadsafe(loop, &worker->ended, worker_ended, worker);
        return NULL;
}

/* Signals are for the loop's thread, except for the faults of the thread itself. */
static int
worker_create_thread(struct worker *worker)
{
        static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
        sigset_t blocked, before;
        int error;
        size_t i;

        sigfillset(&blocked);
        for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                sigdelset(&blocked, faults[i]);
        pthread_sigmask(SIG_SETMASK, &blocked, &before);
        error = pthread_create(&worker->thread, NULL, worker_main, worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return error;
}

static int
worker_start(struct thread_pool *pool)
{
        struct worker *worker = calloc(1, sizeof(*worker));

        if (worker == NULL)
                return -1;
        worker->pool = pool;
        worker->number = pool->threads;
        worker_spare(pool);
        if (worker_create_thread(worker) != 0) {
                pthread_mutex_lock(&pool->lock);
                pool->spare--;
                pthread_mutex_unlock(&pool->lock);
                free(worker);
                errno = EAGAIN;
                return -1;
        }
        pool->threads++;
        return 0;
}

/* Submitting, and waiting. */

static bool
pool_put(struct thread_pool *pool, struct job *job)
{
        bool wanting;

        pthread_mutex_lock(&pool->lock);
        aw_executor_queue_put(&pool->queue, &job->job);
        wanting = pool->queue.count > pool->spare;
        pthread_mutex_unlock(&pool->lock);
        pthread_cond_signal(&pool->news);
        return wanting && pool->threads < pool->most;
}

static int
pool_submit(struct thread_pool *pool, struct job *job)
{
        if (pool->executor.closing) {
                errno = ESHUTDOWN;
                return -1;
        }
        /* As long as there is one thread, the job will be run. */
        if (pool_put(pool, job) && worker_start(pool) == -1 && pool->threads == 0) {
                job_take_back(job);
                return -1;
        }
        return 0;
}

static struct job *
job_create(struct aw_executor *executor, const struct aw_job *what)
{
        struct job *job;

        if (executor == NULL)
                executor = aw_executor_default();
        if (executor == NULL)
                return NULL;
        job = calloc(1, sizeof(*job));
        if (job == NULL)
                return NULL;
        job->what = *what;
        job->pool = pool_of(executor);
        if (pool_submit(job->pool, job) == -1) {
                free(job);
                return NULL;
        }
        return job;
}

/* Its task leaves before its end. */
static void
job_abandon(struct job *job)
{
        if (job_take_back(job)) {
                job_discard(&job->what);
                free(job);
        } else {
                job->job.abandoned = true;
        }
}

/* Frees a job that is done. What nobody takes of it is dropped. */
static int
job_result(struct job *job, bool cancelled, void **result)
{
        int value = cancelled ? -1 : job->value, error = cancelled ? ECANCELED : job->error;

        if (value != -1 && result != NULL)
                *result = job->result;
        else
                job_drop(job);
        free(job);
        errno = error;
        return value;
}

async int
aw_run_in_executor(struct aw_executor *executor, const struct aw_job *what, void **result)
{
        struct job *job = job_create(executor, what);
        bool cancelled;
        int error;

        if (job == NULL) {
                error = errno;
                job_discard(what);
                errno = error;
                return -1;
        }
        cancelled = aw_wait_in(&job->job.waiters, AW_NEVER, NULL) == -1;
        /* It may be done all the same: this task was ready, but had not run yet. */
        if (job->job.done)
                return job_result(job, cancelled, result);
        job_abandon(job);
        errno = ECANCELED;
        return -1;
}

/* The pool. */

static struct job *
pool_take(struct thread_pool *pool)
{
        struct aw_executor_job *job;

        pthread_mutex_lock(&pool->lock);
        job = aw_executor_queue_take(&pool->queue);
        pthread_mutex_unlock(&pool->lock);
        return (struct job *)job;
}

static void
pool_cancel_queued(struct thread_pool *pool)
{
        struct job *job;

        while ((job = pool_take(pool)) != NULL) {
                job_discard(&job->what);
                job->value = -1;
                job->error = ECANCELED;
                job_finished(job);
        }
}

static void
pool_end(void *argument)
{
        aw_executor_ended(argument);
}

static void
pool_close(struct aw_executor *executor, bool cancel_futures)
{
        struct thread_pool *pool = pool_of(executor);

        if (cancel_futures)
                pool_cancel_queued(pool);
        pthread_mutex_lock(&pool->lock);
        pool->closing = true;
        pthread_mutex_unlock(&pool->lock);
        pthread_cond_broadcast(&pool->news);
        if (pool->threads == 0)
                aw_call_soon(&pool->end, pool_end, executor);
}

static void
pool_free(struct aw_executor *executor)
{
        struct thread_pool *pool = (struct thread_pool *)executor;

        pthread_cond_destroy(&pool->news);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
}

const struct aw_executor_kind aw_executor_threads = {
        .name = "thread pool",
        .close = pool_close,
        .free = pool_free,
};

static void
pool_set_prefix(struct thread_pool *pool, const char *prefix)
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
        size_t most = aw_executor_cores() + 4;

        if (pool == NULL)
                return NULL;
        if (options == NULL)
                options = &defaults;
        if (options->max_workers != 0)
                most = options->max_workers;
        else if (most > DEFAULT_MOST)
                most = DEFAULT_MOST;
        pool->most = most;
        pool_set_prefix(pool, options->thread_name_prefix);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->news, NULL);
        aw_executor_init(&pool->executor, &aw_executor_threads);
        return &pool->executor;
}
