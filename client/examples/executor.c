/* SPDX-License-Identifier: MIT */
/* A function that blocks, in the default executor and in one of our own; the loop keeps ticking. */
#include <await/executor.h>
#include <await/task_wait.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct joining {
        const char *a, *b;
        struct aw_executor *executor;
        void *joined;
};

static int /* in a thread, where it may block */
join(void *argument, void **result)
{
        const struct joining *words = argument;
        char text[100];

        usleep(300000);
        snprintf(text, sizeof(text), "%s%s", words->a, words->b);
        *result = strdup(text);
        return *result == NULL ? -1 : 0;
}

static async int
run_join(void *argument)
{
        struct joining *words = argument;
        struct aw_job job = {.run = join, .argument = words, .drop = free};

        return await(aw_run_in_executor(words->executor, &job, &words->joined));
}

static async int
ticker(void *argument)
{
        int i;

        for (i = 0; i < 2; i++) {
                if (await(aw_sleep(100 * AW_MILLISECOND)) == -1)
                        return -1;
                printf("tick %d\n", i);
        }
        return 0;
}

