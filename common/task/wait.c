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
        aw_task_check_freed(task);
        late = deadline <= aw_loop_now() ? !aw_task_is_done(task)
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

/* Those that are done already; the earliest of them to end counts as the first. */
static void
count_done(struct aw_watcher *watcher, struct aw_task *tasks[], size_t count)
{
        uint64_t first = UINT64_MAX, first_failed = UINT64_MAX, order;
        int error;

        for (size_t i = 0; i < count; i++) {
                if (!aw_task_is_done(tasks[i]))
                        continue;
                watcher->done++;
                error = aw_watcher_error(tasks[i]);
                order = tasks[i] == NULL ? 0 : tasks[i]->order;
                if (error != 0 && order < first) {
                        first = order;
                        watcher->error = error;
                }
                if (error != 0 && error != ECANCELED && order < first_failed) {
                        first_failed = order;
                        watcher->failure = error;
                        watcher->failed = tasks[i];
                }
        }
}

static void
watch_all(struct aw_watcher *watcher, struct aw_task *tasks[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!aw_task_is_done(tasks[i]))
                        aw_watcher_watch(watcher, tasks[i]);
}

/* Of one that is listed twice this is the second time, too. */
static void
unwatch_all(struct aw_task *tasks[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (tasks[i] != NULL)
                        tasks[i]->watcher = NULL;
}

/* 0, or -1 with ETIMEDOUT or ECANCELED. */
static int
wait_until(struct aw_watcher *watcher, struct aw_task *tasks[], size_t count, int when,
           aw_time deadline)
{
        int result = 0;

        *watcher = (struct aw_watcher){.count = count, .when = when};
        for (size_t i = 0; i < count; i++)
                aw_task_check_freed(tasks[i]);
        count_done(watcher, tasks, count);
        if (aw_watcher_enough(watcher))
                return 0;
        watch_all(watcher, tasks, count);
        while (result == 0 && !aw_watcher_enough(watcher))
                result = aw_wait_in(&watcher->waiters, deadline, NULL);
        unwatch_all(tasks, count);
        return result;
}

async int
aw_wait(struct aw_task *tasks[], size_t count, enum aw_wait_when when, aw_time deadline)
{
        struct aw_watcher watcher;
        int result = wait_until(&watcher, tasks, count, (int)when, deadline);

        return result == -1 && errno == ECANCELED ? -1 : (int)watcher.done;
}

static void
cancel_each(struct aw_task *tasks[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                aw_cancel(tasks[i]);
}

/* What they do about it counts as well. Who is cancelled once more passes that on. */
static void
cancel_and_wait(struct aw_watcher *watcher, struct aw_task *tasks[], size_t count)
{
        watcher->when = AW_ALL_COMPLETED;
        watch_all(watcher, tasks, count);
        cancel_each(tasks, count);
        while (!aw_watcher_enough(watcher)) {
                aw_suspend_in(&watcher->waiters, AW_NEVER);
                if (aw_task_take_cancel())
                        cancel_each(tasks, count);
        }
        unwatch_all(tasks, count);
}

static void
check_listed_once(struct aw_task *tasks[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (tasks[i] == NULL || tasks[i]->state != AW_TASK_DONE)
                        continue;
                if (tasks[i]->listed)
                        aw_log_abort("task '%s' is listed twice", tasks[i]->name);
                tasks[i]->listed = true;
        }
}

/*
 * Takes the results of those that are done. A failure that is told neither by errors[] nor as
 * `told` is logged.
 */
static void
take_done(struct aw_task *tasks[], size_t count, int results[], int errors[],
          const struct aw_task *told)
{
        int error, result;

        check_listed_once(tasks, count);
        for (size_t i = 0; i < count; i++) {
                if (!aw_task_is_done(tasks[i]))
                        continue;
                error = aw_watcher_error(tasks[i]);
                if (error != 0 && tasks[i] != NULL && tasks[i] != told && errors == NULL)
                        aw_task_report_unseen(tasks[i]);
                result = aw_task_take(tasks[i]);
                if (results != NULL)
                        results[i] = result;
                if (errors != NULL)
                        errors[i] = error;
                tasks[i] = NULL;
        }
}

async int
aw_gather(struct aw_task *tasks[], size_t count, int results[])
{
        struct aw_watcher watcher;
        int error;

        if (wait_until(&watcher, tasks, count, AW_WATCH_FIRST_ERROR, AW_NEVER) == -1) {
                cancel_and_wait(&watcher, tasks, count);
                error = watcher.failure != 0 ? watcher.failure : ECANCELED;
                /* A failure goes first, and the cancellation comes after it. */
                aw_scheduler.current->cancel |= watcher.failure != 0;
        } else {
                error = watcher.error;
        }
        take_done(tasks, count, results, NULL, error == ECANCELED ? NULL : watcher.failed);
        if (error == 0)
                return 0;
        errno = error;
        return -1;
}

async int
aw_gather_all(struct aw_task *tasks[], size_t count, int results[], int errors[])
{
        struct aw_watcher watcher;
        int failed = 0;
        bool cancelled = wait_until(&watcher, tasks, count, AW_ALL_COMPLETED, AW_NEVER) == -1;

        if (cancelled)
                cancel_and_wait(&watcher, tasks, count);
        for (size_t i = 0; i < count; i++)
                failed += aw_watcher_error(tasks[i]) != 0;
        take_done(tasks, count, results, errors, NULL);
        if (!cancelled)
                return failed;
        errno = ECANCELED;
        return -1;
}
