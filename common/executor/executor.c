/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "await/executor.h"

#include "await/log.h"
#include "base/list.h"
#include "executor/private.h"
#include "loop/private.h"
#include "task/private.h"

static _Thread_local struct {
        struct aw_executor *first, *last;
} all;
static _Thread_local struct aw_executor *default_executor;

void
aw_executor_init(struct aw_executor *executor, const struct aw_executor_kind *kind)
{
        executor->kind = kind;
        executor->loop = aw_loop_get();
        if (executor->loop == NULL)
                aw_log_abort("a %s needs an event loop: create it in aw_run()", kind->name);
        aw_list_append(&all, executor, link);
}

void
aw_executor_ended(struct aw_executor *executor)
{
        aw_list_remove(&all, executor, link);
        aw_wake_all(&executor->ended);
        /* The end of aw_run() may be waiting for this one. */
        aw_loop_hurry(executor->loop);
        executor->kind->free(executor);
}

void
aw_executor_check(const struct aw_executor *executor, const struct aw_executor_kind *kind)
{
        if (executor->kind != kind)
                aw_log_abort("a job for a %s was given to a %s", kind->name, executor->kind->name);
        if (executor->loop != aw_loop_get())
                aw_log_abort("a %s was used on another thread than its loop's", kind->name);
}

size_t
aw_executor_cores(void)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        return cores < 1 ? 1 : (size_t)cores;
}

static void
executor_close(struct aw_executor *executor, bool cancel_futures)
{
        if (default_executor == executor)
                default_executor = NULL;
        executor->closing = true;
        executor->kind->close(executor, cancel_futures);
}

async int
aw_executor_shutdown(struct aw_executor *executor, bool cancel_futures)
{
        executor_close(executor, cancel_futures);
        return aw_wait_in(&executor->ended, AW_NEVER, NULL);
}

void
aw_executor_release(struct aw_executor *executor)
{
        if (executor != NULL)
                executor_close(executor, false);
}

struct aw_executor *
aw_executor_default(void)
{
        static const struct aw_thread_pool_options options = {.thread_name_prefix = "await"};

        if (default_executor == NULL)
                default_executor = aw_thread_pool_create(&options);
        return default_executor;
}

int
aw_set_default_executor(struct aw_executor *executor)
{
        struct aw_executor *old = default_executor;

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

/* At the end of aw_run(), for all there are. Those that their owner closed may still be busy. */
void
aw_executor_shutdown_default(void)
{
        struct aw_executor *executor;

        while (all.first != NULL) {
                for (executor = all.first; executor != NULL; executor = executor->link.next)
                        if (!executor->closing)
                                aw_executor_release(executor);
                aw_loop_turn(all.first->loop, true);
        }
}

/* Jobs. */

void
aw_executor_queue_put(struct aw_executor_queue *queue, struct aw_executor_job *job)
{
        aw_list_append(queue, job, link);
        job->queued = true;
        queue->count++;
}

void
aw_executor_queue_remove(struct aw_executor_queue *queue, struct aw_executor_job *job)
{
        aw_list_remove(queue, job, link);
        job->queued = false;
        queue->count--;
}

struct aw_executor_job *
aw_executor_queue_take(struct aw_executor_queue *queue)
{
        struct aw_executor_job *job = queue->first;

        if (job != NULL)
                aw_executor_queue_remove(queue, job);
        return job;
}

bool
aw_executor_job_done(struct aw_executor_job *job)
{
        job->done = true;
        aw_wake_one(&job->waiters);
        return !job->abandoned;
}
