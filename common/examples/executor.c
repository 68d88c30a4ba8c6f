/* SPDX-License-Identifier: MIT */
/* A function that blocks, in the default executor and in one of our own; the loop keeps ticking. */
#define _GNU_SOURCE 1
#include <await/executor.h>
#include <await/task_wait.h>
#include <stdio.h>
#include <unistd.h>

struct words {
        const char *first, *second;
        char joined[16];
};
static struct aw_executor *pool; /* NULL: the default one */

static int
join(void *argument, void **result)
{
        struct words *w = *result = argument;

        usleep(300000); /* this runs in a thread: it may block */
        return snprintf(w->joined, sizeof(w->joined), "%s%s", w->first, w->second);
}

static async int
join_elsewhere(void *w)
{
        return await(aw_run_in_executor(pool, &(struct aw_job){.run = join, .argument = w}, NULL));
}

static async int
executor(void *options)
{
        static struct words hello = {"Hello,", " world!", ""};
        static struct words jobs[] = {
                {"job ", "0", ""}, {"job ", "1", ""}, {"job ", "2", ""}, {"job ", "3", ""}};
        struct aw_task *task = aw_spawn("hello", join_elsewhere, &hello), *tasks[4];

        for (int i = 0; i < 2 && await(aw_sleep(100 * AW_MILLISECOND)) == 0; i++)
                printf("tick %d\n", i);
        if (task == NULL || await(aw_join(task)) == -1)
                return -1;
        puts(hello.joined);
        pool = aw_thread_pool_create(options);
        aw_time start = aw_loop_now();
        for (int i = 0; i < 4; i++)
                if ((tasks[i] = aw_spawn("job", join_elsewhere, &jobs[i])) == NULL)
                        return -1;
        if (pool == NULL || await(aw_gather(tasks, 4, NULL)) == -1)
                return -1;
        printf("['%s', '%s', '%s', '%s'] in about %.0f rounds\n", jobs[0].joined, jobs[1].joined,
               jobs[2].joined, jobs[3].joined, (double)(aw_loop_now() - start) / 300000);
        return await(aw_executor_shutdown(pool, false));
}

int
main(void)
{
        return aw_run(NULL, executor, &(struct aw_thread_pool_options){.max_workers = 2}) == -1;
}
