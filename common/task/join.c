/* SPDX-License-Identifier: MIT */
/* A task waits for the end of another one, which it owns. */
#include <errno.h>

#include "await/log.h"
#include "task/private.h"

void
aw_task_watch(struct aw_task *task, struct aw_waiters *watchers)
{
        if (watchers != NULL && task == aw_scheduler.current)
                aw_log_abort("task '%s' joins itself", task->name);
        if (watchers != NULL)
                aw_task_check_unwatched(task);
        if (watchers != NULL && task->ended != NULL)
                aw_log_abort("task '%s' is detached or belongs to a group: it cannot be waited for",
                             task->name);
        task->watchers = watchers;
}

int
aw_task_wait_done(struct aw_task *task, aw_time deadline)
{
        struct aw_task *self = aw_task_need();
        struct aw_waiters ended = {NULL, NULL};
        int result = 0;

        if (aw_task_done(task))
                return 0;
        aw_task_watch(task, &ended);
        self->joining = task;
        if (self->cancel)
                aw_cancel(task);
        result = aw_suspend_in(&ended, deadline);
        /*
         * A task that was cancelled along is left to its clean-up, the deadline no longer matters.
         */
        if (result == -1 && self->cancel)
                result = aw_suspend_in(&ended, AW_NEVER);
        self->joining = NULL;
        aw_task_watch(task, NULL);
        return aw_task_done(task) ? 0 : result;
}

int
aw_task_take_joined(struct aw_task *task)
{
        int result = aw_task_take(task);

        if (result == -1 && errno == ECANCELED)
                aw_scheduler.current->cancel = false;
        return result;
}

async int
aw_join(struct aw_task *task)
{
        aw_task_wait_done(task, AW_NEVER);
        return aw_task_take_joined(task);
}
