/* SPDX-License-Identifier: MIT */
/* A loop, its first task, and the end of all that is left. */
#include <errno.h>

#include "task/run.h"

#include "await/log.h"
#include "base/list.h"
#include "coro/coro.h"
#include "loop/turn.h"
#include "task/private.h"

/* So long the tasks that are cancelled at the end may take before it is logged, and so many are. */
#define PATIENCE        10 /* seconds */
#define TOLD_AT_THE_END 8

static _Thread_local struct {
        struct aw_at_exit *first, *last;
} exits;

void
aw_at_exit(struct aw_at_exit *exit)
{
        if (exit->queued)
                return;
        exit->queued = true;
        aw_list_append(&exits, exit, link);
}

static void
leave_all(void)
{
        struct aw_at_exit *exit;

        while ((exit = aw_list_take(&exits, link)) != NULL) {
                exit->queued = false;
                exit->leave();
        }
}

static void
cancel_one_last(struct aw_task *task)
{
        if (task->last || !aw_cancel(task))
                return;
        task->last = true;
        aw_scheduler.last++;
}

static void
cancel_all(void)
{
        struct aw_task *task = NULL;

        while ((task = aw_task_next(task)) != NULL)
                cancel_one_last(task);
}

/* The program should have joined these tasks: logs that, and frees them. */
static void
free_all(void)
{
        struct aw_task *task;

        while ((task = aw_scheduler.roots.first) != NULL) {
                aw_task_report_unseen(task);
                aw_log(AW_LOG_WARNING, "task '%s' was never joined", task->name);
                aw_task_free(task);
        }
}

/* For good if one does not let itself be cancelled: then at least it is told which. */
static void
tell_who_goes_on(void *argument)
{
        struct aw_task *task = NULL;
        int left = TOLD_AT_THE_END;

        while ((task = aw_task_next(task)) != NULL && left > 0) {
                if (task->state == AW_TASK_DONE || !task->last)
                        continue;
                aw_log(AW_LOG_WARNING,
                       "task '%s' was cancelled %d seconds ago, after main ended, and has not "
                       "ended: "
                       "it awaits at %s; an await that fails with ECANCELED should end its task",
                       task->name, PATIENCE, aw_task_site(task));
                left--;
        }
        (void)argument;
}

/*
 * Waits for them however long it takes, as asyncio does: nobody else could free what they own. Those
 * that they spawn for their clean-up are left alone meanwhile. Whoever is still there then is cancelled
 * in turn.
 */
static void
end_all(struct aw_loop *loop)
{
        struct aw_handle late = {.callback = NULL};

        while (aw_scheduler.count > 0) {
                cancel_all();
                aw_call_later(&late, PATIENCE * AW_SECOND, tell_who_goes_on, NULL);
                while (aw_scheduler.last > 0)
                        aw_loop_turn(loop, true);
        }
        aw_handle_cancel(&late);
        free_all();
}

int
aw_run(const struct aw_loop_options *options, aw_task_function *function, void *argument)
{
        struct aw_loop *loop = aw_loop_create(options);
        struct aw_task *task = NULL;
        int result = -1, error;

        if (loop == NULL)
                return -1;
        aw_scheduler.pool = aw_coro_pool_create(options == NULL ? 0 : options->stack_size);
        if (aw_scheduler.pool != NULL && aw_coro_pool_watch(aw_scheduler.pool) == 0)
                task = aw_scheduler.main = aw_spawn("main", function, argument);
        if (task != NULL) {
                while (task->state != AW_TASK_DONE)
                        aw_loop_turn(loop, true);
                result = aw_task_take(task);
        }
        if (aw_loop_is_abandoned(loop))
                return result;
        error = errno;
        end_all(loop);
        leave_all();
        /* One more turn lets what was closed in the last one go. */
        aw_loop_turn(loop, false);
        aw_coro_pool_unwatch(aw_scheduler.pool);
        aw_coro_pool_destroy(aw_scheduler.pool);
        aw_scheduler.pool = NULL;
        aw_loop_destroy(loop);
        errno = error;
        return result;
}
