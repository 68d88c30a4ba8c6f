/* SPDX-License-Identifier: MIT */
/* A loop, its first task, and the end of all that is left. */
#include <errno.h>

#include "task/run.h"

#include "await/log.h"
#include "base/list.h"
#include "coro/coro.h"
#include "loop/turn.h"
#include "task/private.h"

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
cancel_all(void)
{
        struct aw_task *task = NULL;

        while ((task = aw_task_next(task)) != NULL)
                aw_cancel(task);
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

static void
run_until_done(struct aw_loop *loop, const struct aw_task *task)
{
        while (task != NULL ? task->state != AW_TASK_DONE : aw_scheduler.count > 0)
                aw_loop_turn(loop, true);
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
                run_until_done(loop, task);
                result = aw_task_take(task);
        }
        if (aw_loop_is_abandoned(loop))
                return result;
        error = errno;
        cancel_all();
        run_until_done(loop, NULL);
        free_all();
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
