/* SPDX-License-Identifier: MIT */
/* Cancel and time-out, and the clean-up that runs on the way out. */
#include <await/task_wait.h>
#include <errno.h>
#include <stdio.h>

static aw_time soon = 50 * AW_MILLISECOND, late = 10 * AW_SECOND;

static async int
worker(void *duration)
{
        const char *name = aw_task_name(aw_task_current());
        int result, error;

        printf("%s start\n", name);
        result = await(aw_sleep(*(aw_time *)duration));
        error = errno;
        printf("%s %s\n", name, result == 0 ? "done" : "cancelled");
        printf("%s clean-up\n", name);
        errno = error;
        return result;
}

static async int
cancel(void *argument)
{
        struct aw_task *a = aw_spawn("A", worker, &late), *b, *pair[2];
        int done;

        (void)argument;
        if (a == NULL || await(aw_sleep(soon)) == -1)
                return -1;
        aw_cancel(a);
        if (await(aw_join(a)) == -1 && errno == ECANCELED)
                puts("A was cancelled");

        b = aw_spawn("B", worker, &late);
        if (b != NULL && await(aw_wait_for(b, aw_loop_now() + soon)) == -1 && errno == ETIMEDOUT)
                puts("B timed out");

        pair[0] = aw_spawn("C", worker, &soon);
        pair[1] = aw_spawn("D", worker, &late);
        if (pair[0] == NULL || pair[1] == NULL)
                return -1;
        done = await(aw_wait(pair, 2, AW_FIRST_COMPLETED, AW_NEVER));
        printf("%d done, %d pending\n", done, 2 - done);
        aw_cancel(pair[1]);
        await(aw_join(pair[0]));
        await(aw_join(pair[1]));
        return 0;
}

int
main(void)
{
        return aw_run(NULL, cancel, NULL) == -1;
}
