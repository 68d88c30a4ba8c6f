/* SPDX-License-Identifier: MIT */
/* Cancel and time-out, and the clean-up that runs on the way out. */
#include <await/task_wait.h>

#include <errno.h>
#include <stdio.h>

static const aw_time moment = 50 * AW_MILLISECOND, long_time = 10 * AW_SECOND;

static async int
worker(void *argument)
{
        const char *name = aw_task_name(aw_task_current());
        const aw_time *duration = argument;
        int result;

        printf("%s start\n", name);
        result = await(aw_sleep(*duration));
        printf("%s %s\n", name, result == -1 ? "cancelled" : "done");
        printf("%s clean-up\n", name);
        errno = result == -1 ? ECANCELED : 0;
        return result;
}
