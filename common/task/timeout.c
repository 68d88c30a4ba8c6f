/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "await/log.h"
#include "task/private.h"

static void
timeout_fired(void *argument)
{
        struct aw_timeout *timeout = argument;

        timeout->fired = true;
        aw_cancel(timeout->task);
}

void
aw_timeout_enter(struct aw_timeout *timeout, aw_time when)
{
        struct aw_task *task = aw_task_need();

        /*
         * A cancellation that is pending now will be delivered inside the timed section, so it
         * counts as one of that section's.
         */
        *timeout = (struct aw_timeout){.task = task, .cancels = task->cancels - task->cancel};
        aw_scope_open(task, &timeout->open, AW_SCOPE_TIMEOUT);
        if (when == AW_NEVER)
                return;
        /* What is over already is so for the first wait, even one of a single turn. */
        if (when <= aw_loop_now())
                aw_call_soon(&timeout->handle, timeout_fired, timeout);
        else
                aw_call_at(&timeout->handle, when, timeout_fired, timeout);
}

int
aw_timeout_exit(struct aw_timeout *timeout, int result)
{
        struct aw_task *task = timeout->task;
        int error = errno;

        if (timeout->open == 0)
                aw_log_abort("aw_timeout_exit() without aw_timeout_enter()");
        aw_scope_close(task, &timeout->open);
        aw_handle_cancel(&timeout->handle);
        if (timeout->fired) {
                task->cancels--;
                if (task->cancels <= timeout->cancels) {
                        task->cancel = false;
                        if (result == -1 && error == ECANCELED)
                                error = ETIMEDOUT;
                }
        }
        errno = error;
        return result;
}
