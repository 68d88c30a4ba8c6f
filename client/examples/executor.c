/* SPDX-License-Identifier: MIT */
/* A function that blocks, in the default executor and in one of our own; the loop keeps ticking. */
#include <await/executor.h>
#include <await/task_wait.h>

#include <stdio.h>
#include <unistd.h>

static struct aw_executor *pool; /* NULL: the default executor */

struct words {
        char first[8], second[8], joined[16];
};

/* Runs in a thread, so it may block. */
static int
join(void *argument, void **result)
{
        struct words *words = *result = argument;

        usleep(300000);
        return snprintf(words->joined, sizeof(words->joined), "%s%s", words->first, words->second);
}

static async int
join_elsewhere(void *argument)
{
        struct aw_job job = {.run = join, .argument = argument};

        return await(aw_run_in_executor(pool, &job, NULL));
}

static async int
executor(void *options)
{
        static struct words hello = {"Hello,", " world!", ""};
        static struct words jobs[4] = {{"job ", "0"}, {"job ", "1"}, {"job ", "2"}, {"job ", "3"}};
        struct aw_task *task = aw_spawn("hello", join_elsewhere, &hello), *tasks[4];

        for (int i = 0; i < 2 && await(aw_sleep(100 * AW_MILLISECOND)) == 0; i++)
                printf("tick %d\n", i);
        if (task == NULL || await(aw_join(task)) == -1)
                return -1;
        puts(hello.joined);
        pool = aw_thread_pool_create(&(struct aw_thread_pool_options){.max_workers = 2});
        aw_time start = aw_loop_now();
        for (int i = 0; i < 4; i++)
                tasks[i] = aw_spawn("job", join_elsewhere, &jobs[i]);
        if (pool == NULL || await(aw_gather(tasks, 4, NULL)) == -1)
                return -1;
        printf("['%s', '%s', '%s', '%s'] in about %.0f rounds\n", jobs[0].joined, jobs[1].joined,
               jobs[2].joined, jobs[3].joined, (double)(aw_loop_now() - start) / 300000);
        return await(aw_executor_shutdown(pool, false));
}

int
main(void)
{
        return aw_run(NULL, executor, NULL) == -1;
}
