/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "await/log.h"
#include "await/task_wait.h"
#include "task/private.h"

async int
aw_wait_for(struct aw_task *task, aw_time deadline)
{
        bool late, cancelled;
        int result;

        /* If it is late already the task gets no turn before it is cancelled. */
        late = deadline <= aw_loop_now() ? !aw_task_done(task)
                                         : aw_task_wait_done(task, deadline) == -1;
        if (late) {
                aw_cancel(task);
                aw_task_wait_done(task, AW_NEVER);
        }
        cancelled = aw_task_current()->cancel;
        result = aw_task_take_joined(task);
        if (late && !cancelled && result == -1 && errno == ECANCELED)
                errno = ETIMEDOUT;
        return result;
}

struct tally {
        size_t done;
        int error;   /* of the first to fail, cancellation included */
        bool failed; /* some did otherwise than by cancellation */
};

/* Of a task that is done. One that could not be spawned has failed before all others. */
static int
error_of(const struct aw_task *task)
{
        if (task == NULL)
                return ENOMEM;
        return task->result == -1 ? task->error : 0;
}

static struct tally
count_done(struct aw_task *tasks[], size_t count)
{
        struct tally tally = {.done = 0};
        uint64_t first = UINT64_MAX, order;
        int error;

        for (size_t i = 0; i < count; i++) {
                if (!aw_task_done(tasks[i]))
                        continue;
                tally.done++;
                error = error_of(tasks[i]);
                if (error == 0)
                        continue;
                order = tasks[i] == NULL ? 0 : tasks[i]->order;
                if (order < first) {
                        first = order;
                        tally.error = error;
                }
                tally.failed |= error != ECANCELED;
        }
        return tally;
}

static void
watch_all(struct aw_task *tasks[], size_t count, struct aw_waiters *watchers)
{
        for (size_t i = 0; i < count; i++)
                if (tasks[i] != NULL && (watchers == NULL || !aw_task_done(tasks[i])))
                        aw_task_watch(tasks[i], watchers);
}

/*
 * What is waited for: asyncio.wait's three, where a cancellation is no exception, and gather's,
 * where it is.
 */
enum { FIRST_FAILURE = AW_FIRST_EXCEPTION + 1 };

static bool
enough(struct tally tally, size_t count, int when)
{
        return tally.done == count || (when == AW_FIRST_COMPLETED && tally.done > 0) ||
               (when == AW_FIRST_EXCEPTION && tally.failed) ||
               (when == FIRST_FAILURE && tally.error != 0);
}

static int
wait_until(struct aw_task *tasks[], size_t count, int when, aw_time deadline)
{
        struct aw_waiters ended = {NULL, NULL};
        struct tally tally = count_done(tasks, count);
        int result = 0;

        watch_all(tasks, count, &ended);
        while (result == 0 && !enough(tally, count, when)) {
                result = aw_wait_in(&ended, deadline, NULL);
                tally = count_done(tasks, count);
        }
        watch_all(tasks, count, NULL);
        return result == -1 && errno == ECANCELED ? -1 : (int)tally.done;
}

async int
aw_wait(struct aw_task *tasks[], size_t count, enum aw_wait_when when, aw_time deadline)
{
        return wait_until(tasks, count, (int)when, deadline);
}

static void
cancel_and_wait(struct aw_task *tasks[], size_t count)
{
        struct aw_waiters ended = {NULL, NULL};

        for (size_t i = 0; i < count; i++)
                aw_cancel(tasks[i]);
        watch_all(tasks, count, &ended);
        while (count_done(tasks, count).done < count)
                aw_suspend_in(&ended, AW_NEVER);
        watch_all(tasks, count, NULL);
}

/* Takes the results of those that are done. */
static void
take_done(struct aw_task *tasks[], size_t count, int results[])
{
        int result;

        for (size_t i = 0; i < count; i++) {
                if (!aw_task_done(tasks[i]))
                        continue;
                result = aw_task_take(tasks[i]);
                if (results != NULL)
                        results[i] = result;
                tasks[i] = NULL;
        }
}

async int
aw_gather(struct aw_task *tasks[], size_t count, int results[])
{
        int error;

        if (wait_until(tasks, count, FIRST_FAILURE, AW_NEVER) == -1) {
                cancel_and_wait(tasks, count);
                error = ECANCELED;
        } else {
                error = count_done(tasks, count).error;
        }
        take_done(tasks, count, results);
        errno = error;
        return error == 0 ? 0 : -1;
}
