/* SPDX-License-Identifier: MIT */
/* A task waits for the end of another one, which it owns. */
#include <errno.h>

#include "await/log.h"
#include "task/private.h"

/* A task that nobody joins cannot be in a circle. */
static void
check_circle(const struct aw_task *self, const struct aw_task *task)
{
        const struct aw_task *other;

        if (self->watcher == NULL)
                return;
        for (other = task; other != NULL; other = other->joining)
                if (other == self)
                        aw_log_abort("task '%s' joins task '%s', which waits for it in turn: at "
                                     "%s, and at %s",
                                     self->name, task->name, aw_task_site(self),
                                     aw_task_site(task));
}

int
aw_task_wait_done(struct aw_task *task, aw_time deadline)
{
        struct aw_task *self = aw_task_need();
        struct aw_watcher watcher = {.count = 1};
        int result = 0;

        aw_task_check_freed(task);
        if (aw_task_is_done(task))
                return 0;
        aw_watcher_watch(&watcher, task);
        check_circle(self, task);
        self->joining = task;
        if (self->cancel) {
                task->along = true;
                aw_cancel(task);
        }
        result = aw_suspend_in(&watcher.waiters, deadline);
        /*
         * A task that was cancelled along is left to its clean-up, the deadline no longer matters. It
         * may have ended since that was over: then nobody would wake us.
         */
        if (result == -1 && self->cancel && !aw_task_is_done(task))
                result = aw_suspend_in(&watcher.waiters, AW_NEVER);
        self->joining = NULL;
        task->watcher = NULL;
        return aw_task_is_done(task) ? 0 : result;
}

int
aw_task_take_joined(struct aw_task *task)
{
        bool along;
        int result;

        aw_task_check_freed(task);
        along = task != NULL && task->along;
        result = aw_task_take(task);

        if (along && result == -1 && errno == ECANCELED)
                aw_scheduler.current->cancel = false;
        return result;
}

async int
aw_join(struct aw_task *task)
{
        aw_task_wait_done(task, AW_NEVER);
        return aw_task_take_joined(task);
}
