/* SPDX-License-Identifier: MIT */
/* Work for other processes. One that dies fails its job, not the program. */
#include <await/executor.h>
#include <await/task_wait.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct sum {
        long n, sum;
};
static struct aw_executor *pool;

static ssize_t
sum_squares(const void *request, size_t length, void *reply, size_t reply_size)
{
        long n = *(const long *)request, *sum = reply;

        for (long i = *sum = 0; i < n; i++)
                *sum += i * i;
        return length <= reply_size ? (ssize_t)sizeof(*sum) : -1;
}

static ssize_t
die(const void *request, size_t length, void *reply, size_t reply_size)
{
        _exit(request == NULL || reply == NULL || length == reply_size ? 7 : 7);
}

static async int
sum_elsewhere(void *argument)
{
        struct sum *job = argument;

        return (int)await(aw_run_in_process(pool, sum_squares, &job->n, sizeof(job->n), &job->sum,
                                            sizeof(job->sum)));
}

static async int
processes(void *argument)
{
        static struct sum sums[] = {{10, 0}, {100, 0}, {1000, 0}};
        aw_process_function *const functions[] = {sum_squares, die};
        struct aw_process_pool_options options = {2, functions, 2};
        struct aw_task *tasks[3];

        (void)argument;
        pool = await(aw_process_pool_create(&options));
        if (pool == NULL)
                return -1;
        for (int i = 0; i < 3; i++)
                if ((tasks[i] = aw_spawn("sum", sum_elsewhere, &sums[i])) == NULL)
                        return -1;
        if (await(aw_gather(tasks, 3, NULL)) == -1)
                return -1;
        printf("[%ld, %ld, %ld]\n", sums[0].sum, sums[1].sum, sums[2].sum);
        if (await(aw_run_in_process(pool, die, NULL, 0, NULL, 0)) == -1 && errno == EPIPE)
                puts("a worker died; the program goes on");
        return await(aw_executor_shutdown(pool, false));
}

int
main(void)
{
        return aw_run(NULL, processes, NULL) == -1;
}
