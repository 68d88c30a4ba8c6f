/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "await/executor.h"

#include "await/log.h"
#include "base/list.h"
#include "executor/private.h"
#include "loop/turn.h"
#include "task/run.h"

static _Thread_local struct {
        struct aw_executor *first, *last;
} all;
static void executors_leave(void);
static _Thread_local struct aw_at_exit at_exit = {.leave = executors_leave};

void
aw_executor_init(struct aw_executor *executor, const struct aw_executor_kind *kind)
{
        executor->kind = kind;
        executor->loop = aw_loop_get();
        if (executor->loop == NULL)
                aw_log_abort("a %s needs an event loop: create it in aw_run()", kind->name);
        aw_list_append(&all, executor, link);
        aw_at_exit(&at_exit);
}

void
aw_executor_ended(struct aw_executor *executor)
{
        aw_list_remove(&all, executor, link);
        aw_wake_all(&executor->ended);
        /* The end of aw_run() may be waiting for this one. */
        aw_loop_wake(executor->loop);
        executor->kind->free(executor);
}

void
aw_executor_check_alive(const struct aw_executor *executor, const char *name)
{
        const struct aw_executor *other;

        for (other = all.first; other != NULL; other = other->link.next)
                if (other == executor)
                        return;
        aw_log_abort("this %s was used after its end, or on another thread than its loop's", name);
}

void
aw_executor_check(const struct aw_executor *executor, const struct aw_executor_kind *kind)
{
        aw_executor_check_alive(executor, kind->name);
        if (executor->kind != kind)
                aw_log_abort("a job for a %s was given to a %s", kind->name, executor->kind->name);
}

size_t
aw_executor_cores(void)
{
        int error = errno;
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        /* Where there is no /sys, the C library counts in another way, and leaves ENOENT behind. */
        errno = error;
        return cores < 1 ? 1 : (size_t)cores;
}

static void
executor_close(struct aw_executor *executor, bool cancel_futures)
{
        executor->closing = true;
        executor->kind->close(executor, cancel_futures);
}

async int
aw_executor_shutdown(struct aw_executor *executor, bool cancel_futures)
{
        aw_executor_check_alive(executor, "executor");
        executor_close(executor, cancel_futures);
        return aw_wait_in(&executor->ended, AW_NEVER, NULL);
}

void
aw_executor_release(struct aw_executor *executor)
{
        if (executor == NULL)
                return;
        aw_executor_check_alive(executor, "executor");
        executor_close(executor, false);
}

/* At the end of aw_run(). Those that their owner closed may still be busy. */
static void
executors_leave(void)
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
