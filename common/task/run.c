/* SPDX-License-Identifier: MIT */
/* A loop, its first task, and the end of all that is left. */
#include <errno.h>

#include "await/log.h"
#include "coro/coro.h"
#include "task/private.h"

static void
cancel_all(void)
{
        struct aw_task *task = NULL;

        while ((task = aw_task_next(task)) != NULL)
                aw_cancel(task);
}

/* Tasks that nobody joined are a mistake of the program's: it is told, and they are freed. */
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
        aw_scheduler.pool = aw_coro_pool_create();
        if (aw_scheduler.pool != NULL)
                task = aw_scheduler.main = aw_spawn("main", function, argument);
        if (task != NULL) {
                run_until_done(loop, task);
                result = aw_task_take(task);
        }
        error = errno;
        cancel_all();
        run_until_done(loop, NULL);
        free_all();
        aw_executor_shutdown_default();
        aw_wait_fd_close();
        /* One more turn lets what was closed in the last one go. */
        aw_loop_turn(loop, false);
        aw_coro_pool_destroy(aw_scheduler.pool);
        aw_scheduler.pool = NULL;
        aw_loop_destroy(loop);
        errno = error;
        return result;
}
