/* SPDX-License-Identifier: MIT */
/* A function that blocks, in the default executor and in one of our own; the loop keeps ticking. */
#include <await/executor.h>
#include <await/task_wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs in a thread: it may block, and what it is given must last as long as it needs it. */
static int
join(void *argument, void **result)
{
        char **words = argument, *joined;

        usleep(300000);
        if (asprintf(&joined, "%s%s", words[0], words[1]) == -1)
                return -1;
        *result = joined;
        return 0;
}

static async int
ticker(void *argument)
{
        int i;

        (void)argument;
        for (i = 0; i < 2; i++) {
                if (await(aw_sleep(100 * AW_MILLISECOND)) == -1)
                        return -1;
                printf("tick %d\n", i);
        }
        return 0;
}

struct call {
        struct aw_executor *pool;
        char *words[2];
        void *result;
};

static async int
call(void *argument)
{
        struct call *self = argument;
        struct aw_job job = {.run = join, .argument = self->words, .drop = free};

        return await(aw_run_in_executor(self->pool, &job, &self->result));
}

static async int
four_calls(struct aw_executor *pool) {
        static struct call calls[] = {{.words={"job ", "0"}}, {.words={"job ", "1"}}, {.words={"job ", "2"}}, {.words={"job ", "3"}}};
        struct aw_task *tasks[4];
        ...
}
